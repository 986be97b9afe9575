//! `MigrationNetwork`: the types of its spec and its status.

pub mod on_premises;
pub mod plan;
mod preflight_warning;
pub mod spec;
pub mod status;

pub use on_premises::*;
pub use plan::*;
pub use preflight_warning::*;
pub use spec::*;
pub use status::*;
