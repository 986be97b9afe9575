//! Tests of tenant isolation: attempts to reach foreign objects and resources with the rights of a tenant.
//!
//! Two tenants share one account. The first has a network that is Ready. The second has rights in another namespace, a
//! class of its own for the same account, and another VPC. No attempt of the second may change the first tenant's
//! objects and resources, and nothing that the second can read may name them.

mod manifests;
mod metadata;
mod networks;
mod requests;
mod scene;
mod succession;

/// The number of attempts. Each module counts its own, and a test makes every attempt of each list.
const ATTEMPTS: usize = requests::REQUESTS.len()
    + manifests::MANIFESTS.len()
    + networks::NETWORKS.len()
    + metadata::ATTEMPTS.len()
    + succession::ATTEMPTS.len();

const _: () = assert!(ATTEMPTS >= 25, "there are fewer attempts than intended");
