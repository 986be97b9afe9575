//! Serves artifacts like source-controller: archives of a repository at a commit, over HTTP on loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::{Path as Name, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::files::Files;

type Archives = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// An HTTP server of archives, which stops when this value is dropped.
pub(crate) struct Artifacts {
    archives: Archives,
    url: String,
    server: JoinHandle<io::Result<()>>,
}

impl Artifacts {
    pub(crate) async fn serve() -> Result<Self> {
        let archives = Archives::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().route("/{name}", get(archive)).with_state(archives.clone());
        let server = tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { archives, url, server })
    }

    /// Packs the files, and returns the `artifact` in the status of a source.
    pub(crate) fn publish(&self, files: &Files) -> Result<Value> {
        let archive = pack(files)?;
        let digest = Sha256::digest(&archive).iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let name = format!("{digest}.tar.gz");
        let artifact = json!({
            "path": name,
            "url": format!("{}/{name}", self.url),
            "revision": format!("main@sha1:{}", &digest[..40]),
            "digest": format!("sha256:{digest}"),
            "size": archive.len(),
            "lastUpdateTime": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        self.archives.lock().unwrap_or_else(PoisonError::into_inner).insert(name, archive);
        Ok(artifact)
    }
}

impl Drop for Artifacts {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn archive(Name(name): Name<String>, State(archives): State<Archives>) -> Result<Vec<u8>, StatusCode> {
    let archives = archives.lock().unwrap_or_else(PoisonError::into_inner);
    archives.get(&name).cloned().ok_or(StatusCode::NOT_FOUND)
}

/// Packs the files into a compressed archive.
fn pack(files: &Files) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    for (path, text) in files {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().context("a file in a repository")?)?;
        fs::write(file, text)?;
    }
    let packed = Command::new("tar").args(["-czf", "-", "."]).current_dir(folder.path()).output()?;
    ensure!(packed.status.success(), "tar: {}", String::from_utf8_lossy(&packed.stderr));
    Ok(packed.stdout)
}
