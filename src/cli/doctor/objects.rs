//! A look at the object store that the configuration names.

use std::os::unix::fs::PermissionsExt as _;

use super::{Finding, Grade};
use crate::domain::object_store::{ObjectStore, Place};
use crate::server::try_objects;

/// Whether a server could write, read, list and remove what it keeps there, and who else could.
pub(super) async fn look(settings: &ObjectStore) -> Vec<Finding> {
    let place = &settings.place;
    let mut findings = vec![match try_objects(settings).await {
        Ok(()) => {
            let text = format!("{place}: an object was written, read, listed and removed");
            Finding("object store", Grade::Good, text)
        }
        Err(error) => Finding("object store", Grade::Wrong, error.to_string()),
    }];
    findings.extend(open_to_others(settings));
    findings
}

/// Who else may read what jobs print.
fn open_to_others(settings: &ObjectStore) -> Option<Finding> {
    let warn = |text| Some(Finding("object store", Grade::Warning, text));
    match &settings.place {
        Place::Folder(folder) => {
            let mode = std::fs::metadata(folder).ok()?.permissions().mode() & 0o777;
            let name = folder.display();
            let text =
                format!("others may look into `{name}`, mode {mode:o}: run `chmod 700 {name}`");
            if mode.trailing_zeros() >= 6 { None } else { warn(text) }
        }
        Place::Bucket { .. } => {
            let endpoint = settings.endpoint.as_ref().filter(|url| url.starts_with("http:"))?;
            warn(format!("{endpoint} is reached without TLS: the network can read what jobs print"))
        }
    }
}
