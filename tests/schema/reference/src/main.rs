//! Prints the API reference to standard output.

use std::io::Write as _;

fn main() -> anyhow::Result<()> {
    std::io::stdout().write_all(reference::document()?.as_bytes())?;
    Ok(())
}
