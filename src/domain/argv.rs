//! The template of a command line, and what a job's arguments make of it.
//!
//! A placeholder `{name}` stays inside its one argument; no shell ever sees it. An argument that is
//! just a placeholder becomes one argument for each element of an array. An argument with a
//! placeholder that has no value is left out. `{{` and `}}` stand for the braces themselves.

use serde_json::{Map, Value};

/// One argument of a command, cut at its placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Argument(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(String),
}

/// A command line with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Argument>);

/// A command that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no program to start.
    #[error("the command is empty: its first element must be a program")]
    Empty,
    /// The program would come from a caller.
    #[error("the program `{0}` contains a placeholder: what runs must come from the configuration")]
    ProgramFromCaller(String),
    /// A brace without its partner.
    #[error(
        "`{0}` has a brace without its partner: write `{{name}}`, or `{{{{` and `}}}}` for plain braces"
    )]
    UnbalancedBrace(String),
    /// Between the braces stands no name.
    #[error("`{{{0}}}` is no placeholder: expected letters, digits, `_` or `-` between the braces")]
    BadPlaceholder(String),
    /// A NUL byte cannot stand in an argument.
    #[error("the argument at position {0} contains a NUL byte")]
    Nul(usize),
}

/// An argument value that cannot stand on this command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpandError {
    /// The name of the argument.
    pub name: String,
    /// What would be valid.
    pub message: String,
}

impl Template {
    /// Reads a command as the configuration gives it.
    pub fn parse(command: &[String]) -> Result<Self, TemplateError> {
        let program = command.first().filter(|p| !p.is_empty()).ok_or(TemplateError::Empty)?;
        let arguments = command
            .iter()
            .enumerate()
            .map(|(at, text)| parse_argument(at, text))
            .collect::<Result<Vec<_>, _>>()?;
        let fixed = |a: &Argument| a.0.iter().all(|p| matches!(p, Piece::Text(_)));
        if !arguments.first().is_some_and(fixed) {
            return Err(TemplateError::ProgramFromCaller(program.clone()));
        }
        Ok(Self(arguments))
    }

    /// The names of its placeholders, each once, in the order in which they first appear.
    pub fn placeholders(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for piece in self.0.iter().flat_map(|a| &a.0) {
            if let Piece::Placeholder(name) = piece
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }

    /// The command as the configuration writes it.
    pub fn texts(&self) -> Vec<String> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Piece::Placeholder(name) => format!("{{{name}}}"),
        };
        self.0.iter().map(|argument| argument.0.iter().map(text).collect()).collect()
    }

    /// The program, without arguments.
    pub fn program(&self) -> String {
        self.0.first().map(Argument::fixed_text).unwrap_or_default()
    }

    /// The command line for these arguments. A value that begins with `-` is refused where it would
    /// begin an argument, unless `allow_dash`: it would be read as an option.
    pub fn expand(
        &self,
        args: &Map<String, Value>,
        allow_dash: bool,
    ) -> Result<Vec<String>, ExpandError> {
        let mut argv = Vec::with_capacity(self.0.len());
        for argument in &self.0 {
            argument.expand_into(&mut argv, args, allow_dash)?;
        }
        Ok(argv)
    }
}

impl Argument {
    fn fixed_text(&self) -> String {
        let texts = self.0.iter().filter_map(|p| match p {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Placeholder(_) => None,
        });
        texts.collect()
    }

    fn expand_into(
        &self,
        argv: &mut Vec<String>,
        args: &Map<String, Value>,
        allow_dash: bool,
    ) -> Result<(), ExpandError> {
        if let [Piece::Placeholder(name)] = self.0.as_slice()
            && let Some(Value::Array(items)) = args.get(name)
        {
            for item in items {
                argv.push(checked(name, item, !allow_dash)?);
            }
            return Ok(());
        }
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Placeholder(name) => match args.get(name) {
                    None | Some(Value::Null) => return Ok(()),
                    Some(value) => {
                        text.push_str(&checked(name, value, !allow_dash && text.is_empty())?);
                    }
                },
            }
        }
        argv.push(text);
        Ok(())
    }
}

fn checked(name: &str, value: &Value, refuse_dash: bool) -> Result<String, ExpandError> {
    let refuse = |message: String| Err(ExpandError { name: name.to_owned(), message });
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return refuse(format!(
                "`{name}` stands on a command line: expected a string, a number or a boolean there"
            ));
        }
    };
    if text.contains('\0') {
        return refuse(format!("`{name}` contains a NUL byte, which no argument can hold"));
    }
    if refuse_dash && text.starts_with('-') {
        return refuse(format!(
            "`{name}` begins with `-` and would be read as an option: expected another first character (for a file, `./` before it)"
        ));
    }
    Ok(text)
}

fn parse_argument(at: usize, text: &str) -> Result<Argument, TemplateError> {
    if text.contains('\0') {
        return Err(TemplateError::Nul(at));
    }
    let unbalanced = || TemplateError::UnbalancedBrace(text.to_owned());
    let mut pieces = Vec::new();
    let mut fixed = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                fixed.push(c);
            }
            '{' => {
                let mut name = String::new();
                loop {
                    match chars.next().ok_or_else(unbalanced)? {
                        '}' => break,
                        c => name.push(c),
                    }
                }
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                if name.is_empty() || !name.chars().all(plain) {
                    return Err(TemplateError::BadPlaceholder(name));
                }
                if !fixed.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut fixed)));
                }
                pieces.push(Piece::Placeholder(name));
            }
            '}' => return Err(unbalanced()),
            c => fixed.push(c),
        }
    }
    if !fixed.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(fixed));
    }
    Ok(Argument(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(command: &[&str]) -> Result<Template, TemplateError> {
        Template::parse(&command.iter().map(|&s| s.to_owned()).collect::<Vec<_>>())
    }

    fn expand(command: &[&str], args: &Value, allow_dash: bool) -> Result<Vec<String>, String> {
        let args = args.as_object().cloned().unwrap_or_default();
        template(command).unwrap().expand(&args, allow_dash).map_err(|e| e.name)
    }

    #[test]
    fn a_value_stays_inside_its_one_argument() {
        let argv = expand(
            &["sh", "-c", "echo {x}; {{}}", "{y}"],
            &json!({"x": "$(id) a'b", "y": 2}),
            false,
        );
        assert_eq!(argv.unwrap(), ["sh", "-c", "echo $(id) a'b; {}", "2"]);
    }

    #[test]
    fn an_array_spreads_and_an_absent_value_takes_its_argument_with_it() {
        let command = ["tar", "{files}", "--level={level}", "{note}"];
        let argv = expand(&command, &json!({"files": ["a", "b"], "note": null}), false);
        assert_eq!(argv.unwrap(), ["tar", "a", "b"]);
        assert_eq!(expand(&command, &json!({"files": []}), false).unwrap(), ["tar"]);
    }

    #[test]
    fn a_value_cannot_become_an_option() {
        assert_eq!(expand(&["ls", "{p}"], &json!({"p": "-rf"}), false), Err("p".to_owned()));
        assert_eq!(expand(&["ls", "{p}"], &json!({"p": ["a", "-rf"]}), false), Err("p".to_owned()));
        assert_eq!(
            expand(&["ls", "{a}{p}"], &json!({"a": "", "p": "-l"}), false),
            Err("p".to_owned())
        );
        assert_eq!(expand(&["ls", "{p}"], &json!({"p": "-rf"}), true).unwrap(), ["ls", "-rf"]);
        assert_eq!(
            expand(&["ls", "--d={p}"], &json!({"p": "-1"}), false).unwrap(),
            ["ls", "--d=-1"]
        );
    }

    #[test]
    fn what_no_argument_can_hold_is_refused() {
        for value in [json!("a\0b"), json!({"k": 1}), json!([["nested"]])] {
            assert_eq!(expand(&["ls", "{p}"], &json!({"p": value}), false), Err("p".to_owned()));
        }
        assert_eq!(expand(&["ls", "x{p}"], &json!({"p": ["a"]}), false), Err("p".to_owned()));
    }

    #[test]
    fn a_bad_template_says_what_is_wrong() {
        let error = |command: &[&str]| template(command).unwrap_err();
        assert_eq!(error(&[]), TemplateError::Empty);
        assert_eq!(error(&[""]), TemplateError::Empty);
        assert!(matches!(error(&["{x}"]), TemplateError::ProgramFromCaller(_)));
        assert!(matches!(error(&["a", "{x"]), TemplateError::UnbalancedBrace(_)));
        assert!(matches!(error(&["a", "x}"]), TemplateError::UnbalancedBrace(_)));
        assert!(matches!(error(&["a", "{a b}"]), TemplateError::BadPlaceholder(_)));
        assert_eq!(template(&["a", "{x}{y}", "{x}"]).unwrap().placeholders(), ["x", "y"]);
    }
}
