//! `lab demo`: creates a private network from one object, shows a repair, and deletes the network without a trace.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::types::Filter;
use kube::api::DeleteParams;
use mgnet::api::{ConditionType, GroupRole, MigrationNetwork, MigrationNetworkStatus, conditions};
use support::{Aws, Clock, Inventory, Lab, LabOptions, Landing, OperatorOptions, repository};

use super::follow::Follower;
use super::on_premises;
use super::story::Story;
use super::tokyo;

/// The speed of AWS's clock. Minutes become seconds: long enough to see the intermediate states, short enough to wait.
const SPEED: u32 = 20;

/// The number of endpoints in the sample: six services, and S3 has two.
const ENDPOINTS: usize = 7;

/// The number of resolver addresses: one in each of two zones.
const RESOLVER_ADDRESSES: usize = 2;

/// Runs the demo. Fails if a result differs from the description.
pub(crate) async fn run() -> Result<()> {
    let mut story = Story::new("One Kubernetes object becomes the private AWS network of a server migration");

    story.chapter("A cluster, an AWS emulator, and the operator");
    let lab = Lab::start(options()).await?;
    introduce(&story, &lab).await?;
    let result = run_chapters(&mut story, &lab).await;
    if result.is_err() {
        eprintln!("\n--- the last lines of the operator's log:\n{}", lab.operator().log_tail(40));
    }
    result?;
    println!("\nThe demo took {} seconds.", story.seconds());
    Ok(())
}

fn options() -> LabOptions {
    LabOptions {
        clock: Clock::Wall { speed: SPEED },
        operator_account: tokyo::ACCOUNT.to_owned(),
        // The demo deletes no namespace.
        controllers: false,
        operator: OperatorOptions { aws_rate_factor: SPEED, ..OperatorOptions::default() },
        ..LabOptions::default()
    }
}

async fn introduce(story: &Story, lab: &Lab) -> Result<()> {
    let version = lab.kubectl_output(["version"]).await?;
    let version = version.lines().find_map(|line| line.strip_prefix("Server Version: ")).unwrap_or("(unknown version)");
    story.print(&format!(
        "Kubernetes {version}: a real etcd and kube-apiserver, with RBAC on.\n\
         The CRDs and the RBAC rules are those of deploy/base; the operator uses a token of its ServiceAccount.\n\
         The AWS emulator, tests/emulator, listens at {}. It is {SPEED} times as fast as AWS.",
        lab.aws_endpoint_url()
    ));
    Ok(())
}

async fn run_chapters(story: &mut Story, lab: &Lab) -> Result<()> {
    let aws = tokyo::aws(lab);

    story.chapter("The platform team has a VPC behind Direct Connect, and has initialized MGN");
    let landing = Landing::make(&aws).await?;
    story.print(&format!("{} {} {}", landing.vpc, support::VPC_CIDR, support::VPC_NAME));
    for (name, id) in &landing.subnets {
        story.print(&format!("  {id} {name}"));
    }
    let template = landing.initialize_mgn(&aws).await?;
    story.print(&format!("{template} replication template: private addresses, staging subnet, MGN's security group"));
    let before = Inventory::of(&aws).await?;

    let mut follower = Follower::new(tokyo::networks(lab.kube().await?), tokyo::NAME);
    story.chapter("The application team applies one object");
    create(story, lab, &mut follower).await?;

    story.chapter("A security group rule is removed by hand");
    repair(story, lab, &aws, &mut follower).await?;

    story.chapter("The on-premises teams get their work");
    on_premises::hand_over(story, lab, &aws).await?;

    story.chapter("The migration is done: the object is deleted");
    delete(story, lab, &mut follower).await?;

    story.chapter("The remaining resources in AWS");
    let after = Inventory::of(&aws).await?;
    for (what, left) in [
        ("VPC endpoints", &after.endpoints),
        ("Resolver endpoints", &after.resolvers),
        ("security groups", &after.security_groups),
        ("network interfaces", &after.interfaces),
    ] {
        story.print(&format!("{what:<20} {}", left.len()));
        ensure!(left.is_empty(), "not deleted in AWS: {left:?}");
    }
    ensure!(before == after, "the VPC is not as it was:\nbefore: {before:#?}\nafter: {after:#?}");
    story.print(&format!(
        "The VPC {}, its subnets, and its route tables with their routes are exactly as they were.",
        landing.vpc
    ));
    lab.check_statuses()
}

async fn create(story: &Story, lab: &Lab, follower: &mut Follower) -> Result<()> {
    story.command(&format!("cat {}/network.yaml", tokyo::SAMPLE));
    let text = fs::read_to_string(repository().join(tokyo::SAMPLE).join("network.yaml"))?;
    story.print(&text);
    story.command(&format!("kubectl apply --kustomize {}", tokyo::SAMPLE));
    let began = Instant::now();
    story.print(&tokyo::apply(lab).await?);
    println!();
    let ready = follower.until(story, began, |network| network.is_some_and(is_ready)).await?;
    let network = ready.context("the network is gone")?;
    let status = network.status.context("the network has no status")?;

    let template = conditions::find(&status.conditions, ConditionType::ReplicationTemplateReady);
    let template = template.context("the status reports nothing about the replication template")?;
    ensure!(template.status == "True", "the replication template does not fit: {}", template.message);

    println!();
    kubectl(story, lab, &format!("get mgnet,mgnetclass --namespace {}", tokyo::NAMESPACE)).await?;
    println!();
    story.print(&format!("MGN: {}.", template.message));
    show_addresses(story, &status)
}

/// Shows the addresses that the on-premises side needs for firewall rules and DNS forwarding.
fn show_addresses(story: &Story, status: &MigrationNetworkStatus) -> Result<()> {
    println!();
    story.print("Private addresses for the on-premises side (from the object's status):");
    for endpoint in &status.endpoints {
        let addresses = sorted(endpoint.network_interfaces.iter().filter_map(|one| one.ip.as_ref()));
        let location = if endpoint.route_table_ids.is_empty() {
            addresses.join(", ")
        } else {
            format!("routes in {}", endpoint.route_table_ids.join(", "))
        };
        story.print(&format!(
            "  {:<12} {:<10} {:<10} {:<23} {location}",
            endpoint.service,
            format!("{:?}", endpoint.type_),
            endpoint.state.as_deref().unwrap_or_default(),
            endpoint.id.as_deref().unwrap_or_default(),
        ));
        ensure!(
            !addresses.is_empty() || !endpoint.route_table_ids.is_empty(),
            "endpoint {} has neither addresses nor routes",
            endpoint.service
        );
    }
    ensure!(status.endpoints.len() == ENDPOINTS, "{} endpoints, not {ENDPOINTS}", status.endpoints.len());
    let resolver = status.resolver.as_ref().context("the status has no resolver")?;
    let addresses = sorted(resolver.ip_addresses.iter().filter_map(|address| address.ip.as_ref()));
    story.print(&format!("  on-premises DNS forwards to: {}", addresses.join(", ")));
    ensure!(addresses.len() == RESOLVER_ADDRESSES, "{} resolver addresses", addresses.len());
    Ok(())
}

fn sorted<'a>(addresses: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut addresses: Vec<Ipv4Addr> = addresses.filter_map(|address| address.parse().ok()).collect();
    addresses.sort();
    addresses.iter().map(Ipv4Addr::to_string).collect()
}

async fn repair(story: &Story, lab: &Lab, aws: &Aws, follower: &mut Follower) -> Result<()> {
    let network = tokyo::networks(lab.kube().await?).get(tokyo::NAME).await?;
    let groups = network.status.map(|status| status.security_groups).unwrap_or_default();
    let group = groups
        .into_iter()
        .find(|group| group.role == GroupRole::Endpoints)
        .map(|group| group.id)
        .context("the status names no group of the endpoints")?;
    let rules = ingress(aws, &group).await?;
    let removed = rules
        .iter()
        .find(|rule| rule.cidr == support::SOURCES)
        .with_context(|| format!("{group} does not admit {}", support::SOURCES))?;
    story.command(&format!(
        "aws ec2 revoke-security-group-ingress --group-id {group} --security-group-rule-ids {}",
        removed.id
    ));
    let began = Instant::now();
    aws.ec2.revoke_security_group_ingress().group_id(&group).security_group_rule_ids(&removed.id).send().await?;
    story.event(began, &format!("source servers in {} can no longer reach the endpoints", removed.cidr));
    loop {
        let restored = ingress(aws, &group).await?.into_iter().find(|rule| rule.cidr == removed.cidr);
        if let Some(rule) = restored {
            story.event(began, &format!("restored by the operator, as {} ({})", rule.id, rule.description));
            break;
        }
        ensure!(began.elapsed() < Duration::from_secs(30), "the rule was not restored within 30 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let synced = |network: &MigrationNetwork| {
        let conditions = network.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        conditions::is_true(conditions, ConditionType::Synced)
    };
    follower.until(story, began, |network| network.is_none_or(synced)).await?;
    Ok(())
}

struct Rule {
    id: String,
    cidr: String,
    description: String,
}

async fn ingress(aws: &Aws, group: &str) -> Result<Vec<Rule>> {
    let by_group = Filter::builder().name("group-id").values(group).build();
    let answer = aws.ec2.describe_security_group_rules().filters(by_group).send().await?;
    let rules = answer.security_group_rules.unwrap_or_default();
    Ok(rules
        .into_iter()
        .filter(|rule| rule.is_egress == Some(false))
        .map(|rule| Rule {
            id: rule.security_group_rule_id.unwrap_or_default(),
            cidr: rule.cidr_ipv4.unwrap_or_default(),
            description: rule.description.unwrap_or_default(),
        })
        .collect())
}

async fn delete(story: &Story, lab: &Lab, follower: &mut Follower) -> Result<()> {
    let networks = tokyo::networks(lab.kube().await?);
    story.command(&format!("kubectl delete mgnet {} --namespace {} --wait=false", tokyo::NAME, tokyo::NAMESPACE));
    let began = Instant::now();
    networks.delete(tokyo::NAME, &DeleteParams::default()).await?;
    follower.until(story, began, |network| network.is_none()).await?;
    Ok(())
}

async fn kubectl(story: &Story, lab: &Lab, line: &str) -> Result<()> {
    story.command(&format!("kubectl {line}"));
    story.print(&lab.kubectl_output(line.split_whitespace()).await?);
    Ok(())
}

fn is_ready(network: &MigrationNetwork) -> bool {
    network.status.as_ref().is_some_and(|status| {
        Some(status.observed_generation) == network.metadata.generation
            && conditions::is_true(&status.conditions, ConditionType::Ready)
    })
}
