//! The lab itself: what runs, in which order it comes up and goes, and where everything about it is found.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use control_plane::{Assets, ControlPlane};
use kube::Client;

use crate::aws::Aws;
use crate::emulator::Emulator;
use crate::folder::Folder;
use crate::http::Server;
use crate::operator::{Operator, Process, Task, ThreadLog};
use crate::options::LabOptions;
use crate::programs::Programs;
use crate::simulated::Simulated;
use crate::site::SiteBuilder;
use crate::statuses::Statuses;
use crate::world::World;
use crate::{aws_in_process, kubernetes};

/// A Kubernetes API with the operator installed, AWS in small, and the operator at work between them: as processes, or simulated.
///
/// Clones are the same lab. It ends with the last of them, and also when the process is killed.
#[derive(Clone, Debug)]
pub struct Lab {
    parts: Arc<Parts>,
}

/// In the order in which they end: each before what it talks to.
#[derive(Debug)]
struct Parts {
    statuses: Statuses,
    operator: Operator,
    backend: Backend,
    world: World,
    sites: AtomicU64,
}

#[derive(Debug)]
enum Backend {
    Real(Box<Real>),
    Simulated(Simulated),
}

/// The processes, in the order in which they end.
#[derive(Debug)]
struct Real {
    emulator: Emulator,
    control_plane: ControlPlane,
    folder: Folder,
}

impl Lab {
    /// Brings the processes up, in about ten seconds once the control plane is built.
    pub async fn start(options: LabOptions) -> Result<Self> {
        // Servers are started and waited for without a runtime's help.
        let started = tokio::task::spawn_blocking(move || Started::new(options)).await??;
        let Started { options, folder, emulator, control_plane, kubeconfig, programs } = started;
        let world = World::new(Server::at(emulator.url()), &options.operator_account);
        let statuses = Statuses::watch(control_plane.kubeconfig_path())?;
        let aws = aws_environment(emulator.url(), &options.operator_account);
        let start = options.operator.start;
        let operator = Process::new(&programs, folder.path(), kubeconfig, aws, options.operator).into();
        let backend = Backend::Real(Box::new(Real { emulator, control_plane, folder }));
        let lab = Self { parts: Arc::new(Parts { statuses, operator, backend, world, sites: AtomicU64::new(0) }) };
        if start {
            lab.operator().start().await?;
        }
        Ok(lab)
    }

    /// Makes a world without processes, whose time is that of the caller's runtime, and virtual.
    pub async fn simulate(options: LabOptions) -> Result<Self> {
        ThreadLog::begin(&options.operator.log_filter);
        let simulated = Simulated::new(&options);
        let Simulated { aws, api } = &simulated;
        let world = World::new(Server::within(aws.clone()), &options.operator_account);
        let statuses = Statuses::watch_here(api.client());
        let start = options.operator.start;
        let operator = Task::new(api.clone(), aws.clone(), &options.operator_account, options.operator).into();
        let backend = Backend::Simulated(simulated);
        let lab = Self { parts: Arc::new(Parts { statuses, operator, backend, world, sites: AtomicU64::new(0) }) };
        if start {
            lab.operator().start().await?;
        }
        Ok(lab)
    }

    /// What only the real backend has.
    ///
    /// # Panics
    /// On the simulated one.
    fn real(&self) -> &Real {
        match &self.parts.backend {
            Backend::Real(real) => real,
            Backend::Simulated(_) => panic!("a test that needs a real API server belongs to tests/e2e"),
        }
    }

    /// Whether there are no processes, and time is virtual.
    pub fn is_simulated(&self) -> bool {
        matches!(self.parts.backend, Backend::Simulated(_))
    }

    /// The operator's process.
    pub fn operator(&self) -> &Operator {
        &self.parts.operator
    }

    /// What AWS does not have: the log of calls, faults to order, the clock.
    pub fn world(&self) -> &World {
        &self.parts.world
    }

    /// AWS as a person with keys of that account sees it.
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

    /// Kubernetes as an administrator sees it. The client belongs to the runtime in which it was made.
    pub async fn kube(&self) -> Result<Client> {
        match &self.parts.backend {
            Backend::Real(_) => kubernetes::client(&self.kubeconfig()).await,
            Backend::Simulated(Simulated { api, .. }) => Ok(api.client()),
        }
    }

    /// `kubectl` as an administrator.
    pub fn kubectl(&self) -> Command {
        self.control_plane().kubectl()
    }

    /// What `kubectl` prints; an error if it fails.
    pub async fn kubectl_output<I, S>(&self, arguments: I) -> Result<String>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        let mut command = self.kubectl();
        command.args(arguments);
        tokio::task::spawn_blocking(move || kubernetes::output(&mut command)).await?
    }

    /// A fresh account, namespace and VPC, and a class for them; see [`Site`](crate::Site).
    pub fn site(&self, name: &str) -> SiteBuilder {
        SiteBuilder::new(self.clone(), name, self.parts.sites.fetch_add(1, Ordering::Relaxed))
    }

    /// The control plane, for what is not here.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.real().control_plane
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.control_plane().kubeconfig_path()
    }

    /// `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    pub fn aws_endpoint_url(&self) -> &str {
        self.real().emulator.url()
    }

    /// The folder with the logs of operator and emulator.
    pub fn folder(&self) -> &Path {
        self.real().folder.path()
    }

    /// Installs again what of `deploy/base` is not there any more, such as CRDs that were deleted.
    pub async fn install(&self) -> Result<()> {
        let lab = self.clone();
        tokio::task::spawn_blocking(move || kubernetes::install_operator(lab.control_plane())).await?
    }

    /// Fails if any status of any network that was seen since the lab started breaks a rule of kstatus.
    pub fn check_statuses(&self) -> Result<()> {
        self.parts.statuses.check(None)
    }

    pub(crate) fn statuses(&self) -> &Statuses {
        &self.parts.statuses
    }
}

/// What needs no runtime.
struct Started {
    options: LabOptions,
    folder: Folder,
    emulator: Emulator,
    control_plane: ControlPlane,
    kubeconfig: PathBuf,
    programs: Programs,
}

impl Started {
    fn new(options: LabOptions) -> Result<Self> {
        let programs = match &options.programs {
            Some(folder) => Programs::in_folder(folder),
            None => Programs::beside_this_one(),
        }?;
        let folder = match &options.folder {
            Some(folder) => Folder::at(folder),
            None => Folder::of_this_process(programs.target()),
        }
        .context("cannot make a folder for the lab's logs")?;
        let emulator = Emulator::start(&programs, &options, folder.path())?;
        let assets = if options.controllers { Assets::from_build_script() } else { Assets::without_controllers() }?;
        let control_plane = ControlPlane::start_with(&assets)?;
        kubernetes::install_operator(&control_plane).context("cannot install deploy/base")?;
        let kubeconfig = kubernetes::operator_kubeconfig(&control_plane, folder.path())?;
        Ok(Self { options, folder, emulator, control_plane, kubeconfig, programs })
    }
}

/// Everything that the SDK reads, as it is all that the operator gets.
pub(crate) fn aws_environment(endpoint: &str, account: &str) -> Vec<(String, String)> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        // The emulator takes the account from the key; what is signed with the secret, nobody checks.
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
