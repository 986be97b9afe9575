//! The grammar of PowerShell in tree-sitter reads the script for the DNS server of Windows, and the command lines for Windows. They
//! were not run on Windows. Shells read the command lines for Linux.

use std::process::Command;

use anyhow::{Context as _, Result};
use mgnet::hand_off::{Action, Format};
use serde::Deserialize;

use super::{forwarders, python, rendered, run};

/// The parameters of the cmdlets (Microsoft, "DnsServer Module" and "Microsoft.PowerShell"), as far as exports use them. The splat
/// `@place` adds `-ReplicationScope` to the cmdlet that adds a zone.
const CMDLETS: [(&str, &[&str]); 13] = [
    ("Add-DnsServerConditionalForwarderZone", &["-Name", "-MasterServers", "-ReplicationScope", "-ErrorAction"]),
    ("ForEach-Object", &[]),
    ("Get-Content", &["-Raw"]),
    ("Get-DnsServerZone", &["-ErrorAction"]),
    ("Get-FileHash", &["-Algorithm"]),
    ("Invoke-WebRequest", &["-UseBasicParsing", "-Uri", "-OutFile"]),
    ("Remove-DnsServerZone", &["-Name", "-Force", "-ErrorAction"]),
    ("Remove-Item", &["-Force", "-ErrorAction", "-Path"]),
    ("Select-Object", &["-Unique"]),
    ("Set-DnsServerConditionalForwarderZone", &["-Name", "-MasterServers", "-ErrorAction"]),
    ("Set-StrictMode", &["-Version"]),
    ("Sort-Object", &[]),
    ("Where-Object", &[]),
];

/// The cmdlets that only print.
const PRINTING: [&str; 2] = ["Write-Output", "Write-Warning"];

/// The beginnings of the lines for PowerShell in exports that contain lines for several programs.
const IN_POWERSHELL: [&str; 6] = ["$", "[", "(", ".\\", "Invoke-", "Remove-"];

#[derive(Deserialize)]
struct Script {
    errors: Vec<String>,
    commands: Vec<(String, Vec<String>)>,
    strings: Vec<String>,
}

fn parsed(text: &str) -> Result<Script> {
    Ok(serde_json::from_str(&python("powershell.py", text)?)?)
}

/// Checks that the text parses, and that each command is a documented cmdlet with documented parameters.
fn is_powershell(text: &str) -> Result<Script> {
    let script = parsed(text)?;
    assert_eq!(script.errors, [""; 0], "{text}");
    for (name, parameters) in &script.commands {
        if PRINTING.contains(&name.as_str()) || name.starts_with(".\\") {
            continue;
        }
        let (_, known) =
            CMDLETS.iter().find(|(cmdlet, _)| cmdlet == name).with_context(|| format!("no cmdlet {name}"))?;
        for parameter in parameters {
            assert!(known.contains(&parameter.as_str()), "{name} {parameter}");
        }
    }
    Ok(script)
}

#[test]
fn the_scripts_for_windows_dns_parse_and_name_all_forwarders() -> Result<()> {
    for action in [Action::Add, Action::Remove] {
        let script = is_powershell(&rendered(Format::WindowsDns, action)?)?;
        let expected: Vec<String> = forwarders()?
            .into_iter()
            .flat_map(|(domain, targets)| [domain].into_iter().chain(targets))
            .map(|value| format!("'{value}'"))
            .collect();
        let is_value = |text: &&String| expected.contains(text);
        assert_eq!(script.strings.iter().filter(is_value).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn the_scripts_change_zones_only_by_the_cmdlets_of_their_action() -> Result<()> {
    let writes = |action| -> Result<Vec<String>> {
        let commands = is_powershell(&rendered(Format::WindowsDns, action)?)?.commands;
        let names = commands.into_iter().map(|(name, _)| name);
        Ok(names.filter(|name| name.contains("DnsServer") && !name.starts_with("Get-")).collect())
    };
    let added = ["Add-DnsServerConditionalForwarderZone", "Set-DnsServerConditionalForwarderZone"];
    assert_eq!(writes(Action::Add)?, added);
    assert_eq!(writes(Action::Remove)?, ["Remove-DnsServerZone"]);
    Ok(())
}

/// Each line of these exports is a comment, or a command for one of three programs. The command of `netsh` has no parser here.
#[test]
fn every_command_line_parses() -> Result<()> {
    let (mut for_powershell, mut for_shells, mut for_netsh) = (String::new(), String::new(), 0);
    for (format, action) in [
        (Format::NoProxy, Action::Add),
        (Format::NoProxy, Action::Remove),
        (Format::AgentArgs, Action::Add),
        (Format::AgentArgs, Action::Remove),
    ] {
        let text = rendered(format, action)?;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with("netsh winhttp set proxy ") {
                for_netsh += 1;
            } else if IN_POWERSHELL.iter().any(|start| line.starts_with(start)) {
                for_powershell.extend([line, "\n"]);
            } else {
                for_shells.extend([line, "\n"]);
            }
        }
    }
    // The grammar has no digits in options. PowerShell passes options with two dashes to programs as they are.
    is_powershell(&for_powershell.replace("--s3-endpoint", "--endpoint"))?;
    for shell in ["bash", "sh"] {
        run(Command::new(shell).args(["-n", "-"]), &for_shells)?;
    }
    let lines = (for_powershell.lines().count(), for_shells.lines().count(), for_netsh);
    assert_eq!(lines, (11, 14, 1), "{for_powershell}\n{for_shells}");
    Ok(())
}

#[test]
fn text_that_is_not_powershell_is_found() -> Result<()> {
    let text = rendered(Format::WindowsDns, Action::Add)?.replacen("@('10.20.1.113'", "@('10.20.1.113", 1);
    assert_ne!(parsed(&text)?.errors, [""; 0]);
    Ok(())
}
