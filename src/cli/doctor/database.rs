//! A look at the PostgreSQL that the configuration names.

use super::{APART_MS, Finding, Grade};
use crate::config::Postgres;
use crate::domain::clock::SystemClock;
use crate::server::{Inspection, inspect};

/// Whether a server could work there, and whether what it acknowledges lasts (P1).
pub(super) async fn look(told: &Postgres) -> Vec<Finding> {
    match inspect(&told.url, told.direct.as_deref(), &SystemClock).await {
        Ok(found) => findings(&found),
        Err(error) => vec![Finding("database", Grade::Wrong, error.to_string())],
    }
}

fn findings(found: &Inspection) -> Vec<Finding> {
    let Inspection { address, version, schema, tables, known, clock_ms, .. } = found;
    let pooler = found.pooler.as_ref();
    let pooler = pooler.map_or_else(String::new, |pooler| format!(", by the pooler at {pooler}"));
    let about = format!("PostgreSQL {version} at {address}{pooler}, schema `{schema}`");
    let about = match tables {
        None => format!("{about}, empty: the first start makes its tables"),
        Some(tables) if tables == known => format!("{about}, version {tables} of its tables"),
        Some(tables) => {
            format!("{about}, version {tables} of its tables: the next start makes {known} of it")
        }
    };
    let mut all = vec![Finding("database", Grade::Good, about)];
    let lasting = durability(found);
    if lasting.is_empty() {
        let text = "what was acknowledged survives a loss of power".to_owned();
        all.push(Finding("durability", Grade::Good, text));
    }
    all.extend(lasting.into_iter().map(|text| Finding("durability", Grade::Warning, text)));
    let grade = if clock_ms.abs() > APART_MS { Grade::Warning } else { Grade::Good };
    let text = format!("that of the database is {clock_ms} ms from this one");
    all.push(Finding("clock of the database", grade, text));
    all
}

/// What may cost acknowledged jobs.
fn durability(found: &Inspection) -> Vec<String> {
    let mut told: Vec<String> = found
        .unsafe_settings
        .iter()
        .map(|name| format!("`{name}` is off: a loss of power may damage the database (P1)"))
        .collect();
    match found.synchronous_commit.as_str() {
        "off" => told.push(
            "`synchronous_commit` is off: Longhaul turns it on for itself, whatever else writes there may be lost when the power fails (P1)"
                .to_owned(),
        ),
        setting @ ("local" | "remote_write") if found.standbys > 0 => told.push(format!(
            "`synchronous_commit` is `{setting}`: after a failover acknowledged jobs may be missing (P1)"
        )),
        _ => {}
    }
    if found.asynchronous > 0 {
        told.push(format!(
            "{} of {} standbys are asynchronous: after a failover to one acknowledged jobs may be missing (P1): name it in `synchronous_standby_names`",
            found.asynchronous, found.standbys
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Inspection {
        Inspection {
            address: "u@h:5432/d".to_owned(),
            pooler: None,
            version: "15.8".to_owned(),
            schema: "public".to_owned(),
            tables: Some(1),
            known: 1,
            synchronous_commit: "on".to_owned(),
            unsafe_settings: Vec::new(),
            standbys: 0,
            asynchronous: 0,
            clock_ms: 0,
        }
    }

    #[test]
    fn whatever_may_cost_acknowledged_jobs_is_told() {
        // P1
        let warned = |found: &Inspection| {
            let findings = findings(found);
            let warned = findings.iter().filter(|finding| finding.1 == Grade::Warning);
            warned.map(|finding| (finding.0, finding.2.clone())).collect::<Vec<_>>()
        };
        assert_eq!(warned(&found()), []);
        let words = |found: Inspection, what: &str, words: &str| {
            let warned = warned(&found);
            assert!(warned.len() == 1 && warned[0].0 == what, "{warned:?}");
            assert!(warned[0].1.contains(words), "{warned:?}");
        };
        let setting = |text: &str| text.to_owned();
        words(Inspection { synchronous_commit: setting("off"), ..found() }, "durability", "is off");
        let local = setting("local");
        assert_eq!(warned(&Inspection { synchronous_commit: local.clone(), ..found() }), []);
        let followed = Inspection { standbys: 2, ..found() };
        words(
            Inspection { synchronous_commit: local, ..followed.clone() },
            "durability",
            "`local`",
        );
        words(Inspection { asynchronous: 1, ..followed }, "durability", "1 of 2 standbys");
        let unsafe_settings = vec![setting("fsync")];
        words(Inspection { unsafe_settings, ..found() }, "durability", "`fsync` is off");
        let an_hour = Inspection { clock_ms: -3_600_000, ..found() };
        words(an_hour, "clock of the database", "-3600000 ms");
    }
}
