//! `make demo`: what it says about the on-premises side, and the DNS server that it asks.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Whether a program is in PATH, or where Debian keeps those of administrators.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|program| program.is_file())
}

/// Whether a DNS server of the demo still runs.
fn a_server_was_left() -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).any(|line| line.contains("/on-premises.conf"))
}

#[test]
fn the_demo_ends_with_the_work_of_the_on_premises_teams_and_a_dns_query() -> Result<()> {
    let this = std::env::current_exe()?;
    let lab = this.ancestors().nth(2).context("this program is in no target folder")?.join("lab");
    let output = Command::new(&lab).arg("demo").output();
    let output = output.with_context(|| format!("cannot run '{}'", lab.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for words in [
        "open  Firewall: admit these connections from on-premises",
        "mgn-https    TCP 443   from 192.168.10.0/24 to 10.20.1.",
        "replication  TCP 1500  from 192.168.10.0/24 to 10.20.",
        "mgn.ap-northeast-1.amazonaws.com to 10.20.1.",
        "Proxies: let the source servers reach 7 names without a proxy",
        "bind-zones.conf",
        "The VPC vpc-",
    ] {
        ensure!(text.contains(words), "'{words}' is missing in:\n{text}");
    }
    let can_ask = ["named", "dig", "ip", "unshare"].into_iter().all(is_installed);
    if can_ask {
        let answers = text.lines().filter(|line| line.contains("amazonaws.com. 60") && line.contains("\tA\t10.20."));
        assert_eq!(answers.count(), 2, "{text}");
        ensure!(text.contains("the private addresses of the network's endpoint for MGN"), "{text}");
    } else {
        ensure!(text.contains("is skipped: ") && text.contains("ask-bind.sh"), "{text}");
    }
    ensure!(!a_server_was_left(), "a DNS server was left behind");
    Ok(())
}
