//! A row of the score: what is measured, what would be good, and how the two sides came out.

use futures::future::BoxFuture;

/// How a figure is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// The lower, the better.
    AtMost {
        /// This is good.
        good: f64,
        /// This is the goal.
        goal: f64,
    },
    /// The higher, the better.
    AtLeast {
        /// This is good.
        good: f64,
        /// This is the goal.
        goal: f64,
    },
}

/// A row.
pub(crate) struct Row {
    /// Its name in the score.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) what: &'static str,
    /// What its figure is measured in; nothing for a ratio.
    pub(crate) unit: &'static str,
    /// How it is judged.
    pub(crate) bound: Bound,
    /// Measures both sides.
    pub(crate) run: fn() -> BoxFuture<'static, Outcome>,
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The figure that is judged.
    pub(crate) figure: f64,
    /// Our side, in words.
    pub(crate) ours: String,
    /// The other side, in words.
    pub(crate) other: String,
}

/// How it went.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Both sides were measured.
    Measured(Measured),
    /// The other side is not installed here.
    Missing(String),
    /// What was measured does not count.
    Failed(String),
}

impl Outcome {
    /// A ratio of two sides that were measured in turns.
    pub(crate) fn of_pairs(ours: &[f64], other: &[f64], unit: &str) -> Self {
        let ratios = ours.iter().zip(other).map(|(ours, other)| ours / other).collect();
        let (ours, other) = (spread(ours, unit), spread(other, unit));
        Self::Measured(Measured { figure: median(ratios), ours, other })
    }
}

impl Row {
    /// The row as it is printed, with what was in the way.
    pub(crate) fn line(&self, outcome: &Outcome, but: Option<&str>) -> String {
        let Measured { figure, ours, other } = match outcome {
            Outcome::Measured(measured) => measured,
            Outcome::Missing(why) => return self.without_figure(why, "not measured"),
            Outcome::Failed(why) => return self.without_figure(why, "**0**"),
        };
        let (sign, good, goal, verdict) = match self.bound {
            Bound::AtMost { good, goal } => {
                ("≤", good, goal, verdict(*figure <= good, *figure <= goal))
            }
            Bound::AtLeast { good, goal } => {
                ("≥", good, goal, verdict(*figure >= good, *figure >= goal))
            }
        };
        let Self { name, what, unit, .. } = self;
        let but = but.map(|but| format!(" ({but})")).unwrap_or_default();
        format!(
            "| {name} | {what} | {ours} | {other} | {figure:.2}{unit} | {sign} {good}{unit} | {sign} {goal}{unit} | {verdict}{but} |"
        )
    }
}

impl Row {
    fn without_figure(&self, why: &str, verdict: &str) -> String {
        format!("| {} | {} | {why} | | | | | {verdict} |", self.name, self.what)
    }
}

fn verdict(is_good: bool, is_goal: bool) -> &'static str {
    match (is_good, is_goal) {
        (_, true) => "**goal**",
        (true, false) => "good",
        (false, false) => "below",
    }
}

/// What stands above the rows.
pub(crate) fn heading() -> String {
    "| # | metric | ours | the other side | figure | good | goal | |\n|---|---|---|---|---|---|---|---|"
        .to_owned()
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The middle one, with the lowest and the highest.
pub(crate) fn spread(values: &[f64], unit: &str) -> String {
    let (low, high) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let decimals = if high < 10.0 { 2 } else { usize::from(high < 1_000.0) };
    let median = median(values.to_vec());
    format!("{median:.decimals$}{unit} ({low:.decimals$}–{high:.decimals$})")
}

/// What 99 of a hundred do not exceed.
pub(crate) fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() * 99 / 100]
}
