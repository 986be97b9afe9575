//! The part of the search that takes minutes. `make soak` runs all of it.
// The futures of a whole search are deep.
#![recursion_limit = "256"]
#![allow(clippy::expect_used, clippy::large_futures, reason = "a test fails by panicking, and runs one future")]

mod promises;
