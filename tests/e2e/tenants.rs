//! What tenants cannot do: attempts to reach what is not theirs, with the rights that tenants have.
//!
//! There are two tenants in one account. One has a network that is Ready. The other has rights in another namespace, a class
//! of its own that leads into the same account, and a VPC beside. Whatever it tries, the first one's objects and resources
//! are afterwards what they were, and nothing that it can read names them.

mod manifests;
mod metadata;
mod networks;
mod requests;
mod scene;
mod succession;

/// How many ways there are. Each is counted where it is written down, and each of these lists is gone through by a test.
const ATTEMPTS: usize = requests::REQUESTS.len()
    + manifests::MANIFESTS.len()
    + networks::NETWORKS.len()
    + metadata::ATTEMPTS.len()
    + succession::ATTEMPTS.len();

const _: () = assert!(ATTEMPTS >= 25, "there are fewer attempts than were meant to be made");
