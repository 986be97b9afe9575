//! Processes that end with the process that started them, even if that one is killed.
//!
//! A test that is killed runs no destructor, and a server left behind holds ports and memory for good. Linux has
//! `PR_SET_PDEATHSIG` for this, but it fires when the *thread* that started the child ends, and test runners start
//! children from threads that end early. So each program runs under a small shell script (`supervised.sh`) that reads a
//! pipe: when our process ends, in any way, the kernel closes our end, and the script ends the program. Signals are
//! sent through the same pipe, so no signal can reach another process that got the same process ID later.
//!
//! The script and the program form a process group of their own: Ctrl-C in a terminal reaches only us, and we decide
//! in which order the programs stop. The program starts with SIGINT ignored, like every background job of a shell.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

const SCRIPT: &str = include_str!("supervised.sh");

/// The variables from which HTTP clients take a proxy. All programs that are started here communicate over loopback.
const PROXY_VARIABLES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// Makes `command` connect to its servers directly, even if the environment names a proxy.
pub fn without_proxies(command: &mut Command) -> &mut Command {
    for variable in PROXY_VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// A running program that ends when this value is dropped, and when the process that holds it ends in any way.
pub struct Supervised {
    name: String,
    log: PathBuf,
    pid: u32,
    script: Child,
    /// Our end of the pipe; the standard library opens it close-on-exec, so no other child keeps it open.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervised {
    /// Starts `program` (a path, or a name found in `PATH`), and appends its output to the file `log`.
    ///
    /// `describe` adds arguments, environment and working folder; the environment is ours without the proxy variables.
    /// Standard input is empty. Fails if the program does not exist. A program that ends at once is not an error here:
    /// see [`is_running`](Self::is_running).
    pub fn spawn(
        program: impl AsRef<OsStr>,
        log: impl Into<PathBuf>,
        describe: impl for<'a> FnOnce(&'a mut Command) -> &'a mut Command,
    ) -> io::Result<Self> {
        let program = program.as_ref();
        let log = log.into();
        let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();

        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "supervised"]).arg(program);
        describe(without_proxies(&mut command))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .process_group(0);
        let mut script = command.spawn()?;
        let orders = script.stdin.take();
        let mut answers = BufReader::new(script.stdout.take().ok_or_else(|| io::Error::other("no pipe from /bin/sh"))?);

        let mut first = String::new();
        answers.read_line(&mut first)?;
        let Ok(pid) = first.trim_end().parse() else {
            script.wait()?;
            let reason = tail(&log, 1);
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{name} was not started: {reason}")));
        };
        Ok(Self { name, log, pid, script, orders, answers })
    }

    /// The file name of the program.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id of the program itself, not of the shell that watches it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file that receives the program's output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last `lines` lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, lines)
    }

    /// Whether the program has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.script.try_wait(), Ok(None))
    }

    /// Sends the signal `name` (`TERM`, `STOP`, `CONT`, …), and returns when it has been sent.
    ///
    /// Fails if the program has ended, or if there is no such signal.
    pub fn signal(&mut self, name: &str) -> io::Result<()> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("'{name}' is not a name of a signal")));
        }
        if !self.is_running() {
            return Err(self.not_running());
        }
        self.order(name)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        match answer.trim_end() {
            "sent" => Ok(()),
            // The program ended, and the script with it, before the line was read.
            "" => Err(self.not_running()),
            _ => Err(io::Error::other(format!("signal {name} could not be sent to {}", self.name))),
        }
    }

    /// Ends the program with SIGKILL, as a crash would, and waits for its end. No error if it has ended before.
    ///
    /// An end by signal N is reported as exit code 128 + N, also by [`stop`](Self::stop).
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        match self.order("KILL") {
            // A broken pipe means that the script has ended, and it ends after the program.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => self.script.wait(),
        }
    }

    /// Ends the program with SIGTERM, five seconds later with SIGKILL, and waits for its end.
    pub fn stop(&mut self) -> io::Result<ExitStatus> {
        // The script gets the same event as when our process is killed, so that every test covers it.
        self.orders = None;
        self.script.wait()
    }

    fn not_running(&self) -> io::Error {
        io::Error::new(io::ErrorKind::NotFound, format!("{} is not running", self.name))
    }

    fn order(&mut self, line: &str) -> io::Result<()> {
        let orders = self.orders.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        // A single write: a line that is shorter than PIPE_BUF is not split.
        orders.write_all(format!("{line}\n").as_bytes())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // An error cannot be reported here. The script ends the program on its own.
        let _ = self.stop();
    }
}

impl fmt::Debug for Supervised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (process {})", self.name, self.pid)
    }
}

/// Returns the last `lines` lines of a file. Empty if the file cannot be read, because the text only explains another
/// error.
fn tail(file: &Path, lines: usize) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
