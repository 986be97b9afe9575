//! The lab: its parts, the order in which they start and stop, and the access to them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use anyhow::{Context, Result};
use control_plane::{Assets, ControlPlane};
use kube::Client;

use crate::aws::Aws;
use crate::emulator::Emulator;
use crate::emulator_control::EmulatorControl;
use crate::folder::Folder;
use crate::http::Server;
use crate::operator::{Operator, Process, Task, ThreadLog};
use crate::options::LabOptions;
use crate::programs::Programs;
use crate::simulated::Simulated;
use crate::site::SiteBuilder;
use crate::statuses::Statuses;
use crate::{aws_in_process, kubernetes};

/// A Kubernetes API with the operator installed, an AWS emulator, and the running operator. They are processes, or
/// simulated.
///
/// Clones share one lab. It stops when the last of them is dropped, and also when the test process is killed.
#[derive(Clone, Debug)]
pub struct Lab {
    parts: Arc<Parts>,
}

/// The parts in the order in which they stop: clients before their servers.
#[derive(Debug)]
struct Parts {
    statuses: Statuses,
    operator: Operator,
    backend: Backend,
    control: EmulatorControl,
    sites: AtomicU64,
    /// The options with which the lab was started.
    options: LabOptions,
    /// The number of further clusters that were created beside this lab.
    others: AtomicU16,
}

#[derive(Debug)]
enum Backend {
    Real(Box<Real>),
    Simulated(Simulated),
}

/// The processes, in the order in which they stop.
#[derive(Debug)]
struct Real {
    /// Labs of several clusters share it.
    emulator: Arc<Emulator>,
    control_plane: ControlPlane,
    folder: Folder,
}

impl Lab {
    /// Starts the processes. This takes about ten seconds if the control plane is built already.
    pub async fn start(options: LabOptions) -> Result<Self> {
        Self::start_with(options, None).await
    }

    /// Starts the processes of a lab, with a running emulator if there is one.
    async fn start_with(options: LabOptions, emulator: Option<Arc<Emulator>>) -> Result<Self> {
        let chosen = options.clone();
        // Starting the servers and waiting for them is blocking code.
        let started = tokio::task::spawn_blocking(move || Started::new(options, emulator)).await??;
        let Started { options, folder, emulator, control_plane, kubeconfig, programs } = started;
        let control = EmulatorControl::new(Server::at(emulator.url()), &options.operator_account);
        let statuses = Statuses::watch(control_plane.kubeconfig_path())?;
        let aws = aws_environment(emulator.url(), &options.operator_account);
        let operator = Process::new(&programs, folder.path(), kubeconfig, aws, options.operator).into();
        let backend = Backend::Real(Box::new(Real { emulator, control_plane, folder }));
        Parts::new(statuses, operator, backend, control, chosen).begin().await
    }

    /// Creates another cluster with an operator of its own, which uses the same AWS: see
    /// [`Site::in_cluster`](crate::Site::in_cluster).
    pub async fn another_cluster(&self) -> Result<Self> {
        let options = LabOptions { folder: None, ..self.parts.options.clone() };
        match &self.parts.backend {
            Backend::Real(real) => Self::start_with(options, Some(Arc::clone(&real.emulator))).await,
            Backend::Simulated(simulated) => {
                let number = self.parts.others.fetch_add(1, Ordering::Relaxed) + 1;
                Self::simulate_with(options, simulated.another_cluster(number)).await
            }
        }
    }

    /// Starts a lab without processes. It uses the time of the caller's runtime, which becomes virtual.
    pub async fn simulate(options: LabOptions) -> Result<Self> {
        ThreadLog::begin(&options.operator.log_filter);
        let simulated = Simulated::new(&options);
        Self::simulate_with(options, simulated).await
    }

    async fn simulate_with(options: LabOptions, simulated: Simulated) -> Result<Self> {
        let chosen = options.clone();
        let Simulated { aws, api } = &simulated;
        let control = EmulatorControl::new(Server::within(aws.clone()), &options.operator_account);
        let statuses = Statuses::watch_here(api.client());
        let operator = Task::new(api.clone(), aws.clone(), &options.operator_account, options.operator).into();
        let backend = Backend::Simulated(simulated);
        Parts::new(statuses, operator, backend, control, chosen).begin().await
    }

    /// Returns the real backend, for functions that the simulated one lacks.
    ///
    /// # Panics
    /// On the simulated backend.
    fn real(&self) -> &Real {
        match &self.parts.backend {
            Backend::Real(real) => real,
            Backend::Simulated(_) => panic!("a test that needs a real API server belongs in tests/e2e"),
        }
    }

    /// Whether the lab has no processes and its time is virtual.
    pub fn is_simulated(&self) -> bool {
        matches!(self.parts.backend, Backend::Simulated(_))
    }

    /// Returns the operator.
    pub fn operator(&self) -> &Operator {
        &self.parts.operator
    }

    /// Returns the control interface of the emulator: the log of calls, faults to order, the clock.
    pub fn control(&self) -> &EmulatorControl {
        &self.parts.control
    }

    /// Returns clients of AWS with keys of an account.
    pub fn aws(&self, account: &str, region: &str) -> Aws {
        match &self.parts.backend {
            Backend::Real(real) => {
                Aws::new(aws_smithy_http_client::Builder::new().build_http(), real.emulator.url(), account, region)
            }
            Backend::Simulated(Simulated { aws, .. }) => {
                Aws::new(aws_in_process::http_client(aws), aws_in_process::ENDPOINT, account, region)
            }
        }
    }

    /// Returns a Kubernetes client with the rights of an administrator. It belongs to the runtime in which it was
    /// created.
    pub async fn kube(&self) -> Result<Client> {
        match &self.parts.backend {
            Backend::Real(_) => kubernetes::client(&self.kubeconfig()).await,
            Backend::Simulated(Simulated { api, .. }) => Ok(api.client()),
        }
    }

    /// Returns a `kubectl` command with the rights of an administrator.
    pub fn kubectl(&self) -> Command {
        self.control_plane().kubectl()
    }

    /// Runs `kubectl` and returns its output; an error if it fails.
    pub async fn kubectl_output<I, S>(&self, arguments: I) -> Result<String>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        let mut command = self.kubectl();
        command.args(arguments);
        tokio::task::spawn_blocking(move || kubernetes::output(&mut command)).await?
    }

    /// Describes a site with a new account, namespace and VPC, and a class for them; see [`Site`](crate::Site).
    pub fn site(&self, name: &str) -> SiteBuilder {
        SiteBuilder::new(self.clone(), name, self.parts.sites.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns the control plane, for functions that the lab does not offer.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.real().control_plane
    }

    /// Returns the path of the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.control_plane().kubeconfig_path()
    }

    /// Returns `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    pub fn aws_endpoint_url(&self) -> &str {
        self.real().emulator.url()
    }

    /// Returns the folder with the logs of the operator and the emulator.
    pub fn folder(&self) -> &Path {
        self.real().folder.path()
    }

    /// Restores missing objects of `deploy/base`, such as deleted CRDs.
    pub async fn install(&self) -> Result<()> {
        let lab = self.clone();
        tokio::task::spawn_blocking(move || kubernetes::install_operator(lab.control_plane())).await?
    }

    /// Fails if any status of any network that was observed since the start of the lab breaks a rule of kstatus.
    pub fn check_statuses(&self) -> Result<()> {
        self.parts.statuses.check(None)
    }

    pub(crate) fn statuses(&self) -> &Statuses {
        &self.parts.statuses
    }
}

impl Parts {
    fn new(
        statuses: Statuses,
        operator: Operator,
        backend: Backend,
        control: EmulatorControl,
        options: LabOptions,
    ) -> Self {
        let (sites, others) = (AtomicU64::new(0), AtomicU16::new(0));
        Self { statuses, operator, backend, control, sites, options, others }
    }

    /// Completes a lab, and starts its operator if the options request that.
    async fn begin(self) -> Result<Lab> {
        let start = self.options.operator.start;
        let lab = Lab { parts: Arc::new(self) };
        if start {
            lab.operator().start().await?;
        }
        Ok(lab)
    }
}

/// The parts that start without an async runtime.
struct Started {
    options: LabOptions,
    folder: Folder,
    emulator: Arc<Emulator>,
    control_plane: ControlPlane,
    kubeconfig: PathBuf,
    programs: Programs,
}

impl Started {
    fn new(options: LabOptions, emulator: Option<Arc<Emulator>>) -> Result<Self> {
        let programs = match &options.programs {
            Some(folder) => Programs::in_folder(folder),
            None => Programs::beside_this_one(),
        }?;
        let folder = match &options.folder {
            Some(folder) => Folder::at(folder),
            None => Folder::of_this_process(programs.target()),
        }
        .context("cannot create a folder for the lab's logs")?;
        let emulator = match emulator {
            Some(running) => running,
            None => Arc::new(Emulator::start(&programs, &options, folder.path())?),
        };
        let assets = if options.controllers { Assets::from_build_script() } else { Assets::without_controllers() }?;
        let control_plane = ControlPlane::start_with(&assets)?;
        kubernetes::install_operator(&control_plane).context("cannot install deploy/base")?;
        let kubeconfig = kubernetes::operator_kubeconfig(&control_plane, folder.path())?;
        Ok(Self { options, folder, emulator, control_plane, kubeconfig, programs })
    }
}

/// Returns all variables that the SDK reads. The operator gets no others for AWS.
pub(crate) fn aws_environment(endpoint: &str, account: &str) -> Vec<(String, String)> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        // The emulator takes the account from the key, and does not check signatures.
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
