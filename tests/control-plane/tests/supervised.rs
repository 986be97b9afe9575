//! Tests that a supervised process lives exactly as long as its parent process, and not only as long as a thread of it.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use control_plane::Supervised;
use tempfile::TempDir;

/// The variable that names a folder. The test binary, run again as a parent to be killed, writes the ID of its child
/// there.
const PARENT: &str = "CONTROL_PLANE_TEST_PARENT";

const TIMEOUT: Duration = Duration::from_secs(20);

fn sleeper(folder: &Path) -> std::io::Result<Supervised> {
    Supervised::spawn("sleep", folder.join("log"), |command| command.arg("600"))
}

fn shell(folder: &Path, script: &str) -> std::io::Result<Supervised> {
    Supervised::spawn("sh", folder.join("log"), |command| command.args(["-c", script]))
}

fn is_alive(pid: u32) -> anyhow::Result<bool> {
    Ok(Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status()?.success())
}

fn wait_until(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !holds()? {
        ensure!(began.elapsed() < TIMEOUT, "{what}: not true after {TIMEOUT:?}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn a_program_outlives_the_thread_that_started_it() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().to_owned();
    let mut sleeper =
        thread::spawn(move || sleeper(&path)).join().map_err(|_| anyhow::anyhow!("thread panicked"))??;
    thread::sleep(Duration::from_millis(300));
    assert!(sleeper.is_running());
    assert!(is_alive(sleeper.pid())?);
    Ok(())
}

/// Not a test of its own: the next test runs this function in a process that it can kill.
#[test]
fn parent_to_be_killed() -> anyhow::Result<()> {
    let Some(folder) = env::var_os(PARENT) else {
        return Ok(());
    };
    let folder = Path::new(&folder);
    let sleeper = sleeper(folder)?;
    fs::write(folder.join("pid.new"), sleeper.pid().to_string())?;
    fs::rename(folder.join("pid.new"), folder.join("pid"))?;
    thread::sleep(Duration::from_mins(10));
    Ok(())
}

#[test]
fn a_program_ends_when_its_parent_is_killed() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut parent = Command::new(env::current_exe()?)
        .args(["--exact", "parent_to_be_killed", "--nocapture"])
        .env(PARENT, folder.path())
        .stdout(Stdio::null())
        .spawn()?;
    let file = folder.path().join("pid");
    let started = wait_until("the child is started", || Ok(file.exists()));
    let pid = started.and_then(|()| Ok(fs::read_to_string(&file)?.parse::<u32>()?));
    let alive_before = pid.as_ref().map_or(Ok(false), |pid| is_alive(*pid));

    // SIGKILL: no destructor runs.
    parent.kill()?;
    parent.wait()?;

    let pid = pid?;
    assert!(alive_before?);
    wait_until("the child is gone", || Ok(!is_alive(pid)?))
}

#[test]
fn kill_ends_a_program_at_once() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut ignoring = shell(folder.path(), "trap '' TERM; while :; do sleep 0.1; done")?;
    assert!(ignoring.is_running());

    let began = Instant::now();
    assert_eq!(ignoring.kill()?.code(), Some(128 + 9));

    assert!(began.elapsed() < Duration::from_secs(4), "kill waited {:?}", began.elapsed());
    assert!(!ignoring.is_running());
    assert!(!is_alive(ignoring.pid())?);
    assert_eq!(ignoring.kill()?.code(), Some(128 + 9), "killing again is no error");
    Ok(())
}

#[test]
fn stop_lets_a_program_handle_sigterm() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut handling =
        shell(folder.path(), "trap 'echo goodbye; exit 7' TERM; echo ready; while :; do sleep 0.1; done")?;
    wait_until("the trap is set", || Ok(handling.log_tail(1) == "ready"))?;

    assert_eq!(handling.stop()?.code(), Some(7));

    assert_eq!(handling.log_tail(1), "goodbye");
    assert!(!is_alive(handling.pid())?);
    Ok(())
}

#[test]
fn stop_kills_a_program_that_ignores_sigterm_or_is_paused() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut ignoring = shell(folder.path(), "trap '' TERM; echo ready; while :; do sleep 0.1; done")?;
    wait_until("the trap is set", || Ok(ignoring.log_tail(1) == "ready"))?;
    ignoring.signal("STOP")?;

    assert_eq!(ignoring.stop()?.code(), Some(128 + 9));
    assert!(!is_alive(ignoring.pid())?);
    Ok(())
}

#[test]
fn stop_does_not_wait_for_a_program_that_was_started_later() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut first = sleeper(folder.path())?;
    // This process would keep the first program's pipe open if it had inherited it.
    let mut plain = Command::new("sleep").arg("600").spawn()?;
    let mut second = sleeper(folder.path())?;

    let began = Instant::now();
    let status = first.stop();
    plain.kill()?;
    plain.wait()?;

    assert_eq!(status?.code(), Some(128 + 15));
    assert!(began.elapsed() < Duration::from_secs(4), "stop waited {:?}", began.elapsed());
    assert!(second.is_running());
    Ok(())
}

#[test]
fn a_signal_reaches_the_program_and_an_unknown_signal_is_an_error() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut counting = shell(folder.path(), "trap 'echo one' USR1; echo ready; while :; do sleep 0.1; done")?;
    wait_until("the trap is set", || Ok(counting.log_tail(1) == "ready"))?;

    counting.signal("USR1")?;
    wait_until("the signal is handled", || Ok(counting.log_tail(1) == "one"))?;
    assert!(counting.signal("NOSUCH").is_err());
    assert!(counting.signal("KILL\nKILL").is_err());
    assert!(counting.is_running());
    counting.kill()?;
    assert!(counting.signal("USR1").is_err());
    Ok(())
}

#[test]
fn the_exit_of_a_program_is_detected() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut short = shell(folder.path(), "echo failed >&2; exit 3")?;
    wait_until("the exit is detected", || Ok(!short.is_running()))?;
    assert_eq!(short.log_tail(5), "failed");
    assert_eq!(short.stop()?.code(), Some(3));
    Ok(())
}

#[test]
fn a_program_that_does_not_exist_is_an_error() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let started = Supervised::spawn("/nowhere/etcd", folder.path().join("log"), |command| command.arg("--version"));
    let error = started.err().context("it was started")?;
    assert_eq!(error.to_string(), "etcd was not started: cannot run '/nowhere/etcd': no such program");
    Ok(())
}

#[test]
fn arguments_and_environment_arrive_as_given_and_proxies_do_not() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut removed = Vec::new();
    let mut printing = Supervised::spawn("sh", folder.path().join("log"), |command| {
        removed.extend(command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()));
        command
            .args(["-c", "printf '<%s>' \"$@\" \"$GREETING\"", "sh", "two words", "*", ""])
            .env("GREETING", "a 'b' $c")
    })?;
    wait_until("it has printed", || Ok(!printing.is_running()))?;
    assert_eq!(printing.log_tail(1), "<two words><*><><a 'b' $c>");
    removed.sort();
    assert_eq!(removed, ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "http_proxy", "https_proxy"]);
    Ok(())
}
