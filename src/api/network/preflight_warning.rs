//! `status.preflightWarnings`: findings of the preflight that do not block the network.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// One warning of the preflight. `docs/checks.md` explains every code.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightWarning {
    /// The code of the check, such as `MGN123`.
    #[schemars(length(max = 16))]
    pub code: String,

    /// The subject of the warning, such as a resource ID or an IPv4 range, for checks that can report several
    /// subjects. Empty for other checks.
    #[schemars(length(max = 128))]
    pub subject: String,

    /// The finding, and the action to take.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub message: String,
}
