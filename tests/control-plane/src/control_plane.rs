//! The three servers: their flags, the order they start in, and when they are ready.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::data_folder::DataFolder;
use crate::supervised::without_proxies;
use crate::{Assets, Supervised, kubeconfig};
use anyhow::{Context, anyhow, bail, ensure};

/// A start takes five to eight seconds on an idle machine; a busy one with two cores may need many times that.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// How much of a server's log goes into an error.
const LOG_LINES: usize = 30;

/// How often a start is tried when another process takes a port between our choosing it and the server's binding it.
const TRIES: usize = 3;

/// The ports to choose from. They are below the ports that Linux (from 32768) and macOS (from 49152) give to a socket
/// that asks for any port: such a socket of another program could otherwise take a port before the server binds it.
const PORTS: Range<u16> = 10_000..30_000;

/// A running etcd, kube-apiserver and, if its assets have it, kube-controller-manager. Dropping it ends them and
/// removes their data.
#[derive(Debug)]
pub struct ControlPlane {
    assets: Assets,
    // The servers are ended in this order: each before the server whose absence it would report as an error.
    controller_manager: Option<Supervised>,
    apiserver: Mutex<Supervised>,
    etcd: Mutex<Supervised>,
    addresses: Addresses,
    server_url: String,
    ca_pem: Vec<u8>,
    // Dropped after the servers, so that no server writes into it while it is being removed.
    data: DataFolder,
}

/// The addresses of the servers, and the administrator's token. A restart does not change them.
#[derive(Clone, Debug)]
struct Addresses {
    etcd_url: String,
    peer_url: String,
    api_port: u16,
    token: String,
}

/// A server that can be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// etcd. The API server is not restarted with it.
    Etcd,
    /// kube-apiserver.
    ApiServer,
}

impl ControlPlane {
    /// Starts a control plane with the programs of [`Assets::from_build_script`], and returns when it is ready.
    ///
    /// Ready means: the API server reports it, and the controllers have begun to act. If a server ends early or two
    /// minutes have passed, the error holds the end of that server's log.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&Assets::from_build_script()?)
    }

    /// Does the same as [`start`](Self::start), but with other programs: another version of Kubernetes, or no
    /// kube-controller-manager.
    pub fn start_with(assets: &Assets) -> anyhow::Result<Self> {
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            match free_ports().and_then(|ports| Self::try_start(assets, ports)) {
                Err(error) if tries_left > 0 && format!("{error:#}").contains("address already in use") => {}
                result => return result,
            }
        }
    }

    /// Starts the servers on these ports: of etcd for clients, of etcd for peers, of the API server.
    fn try_start(assets: &Assets, [etcd_port, peer_port, api_port]: [u16; 3]) -> anyhow::Result<Self> {
        let deadline = Instant::now() + READY_WITHIN;
        let data = DataFolder::new_in(&std::env::temp_dir())
            .context("cannot make a folder for the data of the control plane")?;
        let server_url = format!("https://127.0.0.1:{api_port}");
        let addresses = Addresses {
            etcd_url: format!("http://127.0.0.1:{etcd_port}"),
            peer_url: format!("http://127.0.0.1:{peer_port}"),
            api_port,
            token: random_token()?,
        };

        let mut etcd = start_etcd(assets, data.path(), &addresses)?;
        wait_for(&mut [&mut etcd], deadline, || accepts_connections(etcd_port))?;

        // A connection does not prove that etcd accepted it: if another program has the port, etcd ends a little later.
        let mut apiserver = start_apiserver(assets, data.path(), &addresses)?;
        let mut servers = [&mut etcd, &mut apiserver];
        wait_for(&mut servers, deadline, || accepts_connections(api_port))?;

        // The server has created its own certificate, and the file also contains the CA.
        let certificate = certificates(data.path()).join("apiserver.crt");
        wait_for(&mut servers, deadline, || {
            ensure!(certificate.is_file(), "there is no file {}", certificate.display());
            Ok(())
        })?;
        let ca_pem = fs::read(&certificate).with_context(|| format!("cannot read {}", certificate.display()))?;
        let admin = kubeconfig_file(data.path());
        fs::write(&admin, kubeconfig::with_token(&server_url, &ca_pem, "admin", &addresses.token))
            .with_context(|| format!("cannot write {}", admin.display()))?;
        wait_for(&mut servers, deadline, || can_get(assets, data.path(), "/readyz"))?;

        let controller_manager = match assets.controller_manager() {
            Some(program) => Some(start_controller_manager(&program, assets, data.path(), deadline)?),
            None => None,
        };

        let (apiserver, etcd) = (Mutex::new(apiserver), Mutex::new(etcd));
        Ok(Self { assets: assets.clone(), controller_manager, apiserver, etcd, addresses, server_url, ca_pem, data })
    }

    /// The programs that run here.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// `https://127.0.0.1:PORT`.
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The folder with the data and the logs (`etcd.log`, `kube-apiserver.log`, `kube-controller-manager.log`). It is
    /// removed when this value is dropped.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// The path of the kubeconfig of an administrator with all rights.
    pub fn kubeconfig_path(&self) -> PathBuf {
        kubeconfig_file(self.data.path())
    }

    /// Returns the text of a kubeconfig for the bearer of `token`. It refers to no files. `name` is only a label in it.
    ///
    /// With a token of `kubectl create token SERVICE-ACCOUNT`, a program gets exactly what RBAC grants that account.
    pub fn kubeconfig_for_token(&self, name: &str, token: &str) -> String {
        kubeconfig::with_token(&self.server_url, &self.ca_pem, name, token)
    }

    /// Returns a `kubectl` command with the administrator's rights. It ignores proxies and the preferences in the
    /// user's home.
    pub fn kubectl(&self) -> Command {
        kubectl(&self.assets, self.data.path())
    }

    /// Kills a server, and restarts it after the time `away` with the same data, address and keys. Returns when the API
    /// server is ready.
    pub fn restart(&self, server: Server, away: Duration) -> anyhow::Result<()> {
        let running = match server {
            Server::Etcd => &self.etcd,
            Server::ApiServer => &self.apiserver,
        };
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        running.kill().with_context(|| format!("cannot end {}", running.name()))?;
        thread::sleep(away);
        *running = match server {
            Server::Etcd => start_etcd(&self.assets, self.data.path(), &self.addresses),
            Server::ApiServer => start_apiserver(&self.assets, self.data.path(), &self.addresses),
        }?;
        wait_for(&mut [&mut running], Instant::now() + READY_WITHIN, || {
            can_get(&self.assets, self.data.path(), "/readyz")
        })
    }

    /// Ends the servers and removes their data, as dropping does, but reports errors.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.kill_servers()
    }

    /// Ends the servers with SIGKILL instead of SIGTERM: the API server would wait for open watches, and no data here
    /// outlives the servers.
    fn kill_servers(&mut self) -> anyhow::Result<()> {
        let (apiserver, etcd) = (self.apiserver.get_mut(), self.etcd.get_mut());
        let [apiserver, etcd] = [apiserver, etcd].map(|server| server.unwrap_or_else(PoisonError::into_inner));
        for server in self.controller_manager.iter_mut().chain([apiserver, etcd]) {
            server.kill().with_context(|| format!("cannot end {}", server.name()))?;
        }
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // `stop` reports errors. If this call fails, the servers end when their fields are dropped.
        let _ = self.kill_servers();
    }
}

/// Returns three ports of [`PORTS`] that are free now. All are held at the same time, so that they differ.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let first = PORTS.start + u16::try_from(random()? % u128::try_from(PORTS.len())?)?;
    let from_first = (first..PORTS.end).chain(PORTS.start..first);
    let listeners: Vec<TcpListener> =
        from_first.filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).take(3).collect();
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("a listener has no address")?.port();
    }
    ensure!(listeners.len() == ports.len(), "127.0.0.1 has no three free ports in {PORTS:?}");
    Ok(ports)
}

fn random_token() -> anyhow::Result<String> {
    Ok(format!("{:032x}", random()?))
}

fn random() -> anyhow::Result<u128> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("cannot read /dev/urandom")?;
    Ok(u128::from_be_bytes(bytes))
}

fn certificates(data: &Path) -> PathBuf {
    data.join("certificates")
}

fn kubeconfig_file(data: &Path) -> PathBuf {
    data.join("admin.kubeconfig")
}

/// Starts one server. It gets only `PATH` of our environment, because etcd interprets `ETCD_…` variables as flags.
fn start_server<I>(program: &Path, data: &Path, arguments: I) -> anyhow::Result<Supervised>
where
    I: IntoIterator<Item = String>,
{
    let name = program.file_name().unwrap_or_default();
    let log = data.join(name).with_extension("log");
    Supervised::spawn(program, log, |command| {
        command
            .args(arguments)
            .env_clear()
            .envs(std::env::vars_os().filter(|(variable, _)| variable == "PATH"))
            // With the default the API server spends two fifths of its work on garbage collection, to save memory that
            // is not needed.
            .env("GOGC", "400")
            .current_dir(data)
    })
    .with_context(|| format!("cannot start {}", program.display()))
}

fn start_etcd(assets: &Assets, data: &Path, addresses: &Addresses) -> anyhow::Result<Supervised> {
    let Addresses { etcd_url: client_url, peer_url, .. } = addresses;
    let arguments = [
        format!("--data-dir={}", data.join("etcd").display()),
        // The data is not needed after a power failure, and without this flag most of etcd's work is syncing.
        "--unsafe-no-fsync".to_owned(),
        format!("--listen-client-urls={client_url}"),
        format!("--advertise-client-urls={client_url}"),
        format!("--listen-peer-urls={peer_url}"),
        format!("--initial-advertise-peer-urls={peer_url}"),
        "--name=only".to_owned(),
        format!("--initial-cluster=only={peer_url}"),
        "--log-level=warn".to_owned(),
    ];
    start_server(&assets.etcd(), data, arguments)
}

fn start_apiserver(assets: &Assets, data: &Path, addresses: &Addresses) -> anyhow::Result<Supervised> {
    let Addresses { etcd_url: etcd, api_port: port, token, .. } = addresses;
    let tokens = data.join("tokens.csv");
    fs::write(&tokens, format!("{token},admin,admin,system:masters\n"))
        .with_context(|| format!("cannot write {}", tokens.display()))?;
    // The server creates an RSA key and a certificate for itself before it reads the keys for service accounts, so its
    // own key serves both purposes: no other program has to create one.
    let key = certificates(data).join("apiserver.key");
    let issuer = "https://kubernetes.default.svc";
    let arguments = [
        format!("--etcd-servers={etcd}"),
        format!("--cert-dir={}", certificates(data).display()),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        format!("--token-auth-file={}", tokens.display()),
        format!("--service-account-issuer={issuer}"),
        format!("--api-audiences={issuer}"),
        format!("--service-account-key-file={}", key.display()),
        format!("--service-account-signing-key-file={}", key.display()),
        // This plugin refuses Pods until their namespace has its default service account. No Pod runs here, so none has
        // to wait for that.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        // The address is loopback, which Endpoints of the `kubernetes` Service may not hold.
        "--endpoint-reconciler-type=none".to_owned(),
    ];
    start_server(&assets.apiserver(), data, arguments)
}

/// Starts the controllers, and returns when they act.
fn start_controller_manager(
    program: &Path,
    assets: &Assets,
    data: &Path,
    deadline: Instant,
) -> anyhow::Result<Supervised> {
    let arguments = [
        format!("--kubeconfig={}", kubeconfig_file(data).display()),
        // The controllers that a test of an operator depends on: they delete namespaces, collect dependants and create
        // service accounts.
        "--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller".to_owned(),
        "--leader-elect=false".to_owned(),
        // Its metrics are not used. 0 disables its server.
        "--secure-port=0".to_owned(),
    ];
    let mut server = start_server(program, data, arguments)?;
    // serviceaccount-controller creates this account in a namespace that the API server creates after it is ready. When
    // the account exists, both are at work, and tests do not have to wait for either.
    let service_account = "/api/v1/namespaces/default/serviceaccounts/default";
    wait_for(&mut [&mut server], deadline, || can_get(assets, data, service_account))?;
    Ok(server)
}

fn kubectl(assets: &Assets, data: &Path) -> Command {
    let mut command = Command::new(assets.kubectl());
    // HOME: kubectl caches discovery in it, and a `kuberc` in it can change the behavior of commands.
    without_proxies(&mut command).env("KUBECONFIG", kubeconfig_file(data)).env("HOME", data);
    command
}

/// Waits until `ready` succeeds, while all `servers` run and until the deadline.
fn wait_for(
    servers: &mut [&mut Supervised],
    deadline: Instant,
    mut ready: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let Err(reason) = ready() else { return Ok(()) };
        for server in &mut *servers {
            if !server.is_running() {
                bail!(
                    "{} ended before it was ready; the end of its log:\n{}",
                    server.name(),
                    server.log_tail(LOG_LINES)
                );
            }
        }
        if let Some(last) = servers.last()
            && Instant::now() > deadline
        {
            let (name, seconds, log) = (last.name(), READY_WITHIN.as_secs(), last.log_tail(LOG_LINES));
            bail!("{name} was not ready after {seconds} s: {reason:#}; the end of its log:\n{log}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn accepts_connections(port: u16) -> anyhow::Result<()> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("no connection to port {port}"))?;
    Ok(())
}

/// Sends a GET request with kubectl, so that this crate needs no TLS client.
fn can_get(assets: &Assets, data: &Path, path: &str) -> anyhow::Result<()> {
    let output = kubectl(assets, data)
        .args(["get", "--request-timeout=5s", "--raw", path])
        .output()
        .with_context(|| format!("cannot run {}", assets.kubectl().display()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(anyhow!("GET {path}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_another_program_has_is_reported_as_in_use_so_that_others_are_tried() -> anyhow::Result<()> {
        let assets = Assets::without_controllers()?;
        for taken in 0..3 {
            let ports = free_ports()?;
            // The listener accepts connections, as the server would.
            let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, ports[taken]))?;
            let error = ControlPlane::try_start(&assets, ports).err().context("it started")?;
            assert!(format!("{error:#}").contains("address already in use"), "port {taken}: {error:#}");
        }
        Ok(())
    }
}
