//! `mgnet crds`: writes the CRDs, for installation and for `crds/` in the repository.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::api::schema;

/// The options of `mgnet crds`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct CrdsArgs {
    /// Write one file per CRD to this directory instead of writing all CRDs to standard output
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

/// Writes both CRDs to standard output or to files.
pub fn run(options: &CrdsArgs) -> Result<()> {
    let crds = schema::crds();
    match &options.output_dir {
        Some(folder) => crds.iter().try_for_each(|crd| write_file(folder, crd)),
        None => crds.iter().try_for_each(|crd| {
            write!(io::stdout(), "---\n{}", schema::to_yaml(crd)?).context("cannot write to standard output")
        }),
    }
}

fn write_file(folder: &Path, crd: &CustomResourceDefinition) -> Result<()> {
    let file = folder.join(schema::file_name(crd));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, schema::to_yaml(crd).map_err(io::Error::other)?))
        .with_context(|| format!("cannot write '{}'", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crd_is_written_to_a_file_in_a_new_folder() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("mgnet-crds-{}", std::process::id()));
        run(&CrdsArgs { output_dir: Some(folder.join("new")) })?;
        for crd in schema::crds() {
            let written = fs::read_to_string(folder.join("new").join(schema::file_name(&crd)))?;
            assert_eq!(written, schema::to_yaml(&crd)?);
        }
        Ok(fs::remove_dir_all(folder)?)
    }

    #[test]
    fn the_error_names_a_folder_that_cannot_be_created() {
        let refused = run(&CrdsArgs { output_dir: Some("/dev/null/crds".into()) });
        let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("'/dev/null/crds/mgnet.dev_migrationnetworks.yaml'"), "{message}");
    }
}
