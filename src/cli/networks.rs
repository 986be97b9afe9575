//! The networks that a command reads: from the cluster, with the rights of the user, or from files.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail};
use kube::{
    Api, Client, ResourceExt as _,
    api::ListParams,
    core::{DeserializeGuard, ObjectList},
};

use crate::{api::MigrationNetwork, cli::cluster, hand_off::saved};

/// The maximum number of networks in one answer of the API server.
const PAGE: u32 = 100;

/// The networks to read from the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// One network. Without a namespace, that of the kubeconfig.
    One { namespace: Option<&'a str>, name: &'a str },
    /// All networks of one namespace. Without a namespace, that of the kubeconfig.
    InNamespace(Option<&'a str>),
    /// All networks.
    InAllNamespaces,
}

/// Reads a text from a file, or from standard input if its name is `-`.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    fs::read_to_string(file).with_context(|| format!("cannot read '{}'", file.display()))
}

/// Reads all networks in files.
///
/// # Errors
/// If a file cannot be read, or contains something else.
pub(super) fn from_files(files: &[PathBuf]) -> Result<Vec<MigrationNetwork>> {
    let mut networks = Vec::new();
    for file in files {
        let found = saved::networks(&read(file)?);
        networks.extend(found.with_context(|| format!("'{}' cannot be used", file.display()))?);
    }
    Ok(networks)
}

/// Reads networks from the cluster of the kubeconfig.
///
/// # Errors
/// If there is no cluster, the user lacks the rights, or a network cannot be read.
pub(super) fn from_cluster(wanted: Wanted<'_>) -> Result<Vec<MigrationNetwork>> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another TLS provider is already installed in this process"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = cluster::config().await?;
        let default = config.default_namespace.clone();
        let client = Client::try_from(config).context("cannot create a client for the Kubernetes cluster")?;
        match wanted {
            Wanted::One { namespace, name } => {
                let namespace = namespace.unwrap_or(&default);
                let network = Api::<MigrationNetwork>::namespaced(client, namespace).get(name).await;
                let place = || format!("cannot read network '{name}' in namespace '{namespace}'");
                Ok(vec![network.with_context(place)?])
            }
            Wanted::InNamespace(namespace) => {
                let namespace = namespace.unwrap_or(&default);
                let networks = list(&Api::namespaced(client, namespace)).await;
                networks.with_context(|| format!("cannot list the networks in namespace '{namespace}'"))
            }
            Wanted::InAllNamespaces => {
                list(&Api::all(client)).await.context("cannot list the networks in all namespaces")
            }
        }
    })
}

async fn list(api: &Api<DeserializeGuard<MigrationNetwork>>) -> Result<Vec<MigrationNetwork>> {
    let mut all = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let ObjectList { items, metadata, .. } = api.list(&page).await?;
        for network in items {
            let (namespace, name) = (network.namespace().unwrap_or_default(), network.name_any());
            match network.0 {
                Ok(network) => all.push(network),
                Err(error) => bail!("network '{namespace}/{name}' cannot be read: {}", error.error),
            }
        }
        match metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => page = page.continue_token(&next),
            None => return Ok(all),
        }
    }
}
