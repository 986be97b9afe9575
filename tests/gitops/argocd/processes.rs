//! The processes of Argo CD: redis, the repo-server, the application controller and the API server. All components are one
//! program.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use control_plane::Supervised;
use support::Lab;

use crate::in_repository;

/// The namespace of Argo CD.
pub(crate) const ARGOCD: &str = "argocd";

/// The interval of the comparison with Git, in seconds.
pub(crate) const INTERVAL: u64 = 10;

/// The running processes, clients before their servers.
pub(crate) struct Processes {
    controller: Supervised,
    _server: Supervised,
    _repo_server: Supervised,
    _redis: Supervised,
    program: PathBuf,
    home: PathBuf,
    address: String,
}

/// Returns the folder of the programs of a set of tools, which are built if necessary.
fn tools(set: &str) -> Result<PathBuf> {
    let built = Command::new(in_repository("tests/tools/build.sh")).arg(set).output()?;
    ensure!(built.status.success(), "build.sh: {}", String::from_utf8_lossy(&built.stderr));
    Ok(PathBuf::from(String::from_utf8(built.stdout)?.trim()))
}

/// Returns the program that contains all components.
pub(crate) fn program() -> Result<PathBuf> {
    Ok(tools("argocd")?.join("cmd"))
}

/// Finds a free port and releases it at once.
fn port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Processes {
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let (program, home) = (program()?, lab.folder().join("argocd"));
        for folder in ["tmp", "tls", "ssh", "gpg", "gpg-source", "plugins"] {
            fs::create_dir_all(home.join(folder))?;
        }
        // Argo CD calls it to render overlays.
        let path = format!("{}:{}", tools("kustomize")?.display(), env::var("PATH")?);
        let environment = |component: &str| {
            let folder = |name: &str| home.join(name).display().to_string();
            [
                ("ARGOCD_BINARY_NAME", component.to_owned()),
                ("PATH", path.clone()),
                ("HOME", home.display().to_string()),
                ("TMPDIR", folder("tmp")),
                ("KUBECONFIG", lab.kubeconfig().display().to_string()),
                // The cluster in which Argo CD runs is that of the kubeconfig.
                ("ARGOCD_FAKE_IN_CLUSTER", "true".to_owned()),
                ("ARGOCD_GPG_ENABLED", "false".to_owned()),
                ("ARGOCD_GNUPGHOME", folder("gpg")),
                ("ARGOCD_GPG_DATA_PATH", folder("gpg-source")),
                ("ARGOCD_TLS_DATA_PATH", folder("tls")),
                ("ARGOCD_SSH_DATA_PATH", folder("ssh")),
                ("ARGOCD_PLUGINSOCKFILEPATH", folder("plugins")),
            ]
        };
        let component = |name: &str, arguments: &[String]| {
            Supervised::spawn(&program, home.join(format!("{name}.log")), |command| {
                command.env_clear().envs(environment(name)).current_dir(&home).args(arguments)
            })
            .with_context(|| format!("cannot start {name}"))
        };
        let redis_port = port()?;
        let redis = Supervised::spawn("redis-server", home.join("redis.log"), |command| {
            let off = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port"];
            command.args(off).arg(redis_port.to_string()).current_dir(&home)
        })
        .context("cannot start 'redis-server'; run tests/gitops/install.sh")?;
        let redis_address = format!("--redis=127.0.0.1:{redis_port}");
        let (repo_port, server_port) = (port()?, port()?);
        let repo_address = format!("--repo-server=127.0.0.1:{repo_port}");
        let common = |more: &[String]| {
            let mut arguments = vec![redis_address.clone(), "--loglevel=info".to_owned()];
            arguments.extend_from_slice(more);
            arguments
        };
        let repo_server = component(
            "argocd-repo-server",
            &common(&[
                "--address=127.0.0.1".to_owned(),
                format!("--port={repo_port}"),
                "--metrics-address=127.0.0.1".to_owned(),
                format!("--metrics-port={}", port()?),
                "--disable-tls".to_owned(),
                // A commit is noticed at the next comparison.
                "--revision-cache-expiration=1s".to_owned(),
            ]),
        )?;
        let controller = component(
            "argocd-application-controller",
            &common(&[
                repo_address.clone(),
                "--repo-server-plaintext".to_owned(),
                format!("--namespace={ARGOCD}"),
                format!("--metrics-port={}", port()?),
                format!("--app-resync={INTERVAL}"),
                "--app-resync-jitter=0".to_owned(),
                "--self-heal-backoff-timeout-seconds=1".to_owned(),
            ]),
        )?;
        let server = component(
            "argocd-server",
            &common(&[
                repo_address,
                "--repo-server-plaintext".to_owned(),
                format!("--repo-server-redis=127.0.0.1:{redis_port}"),
                format!("--namespace={ARGOCD}"),
                "--address=127.0.0.1".to_owned(),
                format!("--port={server_port}"),
                "--metrics-address=127.0.0.1".to_owned(),
                format!("--metrics-port={}", port()?),
                "--insecure".to_owned(),
                // The rights of Argo CD's users are not part of these tests.
                "--disable-auth".to_owned(),
            ]),
        )?;
        let address = format!("127.0.0.1:{server_port}");
        Ok(Self { controller, _server: server, _repo_server: repo_server, _redis: redis, program, home, address })
    }

    /// Runs Argo CD's command line against its API server.
    pub(crate) async fn cli(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", &self.home).env("ARGOCD_BINARY_NAME", "argocd");
        command.args(arguments).args(["--server", &self.address, "--plaintext"]);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "argocd {arguments:?}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Returns the end of the controller's log, for the error of a test.
    pub(crate) fn log_tail(&self) -> String {
        self.controller.log_tail(10)
    }

    pub(crate) fn controller_log(&self) -> &Path {
        self.controller.log()
    }
}
