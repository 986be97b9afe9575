//! What belongs to a run. Each resource that a run creates gets the tag of the run, and a call that changes a resource of
//! anybody else is refused before it is sent.
//!
//! A resource belongs to the run if the answer to one of its own creating calls names it, or the answer to a read that
//! names only resources of the run or its tag. So the subnets, default groups and network interfaces of its VPCs belong
//! to the run too, although AWS creates some of them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_ec2::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        http::HttpRequest,
        interceptors::{
            AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
            BeforeTransmitInterceptorContextRef,
        },
    },
    error::BoxError,
    operation::{
        create_dhcp_options::CreateDhcpOptionsInput, create_managed_prefix_list::CreateManagedPrefixListInput,
        create_network_acl::CreateNetworkAclInput, create_network_interface::CreateNetworkInterfaceInput,
        create_route_table::CreateRouteTableInput, create_security_group::CreateSecurityGroupInput,
        create_subnet::CreateSubnetInput, create_vpc::CreateVpcInput, create_vpc_endpoint::CreateVpcEndpointInput,
        create_vpn_gateway::CreateVpnGatewayInput,
    },
    types::{ResourceType, Tag, TagSpecification},
};
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneInput;
use aws_sdk_route53resolver::operation::create_resolver_endpoint::CreateResolverEndpointInput;
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use crate::journal::operation;

/// The key of the tag whose value names the run.
pub const TAG: &str = "mgnet-conformance-run";

/// Calls that create something without tags that is deleted together with a tagged resource.
const WITHOUT_TAGS: [&str; 5] = [
    "CreateNetworkAclEntry",
    "CreateRoute",
    "CreateSubnetCidrReservation",
    "CreateTags",
    "CreateVPCAssociationAuthorization",
];

/// A run: its name, and what belongs to it.
#[derive(Debug)]
pub struct Run {
    name: String,
    owned: Mutex<BTreeSet<String>>,
    refusals: Mutex<Vec<String>>,
}

impl Run {
    /// Begins a run with a new name.
    pub fn begin() -> Self {
        let characters = std::iter::repeat_with(|| fastrand::char('a'..='z')).take(4).collect::<String>();
        Self::named(format!("{}-{characters}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")))
    }

    /// Continues the run with this name.
    pub fn named(name: String) -> Self {
        Self { name, owned: Mutex::default(), refusals: Mutex::default() }
    }

    /// Returns the name: the value of the tag.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns and forgets the calls that were not sent, with the reasons.
    pub(crate) fn take_refusals(&self) -> Vec<String> {
        std::mem::take(&mut self.refusals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks a call before it is sent.
    fn check(&self, operation: &str, request: &str) -> Result<(), String> {
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        match ids(request).find(|id| !owned.contains(*id)) {
            Some(foreign) if !is_read(operation) => {
                let text = format!("{operation} was not sent: '{foreign}' does not belong to the run '{}'", self.name);
                Err(self.refuse(text))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn refuse(&self, text: String) -> String {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        text
    }

    /// Learns from a successful answer what belongs to the run.
    fn learn(&self, operation: &str, request: &str, answer: &str) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        let names_run = request.contains(&self.name) || ids(request).next().is_some();
        let names_only_run = ids(request).all(|id| owned.contains(id));
        if names_only_run && (names_run || !is_read(operation)) {
            owned.extend(ids(answer).map(str::to_owned));
        }
    }
}

fn is_read(operation: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb))
}

/// Returns the IDs of resources in a text: `vpc-` and the like with 8 or 17 hexadecimal digits, and hosted zones. IDs of
/// zeros name no resource.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| is_id(word))
}

fn is_id(word: &str) -> bool {
    let is_hexadecimal = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    let is_zone = word.len() >= 12 && word.starts_with('Z') && !word.contains(|c: char| c.is_ascii_lowercase());
    is_zone
        || word.rsplit_once('-').is_some_and(|(kind, digits)| {
            kind.starts_with(|c: char| c.is_ascii_lowercase())
                && kind.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')
                && matches!(digits.len(), 8 | 17)
                && digits.bytes().all(is_hexadecimal)
                && digits.bytes().any(|c| c != b'0')
        })
}

/// Returns the target and the body of a request, in which the two encoded characters that can precede an ID are decoded.
fn text(request: &HttpRequest) -> String {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
    format!("{} {body}", request.uri()).replace("%2F", "/").replace("%3A", ":")
}

/// The text of a request, for the hook that reads its answer: by then, the SDK has dropped the request.
#[derive(Debug)]
struct Sent(String);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

/// Adds the tag of the run to calls that create resources, and refuses calls for resources of others.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    run: Arc<Run>,
}

impl Owner {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        Self { run }
    }
}

impl Intercept for Owner {
    fn name(&self) -> &'static str {
        "Owner"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = operation(bag);
        let marked = mark(context.input_mut(), &self.run.name);
        if marked || !operation.starts_with("Create") || WITHOUT_TAGS.contains(&operation.as_str()) {
            return Ok(());
        }
        Err(self.run.refuse(format!("{operation} was not sent: its resource would not have the tag of the run")).into())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let text = text(context.request());
        self.run.check(&operation(bag), &text)?;
        bag.interceptor_state().store_put(Sent(text));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        if let Some(Sent(request)) = bag.load::<Sent>().filter(|_| answer.status().is_success()) {
            let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
            self.run.learn(&operation(bag), request, &body);
        }
        Ok(())
    }
}

/// Adds the tag of the run to the input of a call that creates a resource. A hosted zone, which gets no tags when it is
/// created, has the name of the run in its caller reference.
fn mark(input: &mut Input, run: &str) -> bool {
    macro_rules! mark_ec2 {
        ($($input:ty => $kind:ident),+ $(,)?) => { $(
            if let Some(input) = input.downcast_mut::<$input>() {
                add(&mut input.tag_specifications, &ResourceType::$kind, run);
                return true;
            }
        )+ };
    }
    mark_ec2!(
        CreateDhcpOptionsInput => DhcpOptions,
        CreateManagedPrefixListInput => PrefixList,
        CreateNetworkAclInput => NetworkAcl,
        CreateNetworkInterfaceInput => NetworkInterface,
        CreateRouteTableInput => RouteTable,
        CreateSecurityGroupInput => SecurityGroup,
        CreateSubnetInput => Subnet,
        CreateVpcInput => Vpc,
        CreateVpcEndpointInput => VpcEndpoint,
        CreateVpnGatewayInput => VpnGateway,
    );
    if let Some(input) = input.downcast_mut::<CreateResolverEndpointInput>() {
        let tag = aws_sdk_route53resolver::types::Tag::builder().key(TAG).value(run).build();
        input.tags.get_or_insert_default().extend(tag);
        return true;
    }
    if let Some(input) = input.downcast_mut::<CreateHostedZoneInput>() {
        if let Some(reference) = input.caller_reference.as_mut().filter(|reference| !reference.is_empty()) {
            *reference = format!("{run} {reference}");
        }
        return true;
    }
    false
}

/// Adds the tag of the run to the specification for this kind. AWS accepts one specification for each kind.
fn add(specifications: &mut Option<Vec<TagSpecification>>, kind: &ResourceType, run: &str) {
    let tag = Tag::builder().key(TAG).value(run).build();
    let specifications = specifications.get_or_insert_default();
    match specifications.iter_mut().find(|one| one.resource_type.as_ref() == Some(kind)) {
        Some(specification) => specification.tags.get_or_insert_default().push(tag),
        None => specifications.push(TagSpecification::builder().resource_type(kind.clone()).tags(tag).build()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "vpc-0123456789abcdef0";
    const FOREIGN: &str = "vpc-0fedcba9876543210";

    #[test]
    fn ids_are_found_in_forms_json_xml_and_paths() {
        let text = format!(
            "Action=CreateSubnet&VpcId={OWN}&Name=mgnet-1&Zone=ap-northeast-1a \"rslvr-in-0123456789abcdef0\" \
             /hostedzone/Z0123456789ABCDEF <a>sg-12345678</a> vpc-00000000000000000 5f0c1b1e-0000-4000-8000-000000000001"
        );
        let found: Vec<_> = ids(&text).collect();
        assert_eq!(found, [OWN, "rslvr-in-0123456789abcdef0", "Z0123456789ABCDEF", "sg-12345678"]);
    }

    #[test]
    fn a_call_for_a_resource_of_others_is_refused_unless_it_reads() {
        let run = Run::named("run-1".to_owned());
        run.learn("CreateVpc", "Action=CreateVpc", OWN);
        assert_eq!(run.check("DeleteVpc", OWN), Ok(()));
        assert_eq!(run.check("DescribeVpcs", FOREIGN), Ok(()));
        assert!(run.check("DeleteVpc", FOREIGN).is_err_and(|text| text.contains(FOREIGN)));
        assert_eq!(run.take_refusals().len(), 1);
    }

    #[test]
    fn answers_to_reads_belong_to_the_run_only_if_they_name_nothing_else() {
        let run = Run::named("run-1".to_owned());
        run.learn("CreateVpc", "Action=CreateVpc", OWN);
        run.learn("DescribeSecurityGroups", "Action=DescribeSecurityGroups", "sg-00000001");
        run.learn("DescribeSecurityGroups", &format!("vpc-id={FOREIGN}"), "sg-00000002");
        run.learn("DescribeSecurityGroups", &format!("{OWN} {FOREIGN}"), "sg-00000003");
        run.learn("DescribeSecurityGroups", &format!("vpc-id={OWN}"), "sg-00000004");
        run.learn("DescribeSecurityGroups", "tag:mgnet-conformance-run run-1", "sg-00000005");
        let owned = |id: &str| run.check("DeleteSecurityGroup", id).is_ok();
        assert_eq!(
            ["1", "2", "3", "4", "5"].map(|n| owned(&format!("sg-0000000{n}"))),
            [false, false, false, true, true]
        );
    }

    #[tokio::test]
    async fn the_clients_send_no_call_for_a_resource_of_others_and_none_that_creates_without_a_tag() {
        let options = emulator::ServerOptions::default();
        let server = emulator::Server::start(options).await.expect("a free port");
        let config = crate::config_of_stand_in(server.url(), "123456789012", "ap-northeast-1").await;
        let others = aws_sdk_ec2::Client::new(&config);
        let foreign = others.create_vpc().cidr_block("10.20.0.0/16").send().await.expect("a VPC").vpc.expect("a VPC");
        let foreign = foreign.vpc_id.expect("an id");
        let second = std::time::Duration::from_secs(1);
        let pace = crate::Pace { interval: second, patience: second };
        let target = crate::Target::connect(&config, None, Run::begin(), pace).await.expect("connected");

        let own = target.vpc("10.30.0.0/16").await;
        let found = target.ec2.describe_vpcs().send().await.expect("a list");
        assert_eq!(found.vpcs().len(), 2);
        assert!(target.ec2.create_subnet().vpc_id(&foreign).cidr_block("10.20.0.0/24").send().await.is_err());
        assert!(target.ec2.delete_vpc().vpc_id(&foreign).send().await.is_err());
        assert!(target.ec2.create_internet_gateway().send().await.is_err());
        assert_eq!(target.run.take_refusals().len(), 3);
        assert!(target.ec2.delete_vpc().vpc_id(&own).send().await.is_ok());
        let calls = server.calls(None, 0);
        let changes = calls.iter().map(|call| call.action.as_str()).filter(|action| !is_read(action));
        assert_eq!(changes.collect::<Vec<_>>(), ["CreateVpc", "CreateVpc", "DeleteVpc"]);
    }
}
