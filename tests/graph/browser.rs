//! A headless Chromium that shows pictures and measures them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

/// The color scheme that the user prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// The measurements of a page.
#[derive(Debug, Deserialize)]
pub(crate) struct Measured {
    pub(crate) pictures: BTreeMap<String, Picture>,
    pub(crate) flowcharts: BTreeMap<String, Flowchart>,
}

/// The measurements of a picture.
#[derive(Debug, Deserialize)]
pub(crate) struct Picture {
    pub(crate) texts: usize,
    pub(crate) boxes: usize,
    pub(crate) wrong: Vec<String>,
    /// The color of the ground, and the number of colors, where a document embeds the picture.
    pub(crate) ground: [u8; 3],
    pub(crate) colors: usize,
}

/// A flowchart as Mermaid draws it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Flowchart {
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) nodes: usize,
    #[serde(default)]
    pub(crate) edges: usize,
    #[serde(default)]
    pub(crate) groups: usize,
    /// The number of elements that come from values.
    #[serde(default)]
    pub(crate) strange: usize,
    #[serde(default)]
    pub(crate) text: String,
}

/// Measures pictures, by name, in a browser.
pub(crate) fn measure(
    scheme: Scheme,
    pictures: &BTreeMap<String, String>,
    flowcharts: &BTreeMap<String, String>,
) -> Result<Measured> {
    let folder = TempDir::new()?;
    let script = include_str!("measure.js");
    // In a script element, only `</` would end the script.
    let data = |texts: &BTreeMap<String, String>| json!(texts).to_string().replace("</", "<\\/");
    let mermaid = if flowcharts.is_empty() {
        String::new()
    } else {
        format!("<script src=\"file://{}\"></script>", mermaid()?.display())
    };
    let page = folder.path().join("page.html");
    fs::write(
        &page,
        format!(
            "<!doctype html><meta charset=\"utf-8\">{mermaid}<body><script>const pictures = {};\nconst flowcharts = {};\n\
             {script}</script>",
            data(pictures),
            data(flowcharts)
        ),
    )?;
    let document = chromium(scheme, &page, &["--dump-dom", "--virtual-time-budget=120000"])?;
    let result = document.split("<pre id=\"result\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let result = STANDARD.decode(result.with_context(|| format!("the page has no result: {document:.2000}"))?)?;
    serde_json::from_slice(&result).with_context(|| format!("not measured: {}", String::from_utf8_lossy(&result)))
}

/// Returns a screenshot as PNG.
pub(crate) fn screenshot(scheme: Scheme, svg: &str) -> Result<Vec<u8>> {
    let folder = TempDir::new()?;
    let (page, picture) = (folder.path().join("picture.svg"), folder.path().join("picture.png"));
    fs::write(&page, svg)?;
    let option = format!("--screenshot={}", picture.display());
    chromium(scheme, &page, &[&option, "--window-size=1400,1200", "--hide-scrollbars"])?;
    Ok(fs::read(picture)?)
}

fn chromium(scheme: Scheme, page: &Path, options: &[&str]) -> Result<String> {
    let profile = TempDir::new()?;
    let scheme = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    let output = Command::new("chromium")
        // Containers lack the namespaces of its sandbox. The pages are our own.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(options)
        .arg(format!("file://{}", page.display()))
        .output()
        .context("cannot run chromium; tests/graph/install.sh installs it")?;
    ensure!(output.status.success(), "chromium: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the path of Mermaid's script, which is downloaded once.
fn mermaid() -> Result<PathBuf> {
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/graph/install.sh")).output()?;
    ensure!(output.status.success(), "install.sh: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(PathBuf::from(text.lines().last().context("install.sh prints no path")?))
}
