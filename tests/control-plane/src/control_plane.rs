//! The three servers: their flags, the order they start in, and when they are ready.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::data_folder::DataFolder;
use crate::supervised::without_proxies;
use crate::{Assets, Supervised, kubeconfig};
use anyhow::{Context, anyhow, bail};

/// A start takes five to eight seconds on an idle machine; a busy one with two cores may need many times that.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// How much of a server's log goes into an error.
const LOG_LINES: usize = 30;

/// How often a start is tried when another process takes a port between our choosing it and the server's binding it.
const TRIES: usize = 3;

/// A running etcd, kube-apiserver and, if its assets have it, kube-controller-manager. Dropping it ends them and removes
/// their data.
#[derive(Debug)]
pub struct ControlPlane {
    assets: Assets,
    // In the order in which they are ended: each before the server it would complain about.
    controller_manager: Option<Supervised>,
    apiserver: Mutex<Supervised>,
    etcd: Mutex<Supervised>,
    addresses: Addresses,
    server_url: String,
    ca_pem: Vec<u8>,
    // After the servers, so that nobody writes into it while it is being removed.
    data: DataFolder,
}

/// Where the servers listen, and the administrator's token: a server that is restarted has the same.
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
    /// Ready means: the API server reports it, and the controllers have begun to act. If a server ends early or two minutes
    /// have passed, the error holds the end of that server's log.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&Assets::from_build_script()?)
    }

    /// As [`start`](Self::start), with other programs: another version of Kubernetes, or no kube-controller-manager.
    pub fn start_with(assets: &Assets) -> anyhow::Result<Self> {
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            match Self::try_start(assets) {
                Err(error) if tries_left > 0 && format!("{error:#}").contains("address already in use") => {}
                result => return result,
            }
        }
    }

    fn try_start(assets: &Assets) -> anyhow::Result<Self> {
        let deadline = Instant::now() + READY_WITHIN;
        let data = DataFolder::new_in(&std::env::temp_dir())
            .context("cannot make a folder for the data of the control plane")?;
        let [etcd_port, peer_port, api_port] = free_ports()?;
        let server_url = format!("https://127.0.0.1:{api_port}");
        let addresses = Addresses {
            etcd_url: format!("http://127.0.0.1:{etcd_port}"),
            peer_url: format!("http://127.0.0.1:{peer_port}"),
            api_port,
            token: random_token()?,
        };

        let mut etcd = start_etcd(assets, data.path(), &addresses)?;
        wait_for(&mut etcd, deadline, || accepts_connections(etcd_port))?;

        let mut apiserver = start_apiserver(assets, data.path(), &addresses)?;
        wait_for(&mut apiserver, deadline, || accepts_connections(api_port))?;

        // The server has made itself a certificate, and the file holds the CA too.
        let ca_pem =
            fs::read(certificates(data.path()).join("apiserver.crt")).context("kube-apiserver wrote no certificate")?;
        let admin = kubeconfig_file(data.path());
        fs::write(&admin, kubeconfig::with_token(&server_url, &ca_pem, "admin", &addresses.token))
            .with_context(|| format!("cannot write {}", admin.display()))?;
        wait_for(&mut apiserver, deadline, || can_get(assets, data.path(), "/readyz"))?;

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

    /// The folder with the data and the logs (`etcd.log`, `kube-apiserver.log`, `kube-controller-manager.log`). It goes
    /// when this value goes.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// A file with the kubeconfig of an administrator whom RBAC refuses nothing.
    pub fn kubeconfig_path(&self) -> PathBuf {
        kubeconfig_file(self.data.path())
    }

    /// The text of a kubeconfig for the bearer of `token`, which refers to no file. `name` is only a label in it.
    ///
    /// With a token of `kubectl create token SERVICE-ACCOUNT`, a program gets exactly what RBAC grants that account.
    pub fn kubeconfig_for_token(&self, name: &str, token: &str) -> String {
        kubeconfig::with_token(&self.server_url, &self.ca_pem, name, token)
    }

    /// `kubectl` as the administrator, untouched by proxies and by the preferences of the user's home.
    pub fn kubectl(&self) -> Command {
        kubectl(&self.assets, self.data.path())
    }

    /// Kills a server, and starts it again after that time with the data, the address and the keys that it had. Returns when
    /// the API server is ready.
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
        wait_for(&mut running, Instant::now() + READY_WITHIN, || can_get(&self.assets, self.data.path(), "/readyz"))
    }

    /// Ends the servers and removes their data, as dropping does, and says what went wrong with that.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.kill_servers()
    }

    /// Kills rather than asks: the API server would wait for open watches, and no data here outlives the servers.
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
        // `stop` is for who wants to know; here the servers end as their fields are dropped, if this failed.
        let _ = self.kill_servers();
    }
}

/// Three ports that are free now, all held at once so that they differ.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port on 127.0.0.1");
    let listeners = [bind()?, bind()?, bind()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("a listener has no address")?.port();
    }
    Ok(ports)
}

fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("cannot read /dev/urandom")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn certificates(data: &Path) -> PathBuf {
    data.join("certificates")
}

fn kubeconfig_file(data: &Path) -> PathBuf {
    data.join("admin.kubeconfig")
}

/// Starts one server. None of our environment goes to it: etcd takes `ETCD_…` variables for flags.
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
            // Two fifths of what the API server does otherwise is to collect garbage, for the sake of memory that nobody needs.
            .env("GOGC", "400")
            .current_dir(data)
    })
    .with_context(|| format!("cannot start {}", program.display()))
}

fn start_etcd(assets: &Assets, data: &Path, addresses: &Addresses) -> anyhow::Result<Supervised> {
    let Addresses { etcd_url: client_url, peer_url, .. } = addresses;
    let arguments = [
        format!("--data-dir={}", data.join("etcd").display()),
        // Nobody needs this data after a power cut, and syncing is most of what etcd does otherwise.
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
    // The server makes itself an RSA key and a certificate before it reads the keys for service accounts, so its own
    // key serves for both: no other program has to make one.
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
        // Refuses Pods until their namespace has its default account; none runs here, so none need wait for that.
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
        // What a test of an operator sees: namespaces that go, dependants that are collected, accounts that appear.
        "--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller".to_owned(),
        "--leader-elect=false".to_owned(),
        // Nobody asks for its metrics; 0 turns its server off.
        "--secure-port=0".to_owned(),
    ];
    let mut server = start_server(program, data, arguments)?;
    // Made by serviceaccount-controller in a namespace that the API server makes after it is ready: when it exists, both
    // are at work, and tests need not wait for either.
    let service_account = "/api/v1/namespaces/default/serviceaccounts/default";
    wait_for(&mut server, deadline, || can_get(assets, data, service_account))?;
    Ok(server)
}

fn kubectl(assets: &Assets, data: &Path) -> Command {
    let mut command = Command::new(assets.kubectl());
    // HOME: discovery is cached under it, and a `kuberc` in it may change what commands do.
    without_proxies(&mut command).env("KUBECONFIG", kubeconfig_file(data)).env("HOME", data);
    command
}

/// Waits until `ready` returns no reason to go on waiting, while `server` runs and until the deadline.
fn wait_for(
    server: &mut Supervised,
    deadline: Instant,
    mut ready: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let Err(reason) = ready() else { return Ok(()) };
        let name = server.name().to_owned();
        if !server.is_running() {
            bail!("{name} ended before it was ready; the end of its log:\n{}", server.log_tail(LOG_LINES));
        }
        if Instant::now() > deadline {
            let seconds = READY_WITHIN.as_secs();
            let log = server.log_tail(LOG_LINES);
            bail!("{name} was not ready after {seconds} s: {reason:#}; the end of its log:\n{log}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn accepts_connections(port: u16) -> anyhow::Result<()> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("no connection to port {port}"))?;
    Ok(())
}

/// Asks with kubectl, which spares this crate a TLS client.
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
