//! Tests of the manifests in this folder on a real API server with the CRDs of `crds/`: it accepts each file in
//! `good/`, and refuses each file in `bad/`.
//!
//! - The leading comments `# expect: TEXT` of a bad manifest list the texts that the answer must contain. They omit
//!   the refused value, because Kubernetes releases print it in different ways.
//! - A file with two documents is an edit: the first document is created, and the second replaces it. A bad file is
//!   refused at the second document.
//! - All other manifests are sent in a dry run (`--dry-run=server`). Names are unique in the entire folder.
//!
//! `tests/schema/manifests.rs` tests that the manifests cover each rule, bound, field and enum value.

mod agreement;
mod simulated;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context as _, Result, anyhow, ensure};
use control_plane::ControlPlane;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The output of kubectl, and whether it succeeded.
struct Answer {
    accepted: bool,
    text: String,
}

/// Runs kubectl with a document on its standard input.
fn kubectl(mut command: Command, arguments: &[&str], document: &str) -> Result<Answer> {
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("kubectl cannot be started")?;
    child.stdin.take().context("standard input is a pipe")?.write_all(document.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Answer { accepted: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() })
}

/// A manifest: its documents in order, and the texts that the answer to the last one contains if it is refused.
struct Manifest {
    file: PathBuf,
    documents: Vec<String>,
    expects: Vec<String>,
}

impl Manifest {
    fn read(file: PathBuf) -> Result<Self> {
        let text = fs::read_to_string(&file)?;
        let documents = text.split("---\n").map(str::to_owned).collect();
        let expects = text.lines().map_while(|line| line.strip_prefix("# expect: ")).map(str::to_owned).collect();
        Ok(Self { file, documents, expects })
    }

    fn all(folder: &str) -> Result<Vec<Self>> {
        let mut files: Vec<_> =
            fs::read_dir(in_repository(folder))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        files.into_iter().map(Self::read).collect()
    }

    /// Sends the documents to the API server, and returns the answer to the last one. Fails if an earlier one is
    /// refused.
    fn send_to(&self, server: &ControlPlane) -> Result<Answer> {
        let [before @ .., last] = self.documents.as_slice() else { unreachable!("splitting gives at least one part") };
        let Some(created) = before.first() else {
            return kubectl(server.kubectl(), &["apply", "--dry-run=server", "-f", "-"], last);
        };
        let answer = kubectl(server.kubectl(), &["create", "-f", "-"], created)?;
        ensure!(answer.accepted, "{}: the first document was refused: {}", self.file.display(), answer.text);
        let answer = kubectl(server.kubectl(), &["replace", "-f", "-"], last)?;
        kubectl(server.kubectl(), &["delete", "-f", "-"], created)?;
        Ok(answer)
    }
}

/// Installs the CRDs in `crds/`, and waits until the API server serves them.
fn install_crds(server: &ControlPlane) -> Result<()> {
    let crds = in_repository("crds");
    let crds = crds.to_str().context("the path of the checkout is text")?;
    for arguments in
        [&["apply", "--server-side", "-k", crds] as &[_], &["wait", "--for=condition=Established", "crd", "--all"]]
    {
        let answer = kubectl(server.kubectl(), arguments, "")?;
        ensure!(answer.accepted, "kubectl {arguments:?}: {}", answer.text);
    }
    Ok(())
}

/// Returns the control plane of this test program, which ends with the program. It has the CRDs, but no operator.
fn control_plane_with_crds() -> Result<&'static ControlPlane> {
    static SERVER: LazyLock<Result<ControlPlane>> = LazyLock::new(|| {
        let server = ControlPlane::start()?;
        install_crds(&server)?;
        Ok(server)
    });
    SERVER.as_ref().map_err(|error| anyhow!("{error:#}"))
}

#[test]
fn the_api_server_accepts_good_manifests_and_refuses_bad_ones() -> Result<()> {
    let server = control_plane_with_crds()?;

    let mut wrong = Vec::new();
    for manifest in Manifest::all("tests/manifests/good")? {
        let answer = manifest.send_to(server)?;
        if !answer.accepted {
            wrong.push(format!("{} was refused: {}", manifest.file.display(), answer.text));
        }
    }
    for manifest in Manifest::all("tests/manifests/bad")? {
        let answer = manifest.send_to(server)?;
        let missing: Vec<_> = manifest.expects.iter().filter(|expect| !answer.text.contains(*expect)).collect();
        if answer.accepted || !missing.is_empty() {
            wrong.push(format!("{}: {missing:?} not in: {}", manifest.file.display(), answer.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
