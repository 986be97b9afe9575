//! Derives from a call to AWS the requests that AWS authorizes: one for each resource of the call, one for tags that a
//! create call sets, and those of the calls that a service makes with the identity of the caller.
//!
//! Sources: `reference.rs`; EC2 User Guide, "Grant permission to tag resources during creation"; the dependent actions
//! in the Service Authorization Reference; the AWS managed policy AmazonRoute53ResolverFullAccess. `ASSUMED` marks the
//! rest.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use support::Call;

use crate::{
    evaluate::Request,
    reference::{self, Key, Kind},
};

/// The ID of a resource that the call creates, as EC2 writes it in ARNs.
const NEW: &str = "*";

/// The same for Route 53 Resolver: AWS denies `CreateResolverEndpoint` on `…:resolver-endpoint/`
/// (ministryofjustice/modernisation-platform pull request 8322).
const NEW_RESOLVER_ENDPOINT: &str = "";

/// The requests of one call.
struct Requests<'c> {
    call: &'c Call,
    found: Vec<Request>,
}

/// How a request is made.
#[derive(Clone, Copy)]
enum How<'a> {
    /// The caller makes it.
    Directly,
    /// It authorizes the tags of a create call of EC2.
    ToTagIn(&'a str),
    /// A service makes it with the identity of the caller.
    ViaService,
}

/// Returns all requests that AWS authorizes for a call.
///
/// # Errors
/// If the operator does not make such a call.
pub(crate) fn requests(call: &Call) -> Result<Vec<Request>> {
    let mut requests = Requests { call, found: Vec::new() };
    requests.derive().with_context(|| format!("{call} {}", call.parameters))?;
    Ok(requests.found)
}

impl Requests<'_> {
    fn derive(&mut self) -> Result<()> {
        use Kind::{Any, ResolverEndpoint, Role, SecurityGroup, Vpc, VpcEndpoint};
        let call = self.call;
        match call.action.as_str() {
            // Every identity may call it (IAM User Guide, "GetCallerIdentity").
            "GetCallerIdentity" => Ok(()),
            "AssumeRole" => self.add("sts:AssumeRole", Role, &self.last_part("RoleArn")),
            "CreateSecurityGroup" => {
                self.add("ec2:CreateSecurityGroup", SecurityGroup, &[NEW.to_owned()])?;
                self.add("ec2:CreateSecurityGroup", Vpc, &self.ids("VpcId"))?;
                self.add_as(How::ToTagIn("CreateSecurityGroup"), "ec2:CreateTags", SecurityGroup, &[NEW.to_owned()])
            }
            action @ ("AuthorizeSecurityGroupIngress" | "RevokeSecurityGroupIngress" | "DeleteSecurityGroup") => {
                self.add(&format!("ec2:{action}"), SecurityGroup, &self.ids("GroupId"))
            }
            "CreateVpcEndpoint" => {
                let action = "ec2:CreateVpcEndpoint";
                self.add(action, VpcEndpoint, &[NEW.to_owned()])?;
                self.add(action, Vpc, &self.ids("VpcId"))?;
                self.parts_of_endpoint(action, [""])?;
                self.add_as(How::ToTagIn("CreateVpcEndpoint"), "ec2:CreateTags", VpcEndpoint, &[NEW.to_owned()])?;
                self.describes(&["Vpcs", "Subnets", "SecurityGroups"])?;
                self.private_dns()
            }
            "ModifyVpcEndpoint" => {
                let action = "ec2:ModifyVpcEndpoint";
                self.add(action, VpcEndpoint, &self.ids("VpcEndpointId"))?;
                self.parts_of_endpoint(action, ["Add", "Remove"])?;
                self.private_dns()
            }
            "DeleteVpcEndpoints" => self.add("ec2:DeleteVpcEndpoints", VpcEndpoint, &self.ids("VpcEndpointId")),
            action @ ("CreateTags" | "DeleteTags") => {
                for id in self.ids("ResourceId") {
                    let kind = match id.split('-').next() {
                        Some("sg") => SecurityGroup,
                        Some("vpce") => VpcEndpoint,
                        _ => bail!("the operator does not tag {id}"),
                    };
                    self.add(&format!("ec2:{action}"), kind, &[id])?;
                }
                Ok(())
            }
            "GetManagedPrefixListEntries" => {
                self.add("ec2:GetManagedPrefixListEntries", Kind::PrefixList, &self.ids("PrefixListId"))
            }
            "DescribeVpcAttribute" => self.add("ec2:DescribeVpcAttribute", Vpc, &self.ids("VpcId")),
            action @ "DescribeReplicationConfigurationTemplates" => {
                self.add(&format!("mgn:{action}"), Any, &[String::new()])
            }
            action if action.starts_with("Describe") => self.add(&format!("ec2:{action}"), Any, &[String::new()]),
            "ListHostedZonesByVPC" => self.add("route53:ListHostedZonesByVPC", Any, &[String::new()]),
            "ListResolverEndpoints" => self.add("route53resolver:ListResolverEndpoints", Any, &[String::new()]),
            action @ ("ListTagsForResource" | "TagResource" | "UntagResource") => {
                self.add(&format!("route53resolver:{action}"), ResolverEndpoint, &self.last_part("ResourceArn"))
            }
            "CreateResolverEndpoint" => {
                let new = [NEW_RESOLVER_ENDPOINT.to_owned()];
                self.add("route53resolver:CreateResolverEndpoint", ResolverEndpoint, &new)?;
                // ASSUMED: no source states that tags of a create call need this permission, or for which ARN.
                self.add("route53resolver:TagResource", ResolverEndpoint, &new)?;
                self.describes(&["AvailabilityZones", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs"])?;
                self.new_interfaces(&self.members("IpAddresses", "SubnetId"), &self.ids("SecurityGroupIds"))
            }
            action => {
                let resolver = self.ids("ResolverEndpointId");
                self.add(&format!("route53resolver:{action}"), ResolverEndpoint, &resolver)?;
                match action {
                    "AssociateResolverEndpointIpAddress" => {
                        self.describes(&["NetworkInterfaces", "Subnets"])?;
                        let subnet = texts(&self.call.parameters["IpAddress"]["SubnetId"]);
                        // The group is the endpoint's, which the call does not name.
                        self.new_interfaces(&subnet, &[NEW.to_owned()])
                    }
                    "DeleteResolverEndpoint" | "DisassociateResolverEndpointIpAddress" => {
                        self.describes(&["NetworkInterfaces"])?;
                        let interface = [NEW.to_owned()];
                        self.add_as(How::ViaService, "ec2:DeleteNetworkInterface", Kind::NetworkInterface, &interface)
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// The subnets, groups and route tables of a call for an endpoint. The parameters have these prefixes.
    fn parts_of_endpoint<const N: usize>(&mut self, action: &str, prefixes: [&str; N]) -> Result<()> {
        for prefix in prefixes {
            self.add(action, Kind::Subnet, &self.ids(&format!("{prefix}SubnetId")))?;
            self.add(action, Kind::SecurityGroup, &self.ids(&format!("{prefix}SecurityGroupId")))?;
            self.add(action, Kind::RouteTable, &self.ids(&format!("{prefix}RouteTableId")))?;
        }
        self.add(action, Kind::Subnet, &self.members("SubnetConfiguration", "SubnetId"))
    }

    /// The association with the hosted zone of the service, which EC2 makes for the caller if private DNS is enabled.
    /// ASSUMED: that `ModifyVpcEndpoint` needs it, too, and that the request comes from EC2.
    fn private_dns(&mut self) -> Result<()> {
        if self.call.parameters["PrivateDnsEnabled"] == "true" {
            let zone = [NEW.to_owned()];
            self.add_as(How::ViaService, "route53:AssociateVPCWithHostedZone", Kind::HostedZone, &zone)?;
        }
        Ok(())
    }

    /// The network interfaces that Resolver creates for the caller. ASSUMED: that it needs the permissions of the
    /// managed policy that are no dependent actions.
    fn new_interfaces(&mut self, subnets: &[String], groups: &[String]) -> Result<()> {
        let (via, new) = (How::ViaService, [NEW.to_owned()]);
        self.add_as(via, "ec2:CreateNetworkInterface", Kind::NetworkInterface, &new)?;
        self.add_as(via, "ec2:CreateNetworkInterface", Kind::Subnet, subnets)?;
        self.add_as(via, "ec2:CreateNetworkInterface", Kind::SecurityGroup, groups)?;
        self.add_as(via, "ec2:CreateNetworkInterfacePermission", Kind::NetworkInterface, &new)?;
        self.add_as(via, "ec2:ModifyNetworkInterfaceAttribute", Kind::NetworkInterface, &new)
    }

    fn describes(&mut self, nouns: &[&str]) -> Result<()> {
        for noun in nouns {
            self.add_as(How::ViaService, &format!("ec2:Describe{noun}"), Kind::Any, &[String::new()])?;
        }
        Ok(())
    }

    fn add(&mut self, action: &str, kind: Kind, ids: &[String]) -> Result<()> {
        self.add_as(How::Directly, action, kind, ids)
    }

    fn add_as(&mut self, how: How<'_>, action: &str, kind: Kind, ids: &[String]) -> Result<()> {
        let supported = reference::find(action)?.keys(kind)?;
        for id in ids {
            let keys = self.keys(how, supported, id);
            let resource = kind.arn(&self.call.region, &self.call.account, id);
            self.found.push(Request { action: action.to_owned(), resource, keys });
        }
        Ok(())
    }

    /// The condition keys of a request: the global ones, and those of the call that the action supports.
    fn keys(&self, how: How<'_>, supported: &[Key], id: &str) -> BTreeMap<String, String> {
        let via_service = matches!(how, How::ViaService);
        let mut keys = BTreeMap::from([("aws:ViaAWSService".to_owned(), via_service.to_string())]);
        let of_tags = |prefix: &str, tags: BTreeMap<String, String>| -> BTreeMap<String, String> {
            tags.into_iter().map(|(key, value)| (format!("{prefix}/{key}"), value)).collect()
        };
        for key in supported {
            match (key, how) {
                (Key::RequestTag, How::Directly | How::ToTagIn(_)) => {
                    keys.extend(of_tags("aws:RequestTag", request_tags(&self.call.parameters)));
                }
                (Key::ResourceTag, _) => {
                    keys.extend(of_tags("aws:ResourceTag", self.call.tags.get(id).cloned().unwrap_or_default()));
                }
                (Key::CreateAction, How::ToTagIn(action)) => {
                    keys.insert("ec2:CreateAction".to_owned(), action.to_owned());
                }
                (Key::ServiceName, _) => keys.extend(self.text("ServiceName", "ec2:VpceServiceName")),
                (Key::ExternalId, _) => keys.extend(self.text("ExternalId", "sts:ExternalId")),
                (Key::RequestTag, How::ViaService) | (Key::CreateAction, How::Directly | How::ViaService) => {}
            }
        }
        keys
    }

    /// Returns a parameter as the value of a condition key.
    fn text(&self, parameter: &str, key: &str) -> Option<(String, String)> {
        Some((key.to_owned(), self.call.parameters[parameter].as_str()?.to_owned()))
    }

    /// Returns the IDs in a parameter.
    fn ids(&self, parameter: &str) -> Vec<String> {
        texts(&self.call.parameters[parameter])
    }

    /// Returns the last part of the ARN in a parameter.
    fn last_part(&self, parameter: &str) -> Vec<String> {
        self.ids(parameter).iter().filter_map(|arn| Some(arn.rsplit_once('/')?.1.to_owned())).collect()
    }

    /// Returns a member of each item of a list.
    fn members(&self, list: &str, member: &str) -> Vec<String> {
        items(&self.call.parameters[list]).into_iter().flat_map(|item| texts(&item[member])).collect()
    }
}

/// Returns the items of a list. In the protocol of EC2 a list is an object.
fn items(list: &Value) -> Vec<&Value> {
    match list {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

/// Returns a text, or the texts of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        list => items(list).into_iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

/// Returns the tags in the parameters of a call: all objects with a key and a value.
fn request_tags(parameters: &Value) -> BTreeMap<String, String> {
    match (parameters["Key"].as_str(), parameters["Value"].as_str()) {
        (Some(key), Some(value)) => [(key.to_owned(), value.to_owned())].into(),
        _ => items(parameters).into_iter().flat_map(request_tags).collect(),
    }
}
