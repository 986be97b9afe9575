//! Python packages, which `tests/tools/python.sh` installs once, outside the checkout.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of a test, such as `moto`, with its `requirements.txt` and its programs.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Runs a program, which must succeed, and returns its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Returns a Python interpreter that has the packages of this test.
pub(crate) fn python(name: &str) -> PathBuf {
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/python.sh");
    PathBuf::from(run(Command::new(install).arg(folder(name))).trim_end()).join("python")
}
