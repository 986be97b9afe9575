//! The command lines that install MGN's agent on a source server, and those that remove it.
//!
//! Sources: MGN User Guide, "Installing the AWS Replication Agent on Linux servers", the same for Windows, and "Installing the
//! Agent on a secured network". Credentials come from prompts or from the environment, and are never part of an export.

use std::fmt::Write as _;

use anyhow::Result;

use super::{
    merged::{Action, Export},
    network::HandOff,
    region::Region,
};

/// The bucket of the installers, without the Region. In some Regions the name goes on after it.
const INSTALLERS: &str = "aws-application-migration-service-";

/// The bucket of the hashes of the installers, without the Region.
const HASHES: &str = "aws-application-migration-service-hashes-";

/// The path of the installer for Linux in its bucket.
const LINUX: &str = "latest/linux/aws-replication-installer-init";

/// The path of the installer for Windows in its bucket.
const WINDOWS: &str = "latest/windows/AwsReplicationWindowsInstaller.exe";

/// The URLs of an installer and of its SHA-512.
pub(super) struct Download {
    pub(super) installer: String,
    pub(super) hash: String,
}

impl Download {
    /// Returns the URLs of the installer for Linux.
    pub(super) fn linux(network: &HandOff, region: &Region) -> Self {
        Self::of(network, region, LINUX)
    }

    /// Regional names only: private DNS does not cover the shorter names without a Region, which AWS documents, too.
    fn of(network: &HandOff, region: &Region, path: &str) -> Self {
        Self {
            installer: format!("https://{}/{path}", host(network, region, INSTALLERS)),
            hash: format!("https://{}/{path}.sha512", host(network, region, HASHES)),
        }
    }
}

/// Returns the host of a bucket, as the hand-off names it: a class can replace the names of buckets.
fn host(network: &HandOff, region: &Region, bucket: &str) -> String {
    let with_region = format!("{bucket}{region}");
    let named = network.names.iter().map(|one| one.name.as_str()).find(|name| name.starts_with(&with_region));
    named.map_or_else(|| region.bucket(&with_region), str::to_owned)
}

/// Returns the command lines. The lines without `#` are commands.
pub(super) fn text(export: &Export) -> Result<String> {
    let mut text = String::new();
    for (title, network) in export.titles().zip(&export.networks) {
        if !text.is_empty() {
            text.push('\n');
        }
        writeln!(text, "# {title}")?;
        for note in export.notes().filter(|_| network.is_planned()) {
            writeln!(text, "# {note}")?;
        }
        let region = network.region()?;
        match export.action {
            Action::Add => install(&mut text, network, &region)?,
            Action::Remove => remove(&mut text, &region)?,
        }
    }
    Ok(text)
}

fn install(text: &mut String, network: &HandOff, region: &Region) -> Result<()> {
    linux(text, &Download::linux(network, region), region)?;
    windows(text, &Download::of(network, region, WINDOWS), region)?;
    endpoint_names(text, network, region)
}

fn linux(text: &mut String, Download { installer, hash }: &Download, region: &Region) -> Result<()> {
    write!(
        text,
        "# Private DNS: the names of the hand-off resolve to the endpoints on the source server, so that the installer needs the
# Region only. It asks for the credentials. Behind a proxy, set the exceptions of the export `no-proxy` first.

# Linux
curl --fail --silent --show-error --remote-name {installer}
curl --fail --silent --show-error --remote-name {hash}
printf '%s  %s\\n' \"$(cut -d ' ' -f 1 aws-replication-installer-init.sha512)\" aws-replication-installer-init | sha512sum --check
chmod +x aws-replication-installer-init
sudo ./aws-replication-installer-init --region {region}

# Linux, without questions. The credentials are in the environment: temporary ones, because other users of the server can read the
# arguments of a process.
sudo ./aws-replication-installer-init --region {region} --no-prompt {}
",
        credentials(["$AWS_ACCESS_KEY_ID", "$AWS_SECRET_ACCESS_KEY", "$AWS_SESSION_TOKEN"])
    )?;
    Ok(())
}

fn windows(text: &mut String, Download { installer, hash }: &Download, region: &Region) -> Result<()> {
    write!(
        text,
        "
# Windows, in PowerShell as an administrator. The comparison prints True.
[Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
Invoke-WebRequest -UseBasicParsing -Uri '{installer}' -OutFile AwsReplicationWindowsInstaller.exe
Invoke-WebRequest -UseBasicParsing -Uri '{hash}' -OutFile AwsReplicationWindowsInstaller.exe.sha512
(Get-FileHash -Algorithm SHA512 AwsReplicationWindowsInstaller.exe).Hash -eq (-split (Get-Content -Raw AwsReplicationWindowsInstaller.exe.sha512))[0]
.\\AwsReplicationWindowsInstaller.exe --region {region}

# Windows, without questions
.\\AwsReplicationWindowsInstaller.exe --region {region} --no-prompt {}
",
        credentials(["$env:AWS_ACCESS_KEY_ID", "$env:AWS_SECRET_ACCESS_KEY", "$env:AWS_SESSION_TOKEN"])
    )?;
    Ok(())
}

/// Returns the options of the credentials. The session token belongs to temporary ones.
fn credentials([id, secret, token]: [&str; 3]) -> String {
    format!("--aws-access-key-id \"{id}\" --aws-secret-access-key \"{secret}\" --aws-session-token \"{token}\"")
}

/// The second choice: names that need neither forwarders nor hosts files.
fn endpoint_names(text: &mut String, network: &HandOff, region: &Region) -> Result<()> {
    let name = |service: &str| network.endpoints.iter().find(|one| one.service.as_str() == service);
    let (Some(mgn), Some(s3)) = (name("mgn"), name("s3")) else { return Ok(()) };
    // The endpoint serves all buckets of the Region under a name that begins with the word `bucket` (Amazon S3 User Guide, "AWS
    // PrivateLink for Amazon S3").
    let download = |path: &str| {
        let bucket = host(network, region, INSTALLERS);
        let (bucket, _) = bucket.split_once('.').unwrap_or((bucket.as_str(), ""));
        format!("https://bucket.{}/{bucket}/{path}", s3.name)
    };
    let options = format!("--endpoint {} --s3-endpoint {}", mgn.name, s3.name);
    write!(
        text,
        "
# Second choice, for servers that can use neither forwarders nor hosts files: the names that AWS gives the endpoints. Public DNS
# resolves them to the private addresses, so that the server needs a DNS server that asks the internet and does not drop private
# addresses (protection against DNS rebinding). The installer resolves the name of S3 itself, so that the option has no effect
# behind a proxy. It applies to the installation only: the agent needs another way to S3 for its updates. The names change if an
# endpoint is replaced.
curl --fail --silent --show-error --remote-name {}
sudo ./aws-replication-installer-init --region {region} {options}
Invoke-WebRequest -UseBasicParsing -Uri '{}' -OutFile AwsReplicationWindowsInstaller.exe
.\\AwsReplicationWindowsInstaller.exe --region {region} {options}
",
        download(LINUX),
        download(WINDOWS),
    )?;
    Ok(())
}

fn remove(text: &mut String, region: &Region) -> Result<()> {
    write!(
        text,
        "# Disconnect each source server while the network still exists: MGN stops its replication, and the agent removes itself from
# the server if it reaches MGN (MGN API Reference, DisconnectFromService). Replace SOURCE_SERVER_ID.
aws mgn describe-source-servers --region {region} --query 'items[].[sourceServerID, sourceProperties.identificationHints.hostname]' --output text
aws mgn disconnect-from-service --region {region} --source-server-id SOURCE_SERVER_ID

# Linux: the files of the installation
rm --force aws-replication-installer-init aws-replication-installer-init.sha512

# Windows, in PowerShell
Remove-Item -Force -ErrorAction SilentlyContinue -Path 'AwsReplicationWindowsInstaller.exe', 'AwsReplicationWindowsInstaller.exe.sha512'
"
    )?;
    Ok(())
}
