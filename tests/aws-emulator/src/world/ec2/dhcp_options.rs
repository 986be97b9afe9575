//! DescribeDhcpOptions: the one default set of a region, with AmazonProvidedDNS.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, Service},
    error::AwsError,
    filters::{self, Filter, Filterable},
    ids::{DhcpOptionsId, ResourceId},
    paging::Paging,
    tags::{TagItem, Tags},
};

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

/// The sets found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DhcpOptionsSets {
    #[serde(rename = "dhcpOptionsSet")]
    pub sets: Vec<DhcpOptions>,
    pub next_token: Option<String>,
}

/// A set of DHCP options as EC2 shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DhcpOptions {
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
    pub key: &'static str,
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
            "dhcp-options-id" => vec![self.dhcp_options_id.to_string()],
            "key" => self.configurations.iter().map(|option| option.key.to_owned()).collect(),
            "owner-id" => vec![self.owner_id.clone()],
            "value" => self.configurations.iter().flat_map(|o| &o.values).map(|value| value.value.clone()).collect(),
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Action for DescribeDhcpOptions {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeDhcpOptions";
    type Answer = DhcpOptionsSets;

    fn run(self, context: &mut Context<'_>) -> Result<DhcpOptionsSets, AwsError> {
        filters::check::<DhcpOptions>(&self.filter)?;
        let set = default_set(context);
        for id in &self.dhcp_options_id {
            let id = DhcpOptionsId::parse(id)?;
            if id != set.dhcp_options_id {
                return Err(id.not_found());
            }
        }
        let found = Some(set).filter(|set| filters::matches(set, &self.filter, context.region()));
        let (sets, next_token) = Paging::ec2(Self::NAME).cut(
            found,
            |set| set.dhcp_options_id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(DhcpOptionsSets { sets, next_token })
    }
}

/// Source: VPC User Guide, "Default DHCP option set".
fn default_set(context: &Context<'_>) -> DhcpOptions {
    let domain = match context.caller.region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    };
    let option = |key, value: String| DhcpConfiguration { key, values: vec![DhcpValue { value }] };
    DhcpOptions {
        dhcp_options_id: context.region().dhcp_options.clone(),
        configurations: vec![
            option("domain-name", domain),
            option("domain-name-servers", "AmazonProvidedDNS".to_owned()),
        ],
        owner_id: context.caller.account.clone(),
        tags: Vec::new(),
    }
}
