//! What users write and read: the two kinds, their status, and the vocabulary of conditions.
//!
//! Types here are plain data as the API server stores them. Nothing is parsed, defaulted or decided in this module; the
//! only behaviour is what keeps a list of conditions well-formed, and the generation of the CRDs.

#![allow(unreachable_pub, reason = "`KubeSchema` repeats each public struct inside a function")]

pub mod class;
pub mod conditions;
pub mod network;
mod reasons;
pub mod schema;
mod vocabulary;

pub use class::{
    AccountSpec, AllowedFrom, AllowedNamespaces, ClassLimits, MigrationNetworkClass, MigrationNetworkClassSpec,
    MigrationNetworkClassStatus, NamespaceSelector, NamespaceSelectorOperator, NamespaceSelectorRequirement,
    NetworkDefaults,
};
pub use conditions::{ConditionStatus, ConditionType, Reason};
pub use network::*;
pub use vocabulary::*;

/// The API group of both kinds.
pub const GROUP: &str = "mgnet.dev";

/// The only version served.
pub const VERSION: &str = "v1alpha1";

/// The finalizer that a network carries from before its first AWS write until nothing of it is left in AWS, and a class
/// while networks use it.
pub const FINALIZER: &str = "mgnet.dev/finalizer";

/// The annotation that makes a class the one used by networks that name none; its value is `"true"`.
pub const DEFAULT_CLASS_ANNOTATION: &str = "mgnet.dev/is-default-class";

/// The annotation by which somebody lets published addresses of resources change: `<slot>=<id>`, several with commas. The id
/// makes it hold for the resource that is there now, and not for one that comes later.
pub const ADDRESS_CHANGE_ANNOTATION: &str = "mgnet.dev/allow-address-change";

/// The field manager of every write of the operator to the Kubernetes API.
pub const FIELD_MANAGER: &str = "mgnet";
