//! A server that did not start: one sentence for each reason, the exit code that tells a script
//! whether to change something or to try again, and what to do next.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::server::{DatabaseTrouble, Holder, Trouble};

use super::exit::{CONFIGURATION, FAILED, Failure, NOT_ALLOWED, TRY_AGAIN, UNREACHABLE};

/// What a start was given, as far as it can be in the way.
pub(super) struct Given {
    pub(super) data: PathBuf,
    pub(super) listen: SocketAddr,
}

/// The failure that `error` is.
pub(super) fn failure(error: &dyn Error, trouble: &Trouble, given: &Given) -> Failure {
    let Given { data, listen } = given;
    let folder = data.display();
    let told = |code, message: String| Failure::new(code, message).caused_by(error);
    match trouble {
        Trouble::NotWritable => told(NOT_ALLOWED, format!("the data folder `{folder}` may not be written by this user"))
            .hint("give it to the user that runs the server, or name another one with `--data`"),
        // It says itself what to do.
        Trouble::OpenToAll => Failure::new(NOT_ALLOWED, error.to_string()),
        Trouble::NoFolder => told(CONFIGURATION, format!("the data folder `{folder}` cannot be made: something on its path is no folder, or takes none"))
            .hint("name another one with `--data`"),
        Trouble::Damaged => told(FAILED, format!("the database in the data folder `{folder}` is damaged, or none of Longhaul"))
            .hint("put back a copy of the whole folder, or name another one with `--data`; nothing was changed"),
        Trouble::DiskFull => told(TRY_AGAIN, format!("the disk of the data folder `{folder}` is full"))
            .hint("make room there and start again: nothing that was acknowledged is lost"),
        // Who holds it is all there is to say.
        Trouble::Held(holder) => Failure::new(TRY_AGAIN, held(data, holder.as_ref()))
            .hint("stop that one, or name another folder with `--data`"),
        Trouble::TooNew { found, known } => Failure::new(CONFIGURATION, format!(
            "the data folder `{folder}` was written by a newer Longhaul: its schema is {found}, and this version, {}, knows schemas up to {known}",
            env!("CARGO_PKG_VERSION"),
        ))
        .hint("start that version or a later one, or name another folder with `--data`"),
        Trouble::Moved(left) => Failure::new(CONFIGURATION, format!("the jobs of the data folder `{folder}` were moved to a PostgreSQL"))
            .hint(format!("name that one with `--database`; to begin anew without them, remove `{}`", left.display())),
        Trouble::PortInUse => Failure::new(CONFIGURATION, format!("port {} of {} is in use", listen.port(), listen.ip()))
            .hint(format!(
                "stop what listens there, or choose another port: `--listen {}`, or port 0 for any free one",
                SocketAddr::new(listen.ip(), listen.port().checked_add(1).unwrap_or(8080)),
            )),
        Trouble::AddressNotHere => Failure::new(CONFIGURATION, format!("this machine has no address {}", listen.ip()))
            .hint("choose one that it has with `--listen`, like `127.0.0.1:8080`"),
        Trouble::PortNotAllowed => Failure::new(NOT_ALLOWED, format!("this user may not listen on port {}", listen.port()))
            .hint("choose a port above 1023 with `--listen`, like `127.0.0.1:8080`"),
        Trouble::Unguarded => Failure::new(CONFIGURATION, format!("other machines could reach `{listen}`, and there is no token yet, so nobody would be asked for one"))
            .hint("make the first token with `longhaul token create NAME --scope admin` and the same `--data` or `--config`, listen on a loopback address like `127.0.0.1:8080`, or let everybody in with `--insecure-no-auth`"),
        Trouble::Database(what) => database(*what, error),
        Trouble::Objects => Failure::new(CONFIGURATION, error.to_string())
            .hint("`longhaul doctor` tries it again; without [object_store] long logs stay with their workers"),
        Trouble::Other => told(FAILED, "the server cannot start".to_owned()),
    }
}

/// The error says itself what is wrong; nothing was changed.
fn database(what: DatabaseTrouble, error: &dyn Error) -> Failure {
    let (code, hint) = match what {
        DatabaseTrouble::Settings => {
            (CONFIGURATION, "change `--database`, or the database; nothing in it was changed")
        }
        DatabaseTrouble::Pooler => (
            CONFIGURATION,
            "see \"Behind a connection pooler\" in the README; nothing in the database was changed",
        ),
        DatabaseTrouble::NotAllowed => (
            NOT_ALLOWED,
            "name another user in `--database`, or give this one what it needs; nothing was changed",
        ),
        DatabaseTrouble::Unreachable => {
            (UNREACHABLE, "see that it runs and lets this machine in, and start again")
        }
        DatabaseTrouble::InUse => {
            (TRY_AGAIN, "stop that one, or name another database with `--database`")
        }
        DatabaseTrouble::NameTaken => (
            CONFIGURATION,
            "give this one another `name` in [worker], or LONGHAUL_WORKER_NAME; if that one is dead, wait until its lease is over",
        ),
        DatabaseTrouble::Failed => return Failure::new(FAILED, error.to_string()),
    };
    Failure::new(code, error.to_string()).hint(hint)
}

fn held(data: &Path, holder: Option<&Holder>) -> String {
    let who = match holder {
        Some(Holder { pid, url: Some(url), version }) => {
            format!("another server, process {pid} at {url}, version {version}")
        }
        Some(Holder { pid, url: None, .. }) => {
            format!("another server, process {pid}, which does not listen yet or no more")
        }
        None => "another process".to_owned(),
    };
    format!("the data folder `{}` is held by {who}", data.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_code() {
        let given = Given { data: "/d".into(), listen: ([127, 0, 0, 1], 80).into() };
        let code = |trouble: &Trouble| failure(&std::fmt::Error, trouble, &given).code;
        for (trouble, expected) in [
            (Trouble::NotWritable, 77),
            (Trouble::DiskFull, 75),
            (Trouble::OpenToAll, 77),
            (Trouble::NoFolder, 78),
            (Trouble::Damaged, 1),
            (Trouble::Held(None), 75),
            (Trouble::TooNew { found: 2, known: 1 }, 78),
            (Trouble::Moved("/d/x".into()), 78),
            (Trouble::PortInUse, 78),
            (Trouble::AddressNotHere, 78),
            (Trouble::PortNotAllowed, 77),
            (Trouble::Unguarded, 78),
            (Trouble::Database(DatabaseTrouble::Settings), 78),
            (Trouble::Database(DatabaseTrouble::Pooler), 78),
            (Trouble::Database(DatabaseTrouble::NotAllowed), 77),
            (Trouble::Database(DatabaseTrouble::Unreachable), 69),
            (Trouble::Database(DatabaseTrouble::InUse), 75),
            (Trouble::Database(DatabaseTrouble::NameTaken), 78),
            (Trouble::Other, 1),
        ] {
            assert_eq!(code(&trouble), expected, "{trouble:?}");
        }
    }
}
