//! Installs Python packages once, outside the checkout: into `$MGNET_CACHE`, or into `mgnet` in the user's cache
//! folder.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::Mutex,
};

/// The folder of a test, such as `moto`, with its `requirements.txt` and its programs.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn cache() -> PathBuf {
    let user_cache = || {
        let by_variable = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let by_home = || env::home_dir().expect("a home folder").join(".cache");
        by_variable.unwrap_or_else(by_home).join("mgnet")
    };
    env::var_os("MGNET_CACHE").map_or_else(user_cache, PathBuf::from)
}

/// Returns the version to which `requirements.txt` pins the package. The line may also name extras.
fn version(name: &str) -> String {
    let requirements = fs::read_to_string(folder(name).join("requirements.txt")).expect("requirements.txt");
    let mut lines = requirements.lines().filter(|line| line.starts_with(name));
    lines.find_map(|line| Some(line.split_once("==")?.1.trim().to_owned())).expect("a pinned version")
}

/// Runs a program, which must succeed, and returns its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Returns a Python interpreter that has the package with this name. The package is installed into a temporary folder,
/// which gets its final name when the installation is complete.
pub(crate) fn python(name: &str) -> PathBuf {
    // The tests of one program run in parallel, and an installation takes 300 MB.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock();
    let installed = cache().join(format!("{name}-{}", version(name)));
    let python = installed.join("bin").join("python");
    if python.exists() {
        return python;
    }
    eprintln!(
        "installing {name} {} into {}; this happens once and takes about a minute",
        version(name),
        installed.display()
    );
    fs::create_dir_all(cache()).expect("a cache folder");
    let partial = installed.with_extension(format!("partial-{}", process::id()));
    run(Command::new("python3").args([OsStr::new("-m"), OsStr::new("venv"), partial.as_os_str()]));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(partial.join("bin").join("python")).args(pip).arg(folder(name).join("requirements.txt")));
    match fs::rename(&partial, &installed) {
        Ok(()) => {}
        // Another process installed the package first.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            fs::remove_dir_all(&partial).expect("the folder can be removed");
        }
        Err(error) => panic!("{}: {error}", installed.display()),
    }
    python
}
