//! Runs the program `conformance` with a model of AWS in the place of AWS.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::emulator::{ACCOUNT, REGION};

/// What the program did.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
    pub(crate) report: String,
}

/// The program with its arguments.
pub(crate) struct Program {
    url: String,
    verb: &'static str,
    /// The access key, which names the account of the credentials.
    pub(crate) key: String,
    /// The seconds after which a wait fails.
    pub(crate) patience: &'static str,
    arguments: Vec<String>,
    report: PathBuf,
}

impl Program {
    /// Returns `conformance run` for an account, which the program finds at this URL.
    pub(crate) fn run(url: &str, test: &str, arguments: &[&str]) -> Self {
        let report = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("conformance-{test}.md"));
        let path = report.display().to_string();
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        let arguments = arguments.chain(["--report".to_owned(), path]).collect();
        Self { url: url.to_owned(), verb: "run", key: ACCOUNT.to_owned(), patience: "10", arguments, report }
    }

    /// Returns `conformance clean-up` for a run.
    pub(crate) fn clean_up(url: &str, run: &str) -> Self {
        Self { verb: "clean-up", arguments: vec![run.to_owned()], report: PathBuf::new(), ..Self::run(url, "", &[]) }
    }

    /// Returns the command. The program gets no environment variables of the machine.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
        command.env_clear().env("AWS_ENDPOINT_URL", &self.url).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", &self.key).env("AWS_SECRET_ACCESS_KEY", "secret");
        command.args([self.verb, "--real-account", ACCOUNT, "--region", REGION, "--interval", "0.02"]);
        command.args(["--patience", self.patience]).args(&self.arguments);
        command
    }

    /// Waits until the program ends.
    pub(crate) async fn end(self) -> Ended {
        let output = tokio::process::Command::from(self.command()).output().await.expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ended {
            code: output.status.code(),
            output: text(output.stdout),
            errors: text(output.stderr),
            report: fs::read_to_string(self.report).unwrap_or_default(),
        }
    }

    /// Starts the program, and returns its process and the name of its run.
    pub(crate) async fn start(self) -> (tokio::process::Child, String) {
        let mut command = tokio::process::Command::from(self.command());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let run = loop {
            let line = lines.next_line().await.expect("its output").expect("it announces the run");
            if let Some(run) = line.strip_prefix("run ").and_then(|rest| rest.split(':').next()) {
                break run.to_owned();
            }
        };
        // The program must be able to write on.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (child, run)
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within ten seconds");
}
