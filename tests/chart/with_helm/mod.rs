//! Tests that run Helm. Their names begin with `with_helm::`, and `make test` skips them.

mod admitted;
mod checked;
mod moved;
mod packaged;
mod release;
mod released;
mod rendered;
mod tools;
