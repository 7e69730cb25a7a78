//! Why a server did not start, sorted by what a person has to do about it.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::store::StoreError;
use crate::store::postgres;
use crate::store::sqlite::OpenError;

use super::{DataError, Holder, StartError};

/// What is in the way of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The data folder, or something in it, may not be written.
    NotWritable,
    /// Every user may write into the data folder.
    OpenToAll,
    /// What the data folder is to be, or to stand in, is no folder.
    NoFolder,
    /// What stands in the place of the database is damaged, or none of ours.
    Damaged,
    /// There is no room on the disk of the data folder.
    DiskFull,
    /// Another server has the data folder; who, where that is known.
    Held(Option<Holder>),
    /// A later version wrote the data folder.
    TooNew {
        /// The schema of its database.
        found: u32,
        /// The newest that this version knows.
        known: u32,
    },
    /// The jobs of the data folder were moved to a PostgreSQL; what is left of its own database.
    Moved(PathBuf),
    /// Somebody else listens on the address.
    PortInUse,
    /// No interface of this machine has the address.
    AddressNotHere,
    /// This user may not listen on the address.
    PortNotAllowed,
    /// Other machines could reach it, and nobody would be asked for a token.
    Unguarded,
    /// The database that was named cannot be used; the error says all of it.
    Database(DatabaseTrouble),
    /// The object store that was named cannot be used; the error says all of it.
    Objects,
    /// Something else: the error says what.
    Other,
}

/// What has to be done about a database that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseTrouble {
    /// Change the configuration, or the database.
    Settings,
    /// Name the ways to it, by its pooler and past that.
    Pooler,
    /// Give the user its rights, or name another.
    NotAllowed,
    /// See that it can be reached.
    Unreachable,
    /// Stop the other server.
    InUse,
    /// Give this worker another name.
    NameTaken,
    /// Nobody knows.
    Failed,
}

impl From<&postgres::OpenError> for DatabaseTrouble {
    fn from(error: &postgres::OpenError) -> Self {
        use postgres::OpenError as E;
        match error {
            E::Address
            | E::TlsMode
            | E::Roots { .. }
            | E::Tls(_)
            | E::NoDatabase(_)
            | E::OldServer(_)
            | E::Encoding(_)
            | E::NoSchema
            | E::Standby(_)
            | E::TooNew { .. }
            | E::Foreign(_)
            | E::Gone(_) => Self::Settings,
            E::Pooled(_) | E::DirectPooled(_) | E::Elsewhere { .. } | E::Options(_) => Self::Pooler,
            E::Login { .. } | E::Rights { .. } => Self::NotAllowed,
            E::Unreachable { .. } => Self::Unreachable,
            E::InUse(_) => Self::InUse,
            E::Sql(_) | E::Thread(_) => Self::Failed,
        }
    }
}

impl StartError {
    /// What is in the way.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Data(DataError::Held { holder, .. }) => Trouble::Held(holder.clone()),
            Self::Open { source: OpenError::TooNew { found, known, .. }, .. } => {
                Trouble::TooNew { found: *found, known: *known }
            }
            Self::Data(DataError::Open { .. }) => Trouble::OpenToAll,
            Self::Data(DataError::Io { source, .. }) => of_folder(source.kind()),
            Self::Open { source: OpenError::Foreign(_), .. } => Trouble::Damaged,
            Self::Listen { source, .. } => of_address(source.kind()),
            Self::Open { source, .. } if source.is_disk_full() => Trouble::DiskFull,
            Self::Open { source, .. } if source.is_not_writable() => Trouble::NotWritable,
            Self::Open { source, .. } if source.is_damaged() => Trouble::Damaged,
            // Nothing but room is missing where a file that was just opened refuses to be written.
            Self::Recover(StoreError::Unavailable(_)) => Trouble::DiskFull,
            Self::Moved(path) => Trouble::Moved(path.clone()),
            Self::Database(error) => Trouble::Database(error.into()),
            Self::Join(_) => Trouble::Database(DatabaseTrouble::NameTaken),
            Self::Lost(_) => Trouble::Database(DatabaseTrouble::Unreachable),
            Self::Unguarded(_) => Trouble::Unguarded,
            Self::Objects(_) => Trouble::Objects,
            Self::Stopped => Trouble::Other,
            Self::Open { .. } | Self::Runner(_) | Self::Recover(_) => of_io(self),
        }
    }
}

/// By the first error of the system below it.
fn of_io(error: &(dyn Error + 'static)) -> Trouble {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return of_file(io.kind());
        }
        cause = error.source();
    }
    Trouble::Other
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system has many kinds of errors")]
fn of_file(kind: ErrorKind) -> Trouble {
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Trouble::NotWritable,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Trouble::DiskFull
        }
        _ => Trouble::Other,
    }
}

/// Where a folder was to be made or opened.
#[expect(clippy::wildcard_enum_match_arm, reason = "the system has many kinds of errors")]
fn of_folder(kind: ErrorKind) -> Trouble {
    match kind {
        ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::NotFound
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename => Trouble::NoFolder,
        _ => of_file(kind),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system has many kinds of errors")]
fn of_address(kind: ErrorKind) -> Trouble {
    match kind {
        ErrorKind::AddrInUse => Trouble::PortInUse,
        ErrorKind::AddrNotAvailable => Trouble::AddressNotHere,
        ErrorKind::PermissionDenied => Trouble::PortNotAllowed,
        _ => Trouble::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Database, Postgres};

    #[test]
    fn a_database_that_went_away_is_no_full_disk() {
        let lost = |database: &Database| {
            let error = StoreError::Unavailable("gone".to_owned());
            StartError::of_recovery(database, error).trouble()
        };
        let unreachable = Trouble::Database(DatabaseTrouble::Unreachable);
        assert_eq!(lost(&Database::Postgres(Postgres::default())), unreachable);
        assert_eq!(lost(&Database::Sqlite), Trouble::DiskFull);
    }

    #[test]
    fn the_system_says_what_is_in_the_way() {
        let data = |kind: ErrorKind| {
            let error = DataError::Io { path: "/d".into(), action: "it", source: kind.into() };
            StartError::from(error).trouble()
        };
        assert_eq!(data(ErrorKind::ReadOnlyFilesystem), Trouble::NotWritable);
        assert_eq!(data(ErrorKind::QuotaExceeded), Trouble::DiskFull);
        assert_eq!(data(ErrorKind::NotADirectory), Trouble::NoFolder);
        assert_eq!(data(ErrorKind::Interrupted), Trouble::Other);
        let listen = |kind: ErrorKind| {
            let address = ([127, 0, 0, 1], 80).into();
            StartError::Listen { address, source: kind.into() }.trouble()
        };
        assert_eq!(listen(ErrorKind::PermissionDenied), Trouble::PortNotAllowed);
        assert_eq!(listen(ErrorKind::AddrNotAvailable), Trouble::AddressNotHere);
    }
}
