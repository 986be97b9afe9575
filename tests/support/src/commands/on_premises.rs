//! The on-premises side in the demo: the work that the network hands over, the exported files, and a DNS server that has loaded
//! them.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mgnet::api::{ChecklistState, ChecklistWork, MigrationNetworkStatus, NameUse, OnPremisesStatus};
use support::{Aws, Lab, repository};
use tokio::process::Command;

use super::story::Story;
use super::tokyo;

/// The script that asks a BIND, relative to the root of the repository.
const ASK_BIND: &str = "tests/support/demo/ask-bind.sh";

/// The programs that the script runs, each with its package in Debian and Ubuntu.
const PROGRAMS: [(&str, &str); 4] =
    [("named", "bind9"), ("dig", "bind9-dnsutils"), ("unshare", "util-linux"), ("ip", "iproute2")];

/// Prints the work, exports the files, and asks a DNS server that has loaded them.
pub(crate) async fn hand_over(story: &Story, lab: &Lab, aws: &Aws) -> Result<()> {
    let network = tokyo::networks(lab.kube().await?).get(tokyo::NAME).await?;
    let status = network.status.context("the network has no status")?;
    let hand_off = status.on_premises.as_ref().context("the network has no hand-off")?;
    story.print(&format!("Revision {} of status.onPremises, in words:", hand_off.revision));
    for item in &hand_off.checklist {
        let state = match item.state {
            ChecklistState::Open => "open",
            ChecklistState::Done => "done",
        };
        let mut lines = work(hand_off, item.item).into_iter();
        story.print(&format!("  {state}  {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| story.print(&format!("          {line}")));
    }
    let folder = lab.folder().join("on-premises");
    println!();
    export(story, lab, &folder).await?;
    println!();
    let inbound = Inbound::prepare(aws, &status, hand_off, &folder).await?;
    ask(story, &folder, &inbound).await
}

/// Describes an item of the checklist: a sentence, and the details on further lines.
fn work(hand_off: &OnPremisesStatus, item: ChecklistWork) -> Vec<String> {
    let OnPremisesStatus { firewall_rules, dns_forwarders, names, .. } = hand_off;
    let listed = |sentence: &str, details: Vec<String>| [vec![sentence.to_owned()], details].concat();
    let of_sources = names.iter().filter(|name| name.for_ == NameUse::Source).count();
    match item {
        ChecklistWork::Firewall => {
            let rules = firewall_rules.iter().map(|rule| {
                let to = if rule.addresses.is_empty() { &rule.subnets } else { &rule.addresses };
                let (protocol, from) = (format!("{:?}", rule.protocol).to_uppercase(), rule.sources.join(", "));
                format!("{:<12} {protocol} {:<5} from {from} to {}", rule.id, rule.port, to.join(", "))
            });
            listed("Firewall: admit these connections from on-premises", rules.collect())
        }
        ChecklistWork::DnsForwarders => {
            let domains = dns_forwarders.iter().map(|one| format!("{} to {}", one.domain, one.targets.join(", ")));
            listed("DNS servers: forward these domains, with all names below them", domains.collect())
        }
        ChecklistWork::HostsFiles => {
            vec![format!("Hosts files of the source servers: enter {of_sources} names with their addresses")]
        }
        ChecklistWork::Proxies => {
            vec![format!("Proxies: let the source servers reach {of_sources} names without a proxy")]
        }
        ChecklistWork::OtherS3Clients => vec![
            "Other clients of S3 in the Region: check that they may use the network's endpoint, to which the"
                .to_owned(),
            "forwarder of S3 leads them, too".to_owned(),
        ],
        ChecklistWork::OtherAwsClients => vec![
            "Other clients of the services of the MGN connector: check that they may use the network's endpoints"
                .to_owned(),
        ],
    }
}

async fn export(story: &Story, lab: &Lab, folder: &Path) -> Result<()> {
    story.command(&format!("mgnet export {} --namespace {} --output-dir on-premises", tokyo::NAME, tokyo::NAMESPACE));
    let mgnet = env::current_exe()?.with_file_name("mgnet");
    let mut command = Command::new(&mgnet);
    command.args(["export", tokyo::NAME, "--namespace", tokyo::NAMESPACE, "--output-dir"]).arg(folder);
    command.env("KUBECONFIG", lab.kubeconfig()).env("NO_PROXY", "127.0.0.1");
    let output = command.output().await.with_context(|| format!("cannot run '{}'", mgnet.display()))?;
    ensure!(output.status.success(), "the export failed: {}", String::from_utf8_lossy(&output.stderr));
    let files: BTreeSet<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    story.print(&files.into_iter().collect::<Vec<_>>().join("  "));
    Ok(())
}

/// What the stand-in for the Resolver inbound endpoint needs to know.
struct Inbound {
    /// Its addresses.
    targets: BTreeSet<String>,
    /// The addresses of the endpoint for MGN.
    of_mgn: BTreeSet<String>,
}

impl Inbound {
    /// Reads the addresses of the endpoints from AWS, and writes the files of the stand-in.
    async fn prepare(
        aws: &Aws,
        status: &MigrationNetworkStatus,
        hand_off: &OnPremisesStatus,
        folder: &Path,
    ) -> Result<Self> {
        let inbound = folder.join("inbound");
        fs::create_dir_all(&inbound)?;
        let (mut targets, mut of_mgn) = (BTreeSet::new(), BTreeSet::new());
        for forwarder in &hand_off.dns_forwarders {
            let service = forwarder.domain.split('.').next().unwrap_or_default();
            let addresses = addresses(aws, status, service).await?;
            fs::write(inbound.join(format!("{}.zone", forwarder.domain)), zone(&addresses))?;
            if service == "mgn" {
                of_mgn = addresses;
            }
            targets.extend(forwarder.targets.iter().cloned());
        }
        let lines: Vec<&str> = targets.iter().flat_map(|target: &String| [target.as_str(), "\n"]).collect();
        fs::write(inbound.join("addresses"), lines.concat())?;
        Ok(Self { targets, of_mgn })
    }
}

/// Asks a BIND that has loaded the exported files for the name of the MGN endpoint. Where that is not possible, prints how to.
async fn ask(story: &Story, folder: &Path, inbound: &Inbound) -> Result<()> {
    let name = format!("mgn.{}.amazonaws.com", tokyo::REGION);
    let program = ["unshare", "--user", "--map-root-user", "--net", "--fork", "--kill-child", ASK_BIND];
    let skip = |why: &str| {
        story.print(&format!("A DNS query through these files is skipped: {why}. Elsewhere, the demo runs:"));
        story.command(&format!("{} {} {name}", program.join(" "), folder.display()));
    };
    let (programs, packages): (Vec<_>, Vec<_>) = missing(&env::var_os("PATH").unwrap_or_default()).into_iter().unzip();
    if !programs.is_empty() {
        let packages = packages.join(" ");
        skip(&format!("{} is missing (Debian and Ubuntu: apt-get install {packages})", programs.join(" and ")));
        return Ok(());
    }
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(folder).arg(&name).current_dir(repository()).kill_on_drop(true);
    let output = command.output().await.context("cannot run 'unshare'")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        skip(&format!("it failed on this machine ({})", why.lines().next().unwrap_or("no reason given")));
        return Ok(());
    }
    story.print(&format!(
        "A BIND on this machine has loaded bind-zones.conf and bind-options.conf, in a network of its own without internet.\n\
         It forwards to {}, where another BIND stands in for the Resolver\n\
         inbound endpoint: it knows the addresses of the endpoints' network interfaces in the emulated AWS, and nothing else.",
        inbound.targets.iter().cloned().collect::<Vec<_>>().join(" and ")
    ));
    story.command(&format!("dig {name}"));
    let answer = String::from_utf8_lossy(&output.stdout);
    story.print(&answer);
    let answered = answer.lines().filter_map(|line| line.split_whitespace().last());
    let answered: BTreeSet<String> = answered.map(str::to_owned).collect();
    let expected = &inbound.of_mgn;
    ensure!(answered == *expected, "BIND answered {answered:?}, but the endpoint has {expected:?}");
    story.print("These are the private addresses of the network's endpoint for MGN.");
    Ok(())
}

/// Returns the programs that are in none of the folders of a search path, nor where Debian keeps those of administrators, each with
/// its package.
fn missing(path: &OsStr) -> Vec<(&'static str, &'static str)> {
    let folders: Vec<_> = env::split_paths(path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    let is_there = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    PROGRAMS.into_iter().filter(|(program, _)| !is_there(program)).collect()
}

/// Returns the addresses of the network interfaces that AWS has for an interface endpoint.
async fn addresses(aws: &Aws, status: &MigrationNetworkStatus, service: &str) -> Result<BTreeSet<String>> {
    let mut of_service = status.endpoints.iter().filter(|one| one.service == service && one.route_table_ids.is_empty());
    let id = of_service.find_map(|one| one.id.as_ref()).with_context(|| format!("no endpoint of {service}"))?;
    let answer = aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await?;
    let interfaces = answer.vpc_endpoints().iter().flat_map(|endpoint| endpoint.network_interface_ids().to_vec());
    let interfaces: Vec<String> = interfaces.collect();
    let answer = aws.ec2.describe_network_interfaces().set_network_interface_ids(Some(interfaces)).send().await?;
    let addresses = answer.network_interfaces().iter().filter_map(|one| one.private_ip_address.clone());
    Ok(addresses.collect())
}

/// Returns a zone in which the domain and all names below it have these addresses.
fn zone(addresses: &BTreeSet<String>) -> String {
    let mut zone = "$TTL 60\n@ SOA ns. hostmaster. 1 60 60 60 60\n@ NS ns.\n".to_owned();
    for address in addresses {
        // Writing to a string cannot fail.
        let _ = write!(zone, "@ A {address}\n* A {address}\n");
    }
    zone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_the_programs_is_told_their_packages() {
        let folder = env::temp_dir().join(format!("mgnet-demo-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let elsewhere = ["/usr/sbin", "/sbin"].map(Path::new);
        let expected =
            PROGRAMS.into_iter().filter(|(program, _)| elsewhere.iter().all(|one| !one.join(program).is_file()));
        let expected: Vec<_> = expected.collect();
        assert!(expected.contains(&("dig", "bind9-dnsutils")), "{expected:?}");
        assert_eq!(missing(folder.as_os_str()), expected);
        for (program, _) in PROGRAMS {
            fs::write(folder.join(program), "").expect("a file");
        }
        let found = missing(folder.as_os_str());
        fs::remove_dir_all(&folder).expect("the folder");
        assert_eq!(found, []);
    }
}
