//! The name by which the user runs the program: `mgnet`, or a plugin of kubectl.

use std::{fmt, path::Path};

use clap::{CommandFactory as _, FromArgMatches as _};

use super::Cli;

/// The name of the executable, without folder and extension, such as `mgnet` or `kubectl-mgnet`.
///
/// It is displayed as the command that the user types: `mgnet`, `kubectl mgnet`, or `kubectl migration-network`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    program: String,
}

impl Invocation {
    /// Returns the name by which this process was run.
    pub fn of_this_process() -> Self {
        Self::of(Path::new(&std::env::args_os().next().unwrap_or_default()))
    }

    /// Returns the name for the path of an executable.
    pub(super) fn of(executable: &Path) -> Self {
        let file = executable.file_stem().and_then(|name| name.to_str());
        let is_plugin = |name: &&str| name.starts_with("kubectl-");
        Self { program: file.filter(is_plugin).unwrap_or("mgnet").to_owned() }
    }

    /// Parses the arguments of this process. Usage texts and errors contain the command that the user types. Help and
    /// errors end the process.
    pub fn parse(&self) -> Cli {
        let mut command = Cli::command().bin_name(self.to_string());
        let matches = command.get_matches_mut();
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }

    /// Returns the name of the executable.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Returns the name of the executable that kubectl runs to complete the arguments of the plugin.
    pub(super) fn completion_program(&self) -> String {
        format!("kubectl_complete-{}", self.program.strip_prefix("kubectl-").unwrap_or(&self.program))
    }
}

/// The command that the user types. In file names of plugins, `-` separates words, and `_` stands for `-`.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.program.strip_prefix("kubectl-") {
            Some(plugin) => write!(f, "kubectl {}", plugin.replace('-', " ").replace('_', "-")),
            None => f.write_str(&self.program),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_called_as_kubectl_calls_it() {
        for (path, command, completion) in [
            ("/usr/local/bin/mgnet", "mgnet", "kubectl_complete-mgnet"),
            (
                "/root/.krew/bin/kubectl-migration_network",
                "kubectl migration-network",
                "kubectl_complete-migration_network",
            ),
            ("kubectl-mgnet.exe", "kubectl mgnet", "kubectl_complete-mgnet"),
            ("/image/of/another/name", "mgnet", "kubectl_complete-mgnet"),
            ("", "mgnet", "kubectl_complete-mgnet"),
        ] {
            let invocation = Invocation::of(Path::new(path));
            assert_eq!(
                (invocation.to_string().as_str(), invocation.completion_program().as_str()),
                (command, completion)
            );
        }
    }
}
