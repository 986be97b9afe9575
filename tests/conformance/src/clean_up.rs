//! Deletes everything that a run created, and nothing else.

use std::{collections::BTreeMap, fmt};

use crate::{
    resource::{IN_ORDER, Kind},
    target::Target,
};

/// The number of times that nothing must be found: a list can lack a resource that was created just now.
const EMPTY_FINDS: u32 = 2;

/// A resource of the run that remains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The kind of the resource, or of what could not be listed.
    kind: Kind,
    /// The ID; none if the resources of this kind could not be listed.
    id: Option<String>,
    /// The last error.
    error: String,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().unwrap_or("cannot be listed");
        write!(f, "{:?} {id}: {}", self.kind, self.error)
    }
}

/// Deletes the resources of the run until none is found, or until the patience of the target ends. Returns what remains.
///
/// Deletions take time and depend on each other, so each round tries all of them. A VPC is deleted when nothing else is
/// left, because it leads to the hosted zones and Resolver endpoints of the run.
pub async fn clean_up(target: &Target) -> Vec<Leftover> {
    let (mut empty, mut left) = (0, Vec::new());
    let mut errors = BTreeMap::new();
    for _ in 0..target.reads() {
        left = round(target, &mut errors).await;
        empty = if left.is_empty() { empty + 1 } else { 0 };
        if empty == EMPTY_FINDS {
            break;
        }
        target.pause().await;
    }
    left
}

/// Tries to delete everything once. Returns what it found.
async fn round(target: &Target, errors: &mut BTreeMap<String, String>) -> Vec<Leftover> {
    let mut found = Vec::new();
    for kind in IN_ORDER {
        let ids = match kind.find(target).await {
            Ok(ids) => ids,
            Err(error) => {
                found.push(Leftover { kind, id: None, error });
                continue;
            }
        };
        let is_last = kind == Kind::Vpc || kind == Kind::DhcpOptions;
        let waits = is_last && found.iter().any(|other| other.kind != Kind::Vpc);
        for id in ids {
            let outcome = if waits { Ok(()) } else { kind.delete(target, &id).await };
            if let Err(error) = outcome {
                errors.insert(id.clone(), error);
            }
            let error = errors.get(&id).cloned().unwrap_or_else(|| "its deletion takes time".to_owned());
            found.push(Leftover { kind, id: Some(id), error });
        }
    }
    found
}
