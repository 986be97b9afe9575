//! The Kubernetes API of the operator: the two kinds, their status, and the vocabulary of conditions.
//!
//! The types are plain data, as the API server stores them. Nothing is parsed, defaulted or decided in this module;
//! the only behavior is to keep lists of conditions well-formed, and to generate the CRDs.

#![allow(unreachable_pub, reason = "`KubeSchema` repeats each public struct inside a function")]

pub mod class;
pub mod conditions;
pub mod network;
mod reasons;
pub mod schema;
mod tolerant;
mod vocabulary;

pub use class::{
    AbandonedNetwork, AccountSpec, AllowedFrom, AllowedNamespaces, ClassLimits, EndpointPolicyLimits,
    MigrationNetworkClass, MigrationNetworkClassSpec, MigrationNetworkClassStatus, NamespaceSelector,
    NamespaceSelectorOperator, NamespaceSelectorRequirement, NetworkDefaults, OnPremisesSpec, TagKeyLimits,
};
pub use conditions::{ConditionStatus, ConditionType, Reason};
pub use network::*;
pub use vocabulary::*;

/// The API group of both kinds.
pub const GROUP: &str = "mgnet.dev";

/// The finalizer of a network, from before its first write to AWS until all its resources are deleted from AWS or
/// retained, and of a class while networks use it.
pub const FINALIZER: &str = "mgnet.dev/finalizer";

/// The annotation that marks the default class, which networks use that name no class. Its value is `"true"`.
pub const DEFAULT_CLASS_ANNOTATION: &str = "mgnet.dev/is-default-class";

/// The annotation that allows the published addresses of resources to change. Its value lists `<slot>=<id>` pairs,
/// separated by commas. The ID limits each permission to the resource that exists now, not a later one in the same
/// slot.
pub const ADDRESS_CHANGE_ANNOTATION: &str = "mgnet.dev/allow-address-change";

/// The annotation that moves a network to another cluster when it is deleted with `deletionPolicy: Retain`. Its value is the
/// UID of the namespace `kube-system` of that cluster. The operator stores it as the AWS tag of the same name on every
/// resource that it retains.
pub const TRANSFER_ANNOTATION: &str = "mgnet.dev/transfer-to";

/// The annotation with which the platform team states on a class that an AWS account is gone for good. Its value is the ID
/// of the account. Networks in that account are then deleted without access to it, and their resources are listed in the
/// status of the class.
pub const ACCOUNT_GONE_ANNOTATION: &str = "mgnet.dev/account-gone";

/// The annotation that requests a reconcile now, on a network or a class. Each new value requests one; `status` reports the
/// last value that was handled.
pub const RECONCILE_ANNOTATION: &str = "mgnet.dev/reconcile-at";

/// The most characters of that annotation that `status` reports.
pub const MAX_RECONCILE_REQUEST: usize = 256;

/// The field manager of every write that the operator makes to the Kubernetes API.
pub const FIELD_MANAGER: &str = "mgnet";
