//! Supervised processes live as long as their parent process: not shorter, and not longer.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use control_plane::Supervised;
use tempfile::TempDir;

/// Names the folder in which the test binary, run again as a parent to be killed, leaves the id of its child.
const PARENT: &str = "CONTROL_PLANE_TEST_PARENT";

const SOON: Duration = Duration::from_secs(20);

fn sleeper(folder: &Path) -> std::io::Result<Supervised> {
    Supervised::spawn("sleep", folder.join("log"), |command| command.arg("600"))
}

fn shell(folder: &Path, script: &str) -> std::io::Result<Supervised> {
    Supervised::spawn("sh", folder.join("log"), |command| command.args(["-c", script]))
}

fn is_alive(pid: u32) -> anyhow::Result<bool> {
    Ok(Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status()?.success())
}

fn soon(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !holds()? {
        ensure!(began.elapsed() < SOON, "{what} did not come true in {SOON:?}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn it_outlives_the_thread_that_started_it() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().to_owned();
    let mut sleeper =
        thread::spawn(move || sleeper(&path)).join().map_err(|_| anyhow::anyhow!("thread panicked"))??;
    thread::sleep(Duration::from_millis(300));
    assert!(sleeper.is_running());
    assert!(is_alive(sleeper.pid())?);
    Ok(())
}

/// Not a test of its own: what the next test runs in a process that it can kill.
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
fn it_ends_when_its_parent_is_killed() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut parent = Command::new(env::current_exe()?)
        .args(["--exact", "parent_to_be_killed", "--nocapture"])
        .env(PARENT, folder.path())
        .stdout(Stdio::null())
        .spawn()?;
    let file = folder.path().join("pid");
    let started = soon("the child is started", || Ok(file.exists()));
    let pid = started.and_then(|()| Ok(fs::read_to_string(&file)?.parse::<u32>()?));
    let alive_before = pid.as_ref().map_or(Ok(false), |pid| is_alive(*pid));

    // SIGKILL: no destructor runs.
    parent.kill()?;
    parent.wait()?;

    let pid = pid?;
    assert!(alive_before?);
    soon("the child is gone", || Ok(!is_alive(pid)?))
}

#[test]
fn kill_ends_it_at_once() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut deaf = shell(folder.path(), "trap '' TERM; while :; do sleep 0.1; done")?;
    assert!(deaf.is_running());

    let began = Instant::now();
    assert_eq!(deaf.kill()?.code(), Some(128 + 9));

    assert!(began.elapsed() < Duration::from_secs(4), "kill waited {:?}", began.elapsed());
    assert!(!deaf.is_running());
    assert!(!is_alive(deaf.pid())?);
    assert_eq!(deaf.kill()?.code(), Some(128 + 9), "killing again is no error");
    Ok(())
}

#[test]
fn stop_lets_it_end_in_its_own_way() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut polite = shell(folder.path(), "trap 'echo goodbye; exit 7' TERM; echo ready; while :; do sleep 0.1; done")?;
    soon("the trap is set", || Ok(polite.log_tail(1) == "ready"))?;

    assert_eq!(polite.stop()?.code(), Some(7));

    assert_eq!(polite.log_tail(1), "goodbye");
    assert!(!is_alive(polite.pid())?);
    Ok(())
}

#[test]
fn stop_kills_what_does_not_listen_or_is_paused() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut deaf = shell(folder.path(), "trap '' TERM; echo ready; while :; do sleep 0.1; done")?;
    soon("the trap is set", || Ok(deaf.log_tail(1) == "ready"))?;
    deaf.signal("STOP")?;

    assert_eq!(deaf.stop()?.code(), Some(128 + 9));
    assert!(!is_alive(deaf.pid())?);
    Ok(())
}

#[test]
fn stopping_one_does_not_wait_for_another_that_was_started_later() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut first = sleeper(folder.path())?;
    // Would keep the first one's pipe open if it had inherited it.
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
fn a_signal_reaches_the_program_and_a_wrong_one_is_an_error() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut counting = shell(folder.path(), "trap 'echo one' USR1; echo ready; while :; do sleep 0.1; done")?;
    soon("the trap is set", || Ok(counting.log_tail(1) == "ready"))?;

    counting.signal("USR1")?;
    soon("the signal is handled", || Ok(counting.log_tail(1) == "one"))?;
    assert!(counting.signal("NOSUCH").is_err());
    assert!(counting.signal("KILL\nKILL").is_err());
    assert!(counting.is_running());
    counting.kill()?;
    assert!(counting.signal("USR1").is_err());
    Ok(())
}

#[test]
fn an_end_of_its_own_is_seen() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut short = shell(folder.path(), "echo failed >&2; exit 3")?;
    soon("the end is seen", || Ok(!short.is_running()))?;
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
    soon("it has printed", || Ok(!printing.is_running()))?;
    assert_eq!(printing.log_tail(1), "<two words><*><><a 'b' $c>");
    removed.sort();
    assert_eq!(removed, ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "http_proxy", "https_proxy"]);
    Ok(())
}
