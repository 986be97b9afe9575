//! How a network selects its VPC and subnets: by ID or by tags.

use std::collections::BTreeSet;

use super::FieldError;
use crate::{
    api::{SubnetSelector as ApiSubnetSelector, VpcSelector as ApiVpcSelector},
    model::{
        ids::{SubnetId, VpcId},
        ownership::Tags,
    },
};

/// The selector of the VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VpcSelector {
    /// By ID.
    Id(VpcId),
    /// By tags that exactly one VPC has.
    Tags(Tags),
}

/// The selector of subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubnetSelector {
    /// By their IDs.
    Ids(BTreeSet<SubnetId>),
    /// By tags that all of them have.
    Tags(Tags),
}

pub(super) fn vpc_selector(selector: Option<&ApiVpcSelector>, errors: &mut Vec<FieldError>) -> Option<VpcSelector> {
    let parsed = match selector {
        Some(ApiVpcSelector { id: Some(id), tags: None }) => Some(VpcSelector::Id(id.as_str().into())),
        Some(ApiVpcSelector { id: None, tags: Some(tags) }) if !tags.is_empty() => {
            Some(VpcSelector::Tags(tags.clone()))
        }
        Some(_) | None => None,
    };
    if parsed.is_none() {
        let message =
            "must have exactly one of `id` and `tags`; set it here or in the defaults of the class".to_owned();
        errors.push(FieldError { field: "spec.vpc".to_owned(), message });
    }
    parsed
}

pub(super) fn subnet_selector(
    field: &str,
    selector: Option<&ApiSubnetSelector>,
    errors: &mut Vec<FieldError>,
) -> Option<SubnetSelector> {
    let parsed = match selector {
        Some(ApiSubnetSelector { ids: Some(ids), tags: None }) if !ids.is_empty() => {
            Some(SubnetSelector::Ids(ids.iter().map(|id| id.as_str().into()).collect()))
        }
        Some(ApiSubnetSelector { ids: None, tags: Some(tags) }) if !tags.is_empty() => {
            Some(SubnetSelector::Tags(tags.clone()))
        }
        Some(_) | None => None,
    };
    if parsed.is_none() {
        let message =
            "must have exactly one of `ids` and `tags`; set it here or in the defaults of the class".to_owned();
        errors.push(FieldError { field: field.to_owned(), message });
    }
    parsed
}
