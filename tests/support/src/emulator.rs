//! The AWS emulator as a process.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use control_plane::Supervised;

use crate::options::{Clock, Delays, LabOptions};
use crate::programs::Programs;

const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// The text that it prints before its address.
const ANNOUNCEMENT: &str = "listening on ";

/// A running emulator. It stops when this value is dropped.
#[derive(Debug)]
pub(crate) struct Emulator {
    /// Dropping this value ends the process.
    _process: Supervised,
    url: String,
}

impl Emulator {
    /// Starts the emulator, and returns when it listens. It writes its log into `folder`.
    pub(crate) fn start(programs: &Programs, options: &LabOptions, folder: &Path) -> Result<Self> {
        let log = folder.join("aws-emulator.log");
        let mut process = Supervised::spawn(programs.emulator(), &log, |command| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            command.args(command_line(options)).env_clear().env("PATH", path)
        })
        .context("cannot start the AWS emulator")?;
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Some(url) = announced_address(&log) {
                return Ok(Self { _process: process, url });
            }
            if !process.is_running() || Instant::now() > deadline {
                bail!("the AWS emulator does not listen; its log:\n{}", process.log_tail(30));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn command_line(options: &LabOptions) -> Vec<String> {
    let mut line = vec!["--listen=127.0.0.1:0".to_owned()];
    match options.clock {
        Clock::Manual => line.push("--clock=manual".to_owned()),
        Clock::Wall { speed } => line.extend(["--clock=wall".to_owned(), format!("--speed={speed}")]),
    }
    line.push(match options.delays {
        Delays::None => "--delays=none".to_owned(),
        Delays::Aws => "--delays=aws".to_owned(),
    });
    line.push(format!("--throttle={}", if options.throttle { "on" } else { "off" }));
    line
}

/// Returns the address from the log. A line is complete only if it ends with a line break.
fn announced_address(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let complete_lines = text.rsplit_once('\n')?.0;
    complete_lines.lines().find_map(|line| line.strip_prefix(ANNOUNCEMENT)).map(|url| url.trim().to_owned())
}
