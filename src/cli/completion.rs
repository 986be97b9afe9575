//! `mgnet completion`: scripts that complete the command line in shells and in kubectl.

use std::{
    ffi::OsString,
    io::{self, Write},
    iter,
};

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _, ValueEnum};
use clap_complete::{aot, engine};

use super::{Cli, invocation::Invocation};

/// The options of `mgnet completion`.
#[derive(clap::Args, Clone, Debug)]
pub struct CompletionArgs {
    /// Program that completes the command line
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// A program that completes command lines.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Shell {
    /// Bash
    Bash,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// Z shell
    Zsh,
    /// The executable that kubectl runs to complete the arguments of the plugin
    Kubectl,
}

/// The options of `mgnet complete`, which completion scripts run.
#[derive(clap::Args, Clone, Debug)]
pub struct CompleteArgs {
    /// Words of the command line after the program; the last one is completed, and may be empty
    #[arg(last = true, allow_hyphen_values = true, value_name = "WORD")]
    words: Vec<OsString>,
}

/// Writes a completion script to standard output.
pub fn run(options: &CompletionArgs, invocation: &Invocation) -> Result<()> {
    io::stdout().write_all(&script(options.shell, invocation)).context("cannot write to standard output")
}

fn script(shell: Shell, invocation: &Invocation) -> Vec<u8> {
    let mut script = Vec::new();
    let mut generate = |shell| aot::generate(shell, &mut commands_of_users(), invocation.program(), &mut script);
    match shell {
        Shell::Bash => generate(aot::Shell::Bash),
        Shell::Fish => generate(aot::Shell::Fish),
        Shell::Powershell => generate(aot::Shell::PowerShell),
        Shell::Zsh => generate(aot::Shell::Zsh),
        Shell::Kubectl => script = for_kubectl(invocation).into_bytes(),
    }
    script
}

/// Returns the command line without hidden commands, which the generators would offer.
fn commands_of_users() -> Command {
    let all = Cli::command();
    let of_users = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("mgnet").version(env!("CARGO_PKG_VERSION")).subcommand_required(true).subcommands(of_users)
}

/// Returns the script that kubectl runs with the words after the plugin.
fn for_kubectl(invocation: &Invocation) -> String {
    let (file, program) = (invocation.completion_program(), invocation.program());
    format!(
        "#!/bin/sh\n# Save as '{file}' in a folder of PATH, and make it executable.\nexec {program} complete -- \"$@\"\n"
    )
}

/// Writes what the last word can be completed to, one candidate per line with its description after a tab, and then a
/// directive to the shell: the format of cobra, in which kubectl reads the answer of a plugin.
pub fn complete(options: &CompleteArgs) -> Result<()> {
    io::stdout().write_all(answer(&options.words)?.as_bytes()).context("cannot write to standard output")
}

/// A directive of cobra: the shell adds no space after the only candidate.
const NO_SPACE: u8 = 2;
/// A directive of cobra: the shell does not complete names of files if there is no candidate.
const NO_FILES: u8 = 4;

fn answer(words: &[OsString]) -> Result<String> {
    let mut command = commands_of_users();
    let missing = words.is_empty().then(OsString::new);
    let line: Vec<OsString> = iter::once("mgnet".into()).chain(words.iter().cloned()).chain(missing).collect();
    let last = line.len() - 1;
    let candidates = engine::complete(&mut command, line, last, None).context("cannot complete the command line")?;
    let (mut lines, mut directive) = (String::new(), NO_FILES);
    for candidate in &candidates {
        let value = candidate.get_value().to_string_lossy();
        if value.ends_with(['/', '=']) {
            directive = NO_FILES | NO_SPACE;
        }
        lines.push_str(&value);
        if let Some(help) = candidate.get_help() {
            lines.push('\t');
            lines.push_str(help.to_string().lines().next().unwrap_or_default());
        }
        lines.push('\n');
    }
    Ok(format!("{lines}:{directive}\n"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn candidates(words: &[&str]) -> Result<Vec<String>> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let answer = answer(&words)?;
        Ok(answer.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect())
    }

    #[test]
    fn commands_flags_and_values_are_completed() -> Result<()> {
        assert_eq!(candidates(&["orph"])?, ["orphans", ":4"]);
        assert_eq!(candidates(&["orphans", "--out"])?, ["--output", ":4"]);
        assert_eq!(candidates(&["orphans", "--output", ""])?, ["table", "json", ":4"]);
        assert_eq!(candidates(&["completion", "z"])?, ["zsh", ":4"]);
        Ok(())
    }

    #[test]
    fn folders_are_completed_without_a_space() -> Result<()> {
        assert_eq!(candidates(&["crds", "--output-dir", "/us"])?, ["/usr/", ":6"]);
        Ok(())
    }

    #[test]
    fn an_empty_line_is_completed_to_the_commands_that_users_type() -> Result<()> {
        let all = candidates(&[])?;
        for command in ["controller", "crds", "orphans", "completion"] {
            assert!(all.iter().any(|candidate| candidate == command), "{all:?}");
        }
        assert!(!all.iter().any(|candidate| candidate == "complete"), "{all:?}");
        Ok(())
    }

    #[test]
    fn each_script_names_the_program() {
        for program in ["mgnet", "kubectl-migration_network"] {
            let invocation = Invocation::of(Path::new(program));
            for shell in Shell::value_variants() {
                let script = String::from_utf8_lossy(&script(*shell, &invocation)).into_owned();
                assert!(script.contains(program), "{shell:?}: {script}");
            }
        }
    }
}
