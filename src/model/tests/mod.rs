//! Tests of the model: the decisions of the operator, with one file for each topic.

mod addresses;
mod adoption;
mod around;
mod checks;
mod claims;
mod edits;
mod endpoints;
mod existing;
mod forecast;
mod found;
mod limits;
mod network_acl;
mod orphans;
mod paths;
mod plan;
mod planned;
mod preflight;
mod quota_boundaries;
mod quotas;
mod report;
mod resolver_addresses;
mod routes;
mod settings;
mod status;
mod values;
mod vpc_lease;
