//! Ansible runs the playbook on a source server: it changes what is missing, changes nothing the second time, and stops at a name
//! or a port that does not work. Its removal restores the hosts file.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};
use mgnet::hand_off::{Action, Format};

use super::{at_site, program, rendered, run};

/// A secret access key, which must not appear in any output.
const SECRET: &str = "not-in-any-output";

/// Serves an installer that records its arguments, and its hash. `$play` runs a playbook on this server.
const PREPARE: &str = r#"
region=ap-northeast-1
bucket() { printf '%s/served/%s-%s.s3.%s.amazonaws.com/latest/linux' "$SITE" "$1" "$region" "$region"; }
installers="$(bucket aws-application-migration-service)" hashes="$(bucket aws-application-migration-service-hashes)"
mkdir -p "$installers" "$hashes"
printf '#!/bin/sh\nmkdir -p /var/lib/aws-replication-agent\necho "$@" >/var/lib/aws-replication-agent/arguments\n' \
  >"$installers/aws-replication-installer-init"
sha512sum <"$installers/aws-replication-installer-init" | cut -d ' ' -f 1 >"$hashes/aws-replication-installer-init.sha512"
export ANSIBLE_HOME="$SITE/ansible" ANSIBLE_NOCOLOR=1
play() {
  "$PROGRAMS/ansible-playbook" --inventory localhost, --connection local --user root -vv \
    --extra-vars "ansible_python_interpreter=$PROGRAMS/python" "$@"
}
"#;

fn at_source_server(script: &str) -> Result<String> {
    let programs = program("ansible-playbook")?;
    let programs = programs.parent().map(Path::display).context("a folder")?;
    let files = [
        ("add.yaml", rendered(Format::Ansible, Action::Add)?),
        ("remove.yaml", rendered(Format::Ansible, Action::Remove)?),
        ("hosts", rendered(Format::Hosts, Action::Add)?),
    ];
    at_site(&format!("PROGRAMS={programs}\n{PREPARE}\n{script}"), &files)
}

/// Returns the numbers of changed and failed tasks of each run.
fn recaps(output: &str) -> Vec<(String, String)> {
    let number = |line: &str, word: &str| {
        let (_, rest) = line.split_once(&format!("{word}="))?;
        Some(rest.split_whitespace().next()?.to_owned())
    };
    output.lines().filter_map(|line| Some((number(line, "changed")?, number(line, "failed")?))).collect()
}

fn recap(changed: &str, failed: &str) -> (String, String) {
    (changed.to_owned(), failed.to_owned())
}

#[test]
fn ansible_and_its_linter_accept_the_playbooks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = [("add.yaml", Action::Add), ("remove.yaml", Action::Remove)];
    for (file, action) in files {
        std::fs::write(folder.path().join(file), rendered(Format::Ansible, action)?)?;
    }
    let names = files.map(|(file, _)| file);
    let mut check = Command::new(program("ansible-playbook")?);
    run(check.args(["--syntax-check", "--inventory", "localhost,"]).args(names).current_dir(&folder), "")?;
    // Facts are long lines.
    let mut lint = Command::new(program("ansible-lint")?);
    lint.args(["--offline", "--strict", "--profile", "production", "--skip-list", "yaml[line-length]"]);
    run(lint.args(names).current_dir(&folder), "")?;
    Ok(())
}

#[test]
fn a_second_run_changes_nothing_and_the_removal_restores_the_hosts_file() -> Result<()> {
    let output = at_source_server(&format!(
        r#"cp /etc/hosts before
export AWS_ACCESS_KEY_ID=AKIAEXAMPLE AWS_SECRET_ACCESS_KEY={SECRET}
# A proxy that does not exist: the installer and its hash are reachable without it only.
export https_proxy=http://127.0.0.1:9/
for run in first second; do play add.yaml --extra-vars '{{"mgn_hosts_file": true, "mgn_install": true}}'; done
diff <(sed '/^# begin mgnet/,/^# end mgnet/d' /etc/hosts) before
[[ -z "$(find /root -maxdepth 1 -name 'mgnet-*')" ]]
echo "arguments: $(cat /var/lib/aws-replication-agent/arguments | sed 's/{SECRET}/THE-SECRET/')"
play remove.yaml
cmp /etc/hosts before
play remove.yaml"#
    ))?;
    assert_eq!(recaps(&output), [recap("2", "0"), recap("0", "0"), recap("1", "0"), recap("0", "0")], "{output}");
    let arguments =
        "--region ap-northeast-1 --no-prompt --aws-access-key-id AKIAEXAMPLE --aws-secret-access-key THE-SECRET\n";
    assert!(output.contains(arguments), "{output}");
    assert!(!output.contains(SECRET), "{output}");
    assert!(output.contains("port 1500 of 10.20.11.0/24 was not tried"), "{output}");
    Ok(())
}

#[test]
fn a_name_that_resolves_to_another_address_is_named() -> Result<()> {
    let output = at_source_server(
        "sed 's/^10\\.20\\.[12]\\.10[34]\\t/10.20.1.199\\t/' hosts >>/etc/hosts
! play add.yaml",
    )?;
    assert_eq!(recaps(&output), [recap("0", "1")], "{output}");
    let name = "aws-mgn-internal-ap-northeast-1.s3.ap-northeast-1.amazonaws.com";
    let expected = format!("{name} resolves to 10.20.1.199, but must resolve to 10.20.1.103, 10.20.2.104");
    assert!(output.contains(&expected), "{output}");
    assert!(!output.contains("mgn.ap-northeast-1.amazonaws.com resolves to"), "{output}");
    Ok(())
}

#[test]
fn a_name_that_does_not_resolve_and_a_closed_port_are_named() -> Result<()> {
    let output = at_source_server(
        "! play add.yaml
cat hosts >>/etc/hosts
ip address delete 10.20.2.104/32 dev lo
! play add.yaml --extra-vars '{\"mgn_replication_servers\": [\"10.20.11.9\", \"127.0.0.1\"]}'",
    )?;
    assert_eq!(recaps(&output), [recap("0", "1"), recap("0", "1")], "{output}");
    assert!(output.contains("mgn.ap-northeast-1.amazonaws.com resolves to no address"), "{output}");
    assert!(output.contains("cannot connect to 10.20.2.104:443"), "{output}");
    assert!(!output.contains("cannot connect to 10.20.1.103:443"), "{output}");
    Ok(())
}

#[test]
fn port_1500_is_reported_and_decides_nothing() -> Result<()> {
    let output = at_source_server(
        "cat hosts >>/etc/hosts
python3 -m http.server --bind 127.0.0.1 1500 >/dev/null 2>&1 &
play add.yaml --extra-vars '{\"mgn_replication_servers\": [\"10.20.11.9\", \"127.0.0.1\"]}'",
    )?;
    assert_eq!(recaps(&output), [recap("0", "0")], "{output}");
    assert!(output.contains("port 1500 of 10.20.11.9 does not answer"), "{output}");
    assert!(output.contains("port 1500 of 127.0.0.1 accepts connections"), "{output}");
    Ok(())
}

#[test]
fn an_installer_with_another_hash_does_not_run() -> Result<()> {
    let output = at_source_server(&format!(
        "cat hosts >>/etc/hosts
echo '# changed' >>\"$installers/aws-replication-installer-init\"
! play add.yaml --extra-vars '{{\"mgn_install\": true}}'
! play add.yaml --extra-vars '{{\"mgn_install\": true, \"mgn_access_key_id\": \"A\", \"mgn_secret_access_key\": \"{SECRET}\"}}'
[[ ! -e /var/lib/aws-replication-agent && -z \"$(find /root -maxdepth 1 -name 'mgnet-*')\" ]]"
    ))?;
    assert_eq!(recaps(&output), [recap("0", "1"), recap("0", "1")], "{output}");
    assert!(output.contains("set mgn_access_key_id and mgn_secret_access_key"), "{output}");
    assert!(output.contains("did not match"), "{output}");
    assert!(!output.contains(SECRET), "{output}");
    Ok(())
}
