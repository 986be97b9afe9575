//! What the preflight found that does not stand in the way, as status lists it.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// One warning of the preflight. `docs/checks.md` has a section for each code.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightWarning {
    /// The code of the check, such as `MGN123`.
    #[schemars(length(max = 16))]
    pub code: String,

    /// What it is about, where one check can find several things: an id, a range; else empty.
    #[schemars(length(max = 128))]
    pub subject: String,

    /// What was found and what to do.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub message: String,
}
