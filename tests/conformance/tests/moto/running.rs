//! Runs moto as a process.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use crate::python::{folder, python};

/// A moto process. It runs until this value is dropped or the test program ends: its standard input is then closed.
pub(crate) struct Moto {
    child: Child,
    pub(crate) url: String,
}

impl Moto {
    /// Starts moto for an account. The process gets no environment variables of the machine.
    pub(crate) fn start(account: &str) -> Self {
        let mut command = Command::new(python("moto"));
        command.arg(folder("moto").join("start.py")).env_clear().env("MOTO_ACCOUNT_ID", account);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("moto starts");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut port).expect("its port");
        let port: u16 = port.trim().parse().expect("moto has started, and printed its port");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // moto keeps its connections open as long as its clients do, and has no data to save. So the process is killed.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
