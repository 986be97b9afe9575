//! A running moto.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use crate::python::{folder, python};

/// A moto that runs until this is dropped, or its program is gone: its standard input is then closed.
pub(crate) struct Moto {
    child: Child,
    pub(crate) url: String,
}

impl Moto {
    /// Starts moto as an account. Nothing of the machine's environment reaches it.
    pub(crate) fn start(account: &str) -> Self {
        let mut command = Command::new(python("moto"));
        command.arg(folder("moto").join("start.py")).env_clear().env("MOTO_ACCOUNT_ID", account);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("moto starts");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut port).expect("its port");
        let port: u16 = port.trim().parse().expect("moto has started, and said on which port");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It keeps its connections open for as long as it is asked to; there is nothing in it that is worth waiting for.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
