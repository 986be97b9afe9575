//! DHCP option sets: CreateDhcpOptions, AssociateDhcpOptions, DeleteDhcpOptions, DescribeDhcpOptions.
//!
//! Every Region starts with the default set, which uses AmazonProvidedDNS.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    error::AwsError,
    filters::{Filter, Filterable},
    ids::{DhcpOptionsId, ResourceId},
    paging::Paging,
    tags::{self, TagItem, TagSpecification, Tags},
};

/// The ID of the DHCP options of a VPC without any. Source: EC2 API Reference, AssociateDhcpOptions: "The ID of the
/// DHCP options set, or `default` to associate no DHCP options with the VPC."
pub(crate) const NONE: &str = "default";

/// The name of AWS's own name server in a VPC.
const AMAZON_PROVIDED: &str = "AmazonProvidedDNS";

/// A set of DHCP options.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DhcpOptions {
    pub id: DhcpOptionsId,
    /// The values of each option, in the order of the request.
    pub options: BTreeMap<String, Vec<String>>,
    pub tags: Tags,
    owner: String,
}

impl DhcpOptions {
    /// Source: VPC User Guide, "Default DHCP option set".
    pub(crate) fn default_of(id: DhcpOptionsId, account: &str, region: &str) -> Self {
        let domain = match region {
            "us-east-1" => "ec2.internal".to_owned(),
            region => format!("{region}.compute.internal"),
        };
        let options = BTreeMap::from([
            ("domain-name".to_owned(), vec![domain]),
            ("domain-name-servers".to_owned(), vec![AMAZON_PROVIDED.to_owned()]),
        ]);
        Self { id, options, tags: Tags::new(), owner: account.to_owned() }
    }

    fn item(&self) -> DhcpOptionsItem {
        let configuration = |(key, values): (&String, &Vec<String>)| DhcpConfiguration {
            key: key.clone(),
            values: values.iter().map(|value| DhcpValue { value: value.clone() }).collect(),
        };
        DhcpOptionsItem {
            dhcp_options_id: self.id.clone(),
            configurations: self.options.iter().map(configuration).collect(),
            owner_id: self.owner.clone(),
            tags: tags::items(&self.tags),
        }
    }
}

/// A set of DHCP options in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DhcpOptionsItem {
    pub dhcp_options_id: DhcpOptionsId,
    #[serde(rename = "dhcpConfigurationSet")]
    pub configurations: Vec<DhcpConfiguration>,
    pub owner_id: String,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// One option.
#[derive(Clone, Debug, Serialize)]
pub struct DhcpConfiguration {
    pub key: String,
    #[serde(rename = "valueSet")]
    pub values: Vec<DhcpValue>,
}

/// One value of an option.
#[derive(Clone, Debug, Serialize)]
pub struct DhcpValue {
    pub value: String,
}

impl Filterable for DhcpOptions {
    const FILTERS: &'static [&'static str] = &["dhcp-options-id", "key", "owner-id", "value"];

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "dhcp-options-id" => vec![self.id.to_string()],
            "key" => self.options.keys().cloned().collect(),
            "owner-id" => vec![self.owner.clone()],
            "value" => self.options.values().flatten().cloned().collect(),
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

/// Creates a set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateDhcpOptions {
    #[serde(default)]
    pub dhcp_configuration: Vec<NewDhcpConfiguration>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
}

/// An option of a new set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NewDhcpConfiguration {
    pub key: String,
    #[serde(default)]
    pub value: Vec<String>,
}

/// The created set.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DhcpOptionsCreated {
    pub dhcp_options: DhcpOptionsItem,
}

impl Action for CreateDhcpOptions {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateDhcpOptions";
    type Answer = DhcpOptionsCreated;

    fn run(self, context: &mut Context<'_>) -> Result<DhcpOptionsCreated, AwsError> {
        if self.dhcp_configuration.is_empty() {
            return Err(AwsError::missing("DhcpConfiguration"));
        }
        let mut options = BTreeMap::new();
        for NewDhcpConfiguration { key, value } in self.dhcp_configuration {
            // A list may be sent as one value: "specify the IP addresses in a single parameter, separated by commas".
            let values: Vec<String> = value
                .iter()
                .flat_map(|value| value.split(','))
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .collect();
            check(&key, &values)?;
            if options.insert(key.clone(), values).is_some() {
                return Err(refused(&key, "is given twice"));
            }
        }
        let tags = tags::from_specifications(&self.tag_specification, "dhcp-options")?;
        let (now, owner) = (context.now(), context.caller.account.clone());
        let region = context.region_mut();
        let set = DhcpOptions { id: region.ids.mint(), options, tags, owner };
        let item = set.item();
        region.dhcp_options.insert(set.id.clone(), set, now);
        Ok(DhcpOptionsCreated { dhcp_options: item })
    }
}

/// Source: EC2 API Reference, CreateDhcpOptions. The code is ASSUMED (`ASSUMPTIONS.md`, "Codes").
fn check(key: &str, values: &[String]) -> Result<(), AwsError> {
    let addresses = || values.iter().all(|value| value.parse::<IpAddr>().is_ok());
    let one_of = |allowed: &[&str]| matches!(values, [value] if allowed.contains(&value.as_str()));
    let fits = match key {
        "domain-name-servers" => {
            values.len() <= 4 && values.iter().all(|value| value == AMAZON_PROVIDED || value.parse::<IpAddr>().is_ok())
        }
        "ntp-servers" | "netbios-name-servers" => values.len() <= 4 && addresses(),
        "netbios-node-type" => one_of(&["1", "2", "4", "8"]),
        "ipv6-address-preferred-lease-time" => {
            matches!(values, [value] if value.parse::<u32>().is_ok_and(|seconds| (140..=2_147_483_647).contains(&seconds)))
        }
        "domain-name" => values.len() == 1,
        _ => return Err(refused(key, "is no option")),
    };
    if fits && !values.is_empty() { Ok(()) } else { Err(refused(key, "has values that it cannot have")) }
}

fn refused(key: &str, why: &str) -> AwsError {
    AwsError::value(format!("Value ({key}) for parameter dhcpConfiguration is invalid: it {why}."))
}

/// Associates a VPC with another set, or with none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateDhcpOptions {
    pub dhcp_options_id: String,
    pub vpc_id: String,
}

impl Action for AssociateDhcpOptions {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "AssociateDhcpOptions";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (vpc, _) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        let set = match self.dhcp_options_id.as_str() {
            NONE => None,
            id => Some(context.own(|region| &region.dhcp_options, id, Self::NAME)?.0),
        };
        if let Some(vpc) = context.region_mut().vpcs.get_mut(&vpc) {
            vpc.dhcp_options = set;
        }
        Ok(DONE)
    }
}

/// Deletes a set that no VPC uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteDhcpOptions {
    pub dhcp_options_id: String,
}

impl Action for DeleteDhcpOptions {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteDhcpOptions";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let sight = context.sight();
        let region = context.region();
        let (id, _) = context.own(|region| &region.dhcp_options, &self.dhcp_options_id, Self::NAME)?;
        // Source: EC2 API Reference, DeleteDhcpOptions: "You must disassociate the set of DHCP options before you can delete
        // it."
        if region.vpcs.values().any(|vpc| vpc.dhcp_options.as_ref() == Some(&id)) {
            let message = format!("The dhcpOptions '{id}' has dependencies and cannot be deleted.");
            return Err(AwsError::new("DependencyViolation", message));
        }
        context.region_mut().dhcp_options.remove(&id, sight);
        Ok(DONE)
    }
}

/// Lists DHCP option sets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeDhcpOptions {
    #[serde(default)]
    pub dhcp_options_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching sets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DhcpOptionsSets {
    #[serde(rename = "dhcpOptionsSet")]
    pub sets: Vec<DhcpOptionsItem>,
    pub next_token: Option<String>,
}

impl Action for DescribeDhcpOptions {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeDhcpOptions";
    type Answer = DhcpOptionsSets;

    fn run(self, context: &mut Context<'_>) -> Result<DhcpOptionsSets, AwsError> {
        let rows = context.select(|region| &region.dhcp_options, &self.dhcp_options_id, &self.filter)?;
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |seen| seen.row.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(DhcpOptionsSets { sets: page.iter().map(|seen| seen.row.item()).collect(), next_token })
    }
}
