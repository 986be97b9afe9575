//! CreateVpcEndpoint, with its surprising defaults.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    DnsOptionsRequest, State, SubnetConfiguration, VpcEndpoint, VpcEndpointItem, checks,
    interfaces::{self, NewInterface},
    policy,
};
use crate::world::{
    Context,
    action::{Action, Service},
    catalogue::{self, EndpointType, Offer},
    ec2::{endpoint_service::unknown_service, security_group},
    error::AwsError,
    ids::{PrefixListId, ResourceId, RouteTableId, SecurityGroupId, VpcEndpointId, VpcId},
    tags::{self, TagSpecification},
};

/// Creates an endpoint.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateVpcEndpoint {
    pub vpc_id: String,
    pub service_name: Option<String>,
    pub vpc_endpoint_type: Option<String>,
    #[serde(default)]
    pub route_table_id: Vec<String>,
    #[serde(default)]
    pub subnet_id: Vec<String>,
    #[serde(default)]
    pub subnet_configuration: Vec<SubnetConfiguration>,
    #[serde(default)]
    pub security_group_id: Vec<String>,
    pub policy_document: Option<String>,
    pub private_dns_enabled: Option<bool>,
    pub dns_options: Option<DnsOptionsRequest>,
    pub ip_address_type: Option<String>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
    pub client_token: Option<String>,
}

/// The created endpoint.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcEndpointCreated {
    pub vpc_endpoint: VpcEndpointItem,
    pub client_token: Option<String>,
}

/// The properties that depend on the endpoint type.
struct Parts {
    route_tables: BTreeSet<RouteTableId>,
    prefix_list: Option<PrefixListId>,
    groups: BTreeSet<SecurityGroupId>,
    new_interfaces: Vec<NewInterface>,
    private_dns: bool,
    inbound_only: Option<bool>,
    record_ip_type: String,
}

impl Action for CreateVpcEndpoint {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateVpcEndpoint";
    type Answer = VpcEndpointCreated;

    fn run(self, context: &mut Context<'_>) -> Result<VpcEndpointCreated, AwsError> {
        let region = context.region();
        if let Some(earlier) = region.tokens.replay(Self::NAME, self.client_token.as_deref(), &self)? {
            let id = VpcEndpointId::parse(earlier)?;
            let endpoint = region.vpc_endpoints.get(&id).or_else(|| region.past_vpc_endpoints.get(&id));
            let vpc_endpoint = endpoint.ok_or_else(|| id.not_found())?.item(context);
            return Ok(VpcEndpointCreated { vpc_endpoint, client_token: self.client_token });
        }
        let tags = tags::from_specifications(&self.tag_specification, "vpc-endpoint")?;
        let (vpc, _) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        let offer = self.offer(context)?;
        if offer.denied {
            let message = "You are not authorized to perform this operation.";
            return Err(AwsError::new("UnauthorizedOperation", message));
        }
        let policy = match &self.policy_document {
            None => policy::default_of(offer.endpoint_type),
            Some(_) if !offer.policies => return Err(no_policies(&offer.service_name)),
            Some(policy) => policy::stored(policy, offer.endpoint_type)?,
        };
        checks::check_ip_address_type(self.ip_address_type.as_deref())?;
        if let Some(options) = &self.dns_options {
            checks::check_dns_options(context, offer.endpoint_type, offer.short_name, options)?;
        }
        let parts = match offer.endpoint_type {
            EndpointType::Gateway => self.gateway_parts(context, &vpc, &offer)?,
            EndpointType::Interface => self.interface_parts(context, &vpc, &offer)?,
        };
        check_quota(context, &vpc, offer.endpoint_type)?;

        let now = context.now();
        let (state, due) = match offer.endpoint_type {
            // Source: EC2 API Reference, CreateVpcEndpoint, example 1: a gateway is available in the answer.
            EndpointType::Gateway => (State::Available, None),
            EndpointType::Interface if offer.acceptance_required => (State::PendingAcceptance, None),
            EndpointType::Interface => (State::Pending, Some(now + context.options.delays.endpoint_creating)),
        };
        let id: VpcEndpointId = context.region_mut().ids.mint();
        let subnets = interfaces::place(context, &id, &parts.groups, parts.new_interfaces);
        let endpoint = VpcEndpoint {
            id: id.clone(),
            vpc,
            service_name: offer.service_name,
            endpoint_type: offer.endpoint_type,
            state,
            route_tables: parts.route_tables,
            subnets,
            groups: parts.groups,
            private_dns: parts.private_dns,
            inbound_only: parts.inbound_only,
            record_ip_type: parts.record_ip_type,
            policy,
            tags,
            requester_managed: false,
            prefix_list: parts.prefix_list,
            private_names: offer.private_names,
            short_name: offer.short_name,
            created: now,
            due,
            fails: offer.fails,
            last_error: None,
        };
        let item = endpoint.item(context);
        let region = context.region_mut();
        region.tokens.record(Self::NAME, self.client_token.clone(), &self, id.to_string());
        region.vpc_endpoints.insert(id, endpoint, now);
        if let Some(due) = due {
            region.schedule(due);
        }
        Ok(VpcEndpointCreated { vpc_endpoint: item, client_token: self.client_token })
    }
}

impl CreateVpcEndpoint {
    /// Source: EC2 API Reference, CreateVpcEndpoint: the type is Gateway by default. Source of the text for a type
    /// that the service does not have: awsdocs/aws-doc-sdk-examples issue 1452.
    fn offer(&self, context: &Context<'_>) -> Result<Offer, AwsError> {
        let endpoint_type = match self.vpc_endpoint_type.as_deref() {
            None | Some("Gateway") => EndpointType::Gateway,
            Some("Interface") => EndpointType::Interface,
            Some(other @ ("GatewayLoadBalancer" | "Resource" | "ServiceNetwork" | "Tunnel")) => {
                return Err(AwsError::parameter(format!("Endpoint type ({other}) is not part of this emulator.")));
            }
            Some(other) => {
                let message = format!("The VPC endpoint type '{other}' is not valid");
                return Err(AwsError::new("InvalidVpcEndpointType", message));
            }
        };
        let name = self.service_name.as_deref().ok_or_else(|| AwsError::missing("ServiceName"))?;
        let mut offers = catalogue::offers(&context.caller.region, context.options);
        offers.retain(|offer| offer.service_name == name);
        let types: Vec<&str> = offers.iter().map(|offer| offer.endpoint_type.as_str()).collect();
        if types.is_empty() {
            return Err(unknown_service(name));
        }
        let message = format!(
            "Endpoint type ({}) does not match available service types ([{}]).",
            endpoint_type.as_str(),
            types.join(", ")
        );
        offers
            .into_iter()
            .find(|offer| offer.endpoint_type == endpoint_type)
            .ok_or_else(|| AwsError::parameter(message))
    }

    fn gateway_parts(&self, context: &Context<'_>, vpc: &VpcId, offer: &Offer) -> Result<Parts, AwsError> {
        for (given, what) in [
            // Source: nanlabs/terraform-aws-starter issue 18, which quotes AWS.
            (
                !self.subnet_id.is_empty() || !self.subnet_configuration.is_empty(),
                "Subnet IDs are only supported for Interface and GatewayLoadBalancer type VPC Endpoints.",
            ),
            // The counterparts of the text for route tables. ASSUMED (`ASSUMPTIONS.md`, "Codes").
            (
                !self.security_group_id.is_empty(),
                "Security group IDs are only supported for Interface type VPC Endpoint.",
            ),
            (self.private_dns_enabled == Some(true), "Private DNS is only supported for Interface type VPC Endpoint."),
        ] {
            if given {
                return Err(AwsError::parameter(what));
            }
        }
        let prefix_list = catalogue::prefix_list(&context.caller.region, offer.short_name).id;
        let asked = self.dns_options.as_ref().and_then(|options| options.dns_record_ip_type.clone());
        let record_ip_type = asked.unwrap_or_else(|| "service-defined".to_owned());
        // Source: S3 User Guide, "AWS PrivateLink for Amazon S3": other record types need both DNS attributes.
        if record_ip_type != "service-defined" {
            checks::check_private_dns(context, vpc, &[], None)?;
        }
        Ok(Parts {
            route_tables: checks::resolve_route_tables(context, &self.route_table_id, vpc, &prefix_list)?,
            prefix_list: Some(prefix_list),
            groups: BTreeSet::new(),
            new_interfaces: Vec::new(),
            private_dns: false,
            inbound_only: None,
            record_ip_type,
        })
    }

    fn interface_parts(&self, context: &Context<'_>, vpc: &VpcId, offer: &Offer) -> Result<Parts, AwsError> {
        if !self.route_table_id.is_empty() {
            // Source: ansible-collections/amazon.aws issue 576, which quotes AWS.
            let message = "Route table IDs are only supported for Gateway type VPC Endpoint.";
            return Err(AwsError::parameter(message));
        }
        let subnets: BTreeMap<_, _> = interfaces::requested(&self.subnet_id, &self.subnet_configuration)?;
        let groups = security_group::resolve(context, &self.security_group_id, vpc)?;
        let options = self.dns_options.clone().unwrap_or_default();
        let record_ip_type = options.dns_record_ip_type.unwrap_or_else(|| "ipv4".to_owned());
        // Source: EC2 API Reference, CreateVpcEndpoint, example 2, where the parameter is absent and the answer is
        // true; and hashicorp/terraform-provider-aws issues 37694 and 37783.
        let has_names = !offer.private_names.is_empty();
        let private_dns = self.private_dns_enabled.unwrap_or(has_names);
        // Source: cloudposse/terraform-aws-dynamic-subnets and other public reports, which quote AWS.
        if private_dns && !has_names {
            return Err(AwsError::parameter(format!(
                "Private DNS can't be enabled because the service {} does not provide a private DNS name.",
                offer.service_name
            )));
        }
        let asked = options.private_dns_only_for_inbound_resolver_endpoint;
        // Source: S3 User Guide, "AWS PrivateLink for Amazon S3": true by default if private DNS is enabled.
        let inbound_only =
            asked.or_else(|| (private_dns && checks::has_inbound_only(context, offer.short_name)).then_some(true));
        let new_interfaces = interfaces::choose(context, vpc, offer, &subnets, BTreeSet::new())?;
        if private_dns {
            checks::check_private_dns(context, vpc, &offer.private_names, None)?;
            if inbound_only == Some(true) {
                checks::check_inbound_only(context.region(), vpc, offer.short_name, &record_ip_type)?;
            }
        }
        Ok(Parts {
            route_tables: BTreeSet::new(),
            prefix_list: None,
            groups,
            new_interfaces,
            private_dns,
            inbound_only,
            record_ip_type,
        })
    }
}

/// That AWS rejects a policy for a service without policies, and with this code and text, is ASSUMED (`ASSUMPTIONS.md`,
/// "Codes").
pub(super) fn no_policies(service_name: &str) -> AwsError {
    AwsError::parameter(format!("The service {service_name} does not support endpoint policies."))
}

/// Source: AWS PrivateLink guide, "Quotas"; EC2 API Reference, "Error codes".
fn check_quota(context: &Context<'_>, vpc: &VpcId, endpoint_type: EndpointType) -> Result<(), AwsError> {
    let quotas = &context.options.quotas;
    let endpoints = context.region().vpc_endpoints.values();
    let of_type = endpoints.filter(|endpoint| endpoint.exists() && endpoint.endpoint_type == endpoint_type);
    let (count, most) = match endpoint_type {
        EndpointType::Gateway => (of_type.count(), quotas.gateway_endpoints_per_region),
        EndpointType::Interface => {
            (of_type.filter(|endpoint| endpoint.vpc == *vpc).count(), quotas.interface_endpoints_per_vpc)
        }
    };
    if count < most {
        return Ok(());
    }
    Err(AwsError::new("VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached."))
}
