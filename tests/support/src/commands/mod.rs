//! The commands of `lab`, and the modules that they share.

pub(crate) mod bench;
pub(crate) mod demo;
mod follow;
pub(crate) mod hold;
mod local;
pub(crate) mod memory;
mod on_premises;
mod story;
mod tokyo;
pub(crate) mod up;
