//! moto, installed once, outside the checkout: into `$MGNET_CACHE`, or `mgnet` in the user's cache folder; and started.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::Mutex,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto");

/// A moto that runs until this is dropped, or its program is gone: its standard input is then closed.
pub(crate) struct Moto {
    child: Child,
    pub(crate) url: String,
}

fn cache() -> PathBuf {
    let user_cache = || {
        let by_variable = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let by_home = || env::home_dir().expect("a home folder").join(".cache");
        by_variable.unwrap_or_else(by_home).join("mgnet")
    };
    env::var_os("MGNET_CACHE").map_or_else(user_cache, PathBuf::from)
}

/// The version that `requirements.txt` pins.
fn version() -> String {
    let requirements = fs::read_to_string(Path::new(FOLDER).join("requirements.txt")).expect("requirements.txt");
    let pinned = requirements.lines().find_map(|line| line.strip_prefix("moto[server]=="));
    pinned.expect("a pinned version").trim().to_owned()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
}

/// A Python that has moto. Installing goes into a folder of its own, which becomes visible when it is complete.
fn python() -> PathBuf {
    // Tests of one program run side by side, and installing takes 300 MB.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock();
    let folder = cache().join(format!("moto-{}", version()));
    let python = folder.join("bin").join("python");
    if python.exists() {
        return python;
    }
    eprintln!("installing moto {} into {}, once; takes about a minute", version(), folder.display());
    fs::create_dir_all(cache()).expect("a cache folder");
    let partial = folder.with_extension(format!("partial-{}", process::id()));
    run(Command::new("python3").args([OsStr::new("-m"), OsStr::new("venv"), partial.as_os_str()]));
    let requirements = Path::new(FOLDER).join("requirements.txt");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(partial.join("bin").join("python")).args(pip).arg(requirements));
    match fs::rename(&partial, &folder) {
        Ok(()) => {}
        // Another program was faster.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            fs::remove_dir_all(&partial).expect("removed");
        }
        Err(error) => panic!("{}: {error}", folder.display()),
    }
    python
}

impl Moto {
    /// Starts moto as an account. Nothing of the machine's environment reaches it.
    pub(crate) fn start(account: &str) -> Self {
        let mut command = Command::new(python());
        command.arg(Path::new(FOLDER).join("start.py")).env_clear().env("MOTO_ACCOUNT_ID", account);
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
