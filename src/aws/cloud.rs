//! Implements [`Cloud`] with the AWS SDK: the calls of each observation, and the call of each step.

use std::{collections::BTreeSet, time::Duration};

use aws_config::SdkConfig;
use ipnet::Ipv4Net;

use super::{
    Account, Cloud, ResolverSearch, Scope,
    endpoint_service::ServiceCache,
    prefix_list::PrefixListCache,
    replication_template::TemplateCache,
    request::Caller,
    resolver_endpoint::Resolvers,
    session::Session,
    surroundings::SurroundingsCache,
    vpc::{VpcContents, VpcContentsCache},
};
use crate::model::{
    failure::CallFailure,
    ids::SecurityGroupId,
    observed::{
        Observed, PrefixLists, Resources, replication_template::ReplicationTemplates, surroundings::Surroundings,
    },
    ownership::{CLUSTER_TAG, Identity, is_adopted},
    plan::step::{CreateRequest, Effect, Step},
    slot::{GroupRole, Slot},
};

/// One account and Region, observed and changed through the AWS SDK.
#[derive(Debug)]
pub struct AwsCloud {
    session: Session,
    services: ServiceCache,
    vpc_contents: VpcContentsCache,
    surroundings: SurroundingsCache,
    prefix_lists: PrefixListCache,
    templates: TemplateCache,
}

impl AwsCloud {
    /// Creates the cloud of the account and Region for which the configuration has credentials.
    pub(super) fn new(config: &SdkConfig, account: &Account, caller: Caller) -> Self {
        Self {
            session: Session::new(config, account, caller),
            services: ServiceCache::default(),
            vpc_contents: VpcContentsCache::default(),
            surroundings: SurroundingsCache::default(),
            prefix_lists: PrefixListCache::default(),
            templates: TemplateCache::default(),
        }
    }
}

impl Cloud for AwsCloud {
    async fn observe(&self, scope: &Scope) -> Result<Observed, CallFailure> {
        let identity = &scope.identity;
        let mut vpcs = self.session.vpcs(&scope.vpc).await?;
        let [vpc] = vpcs.as_mut_slice() else {
            return Ok(Observed { vpcs, ..Observed::default() });
        };
        let resolvers = async {
            let listed = self.session.resolvers_in(
                &vpc.id,
                |id, name| {
                    scope.adopts
                        || scope.resolver.as_ref() == Some(id)
                        || scope.owned_resolvers.includes(identity, id, name)
                },
                |id, tags| identity.owns(tags) || scope.adopts || scope.resolver.as_ref() == Some(id),
            );
            scope.owned_resolvers.unless_denied(listed.await)
        };
        let (contents, offers, groups, endpoints, resolvers, surroundings) = tokio::try_join!(
            self.vpc_contents.read(&self.session, &vpc.id, if scope.fits { scope.recent } else { Duration::ZERO }),
            self.services.read(&self.session, &scope.services),
            self.session.groups_in(&vpc.id),
            self.session.endpoints_in(&vpc.id),
            resolvers,
            self.surroundings.read(&self.session, vpc, scope.fits),
        )?;
        let (resolvers_in_region, resolvers) = resolvers;
        let VpcContents { dns, subnets, route_tables } = contents;
        (vpc.dns_support, vpc.dns_hostnames) = dns;
        let missing = scope.subnets.iter().filter(|id| !subnets.contains_key(*id)).cloned().collect();
        let subnets_elsewhere = self.session.vpcs_of(&missing).await?;
        let services = offers.iter().map(|(key, offer)| (*key, offer.for_vpc(&subnets))).collect();
        let Resolvers { read: resolvers, unread: unread_resolvers } = resolvers;
        let mut resources = Resources { groups, endpoints, resolvers, unread_resolvers, ..Resources::default() };
        let asked = groups_of_interest(scope, &resources);
        let named = scope.endpoints.iter().filter_map(|id| resources.endpoints.get(id));
        let named = named.flat_map(|endpoint| endpoint.interfaces.iter().cloned()).collect();
        let (rules, interfaces, occupants, replication_templates) = tokio::try_join!(
            self.session.rules_of(&asked),
            self.session.interfaces(identity, &resources, &named),
            self.session.occupants(&vpc.id, &scope.addresses),
            async { Ok(self.templates.for_network(&self.session, scope, &vpc.id, &subnets).await) },
        )?;
        resources.add_rules(rules);
        resources.interfaces = interfaces;
        resources.interfaces.extend(occupants);
        let (prefix_lists, s3_ranges) = self.ranges(scope, &surroundings, &resources).await?;
        Ok(Observed {
            vpcs,
            subnets,
            subnets_elsewhere,
            route_tables,
            services,
            surroundings,
            replication_templates,
            prefix_lists,
            s3_ranges,
            resolvers_in_region,
            resources,
        })
    }

    async fn replication_templates(&self, max_age: Duration) -> ReplicationTemplates {
        self.templates.read(&self.session, max_age, max_age).await
    }

    async fn find_owned(&self, identity: &Identity, resolvers: &ResolverSearch) -> Result<Resources, CallFailure> {
        // A filter for an empty tag value would match resources of other owners.
        if identity.uid.is_empty() {
            return Ok(Resources::default());
        }
        let listed = async {
            let is_candidate = |id: &_, name: Option<&_>| resolvers.includes(identity, id, name);
            let listed = self.session.resolvers(is_candidate, |_, tags| identity.owns(tags));
            resolvers.unless_denied(listed.await)
        };
        let groups = self.session.owned_groups(identity);
        let (groups, endpoints, resolvers) = tokio::try_join!(groups, self.session.owned_endpoints(identity), listed)?;
        let Resolvers { read: mut resolvers, unread: unread_resolvers } = resolvers;
        resolvers.retain(|_, resolver| identity.owns(&resolver.tags));
        let mut resources = Resources { groups, endpoints, resolvers, unread_resolvers, ..Resources::default() };
        resources.interfaces = self.session.interfaces(identity, &resources, &BTreeSet::new()).await?;
        // The operator removes its own rules from an adopted group. AWS deletes those of other groups with the groups.
        let adopted = resources.groups.iter().filter(|(_, group)| is_adopted(&group.tags));
        let adopted: BTreeSet<SecurityGroupId> = adopted.map(|(id, _)| id.clone()).collect();
        if !adopted.is_empty() {
            resources.add_rules(self.session.rules_of(&adopted).await?);
        }
        Ok(resources)
    }

    async fn find_made_by(&self, cluster: &str) -> Result<Resources, CallFailure> {
        if cluster.is_empty() {
            return Ok(Resources::default());
        }
        let (groups, endpoints, resolvers) = tokio::try_join!(
            self.session.groups_made_by(cluster),
            self.session.endpoints_made_by(cluster),
            self.session.resolvers(|_, _| true, |_, _| false),
        )?;
        // The owners of unread endpoints are unknown until the next call.
        let mut resolvers = resolvers.read;
        resolvers.retain(|_, resolver| resolver.tags.get(CLUSTER_TAG).is_some_and(|tag| tag == cluster));
        Ok(Resources { groups, endpoints, resolvers, ..Resources::default() })
    }

    async fn execute(&self, step: &Step) -> Result<Effect, CallFailure> {
        match step {
            Step::Create { slot: _, token, request } => self.create(token, request).await,
            Step::AuthorizeIngress { role: _, group, permissions } => {
                self.session.authorize_ingress(group, permissions).await
            }
            Step::RevokeIngress { role: _, group, rules } => self.session.revoke_ingress(group, rules.keys()).await,
            Step::ModifyEndpoint { key, endpoint, change } => {
                self.session.modify_endpoint(*key, endpoint, change).await
            }
            Step::AssociateResolverAddress { resolver, subnet, ip } => {
                self.session.associate_address(resolver, subnet, *ip).await
            }
            Step::DisassociateResolverAddress { resolver, address } => {
                self.session.disassociate_address(resolver, address).await
            }
            Step::Adopt { slot: _, id: _, resource, tags, had: _ } | Step::SetTags { slot: _, resource, tags } => {
                self.session.set_tags(resource, tags).await
            }
            Step::RemoveTags { slot: _, resource, keys } | Step::Release { slot: _, id: _, resource, keys } => {
                self.session.remove_tags(resource, keys).await
            }
            Step::DeleteEndpoints { endpoints } => self.session.delete_endpoints(endpoints).await,
            Step::DeleteResolver { resolver } => self.session.delete_resolver(resolver).await,
            Step::DeleteGroup { role: _, group } => self.session.delete_group(group).await,
        }
    }
}

/// The security groups whose rules matter to a network: those that it owns, those that it names, and those of
/// resources that it names or may adopt.
fn groups_of_interest(scope: &Scope, resources: &Resources) -> BTreeSet<SecurityGroupId> {
    let of_tags = resources.groups.iter().filter(|(_, group)| {
        let left = |role: GroupRole| scope.identity.left_behind(&scope.transfers_from, &group.tags, Slot::Group(role));
        scope.identity.owns(&group.tags) || (scope.adopts && GroupRole::ALL.into_iter().any(left))
    });
    let of_endpoints = scope.endpoints.iter().filter_map(|id| resources.endpoints.get(id));
    let of_resolvers =
        resources.resolvers.iter().filter(|(id, _)| scope.adopts || scope.resolver.as_ref() == Some(*id));
    of_tags
        .map(|(id, _)| id)
        .chain(&scope.groups)
        .chain(of_endpoints.flat_map(|endpoint| &endpoint.groups))
        .chain(of_resolvers.flat_map(|(_, resolver)| &resolver.groups))
        .cloned()
        .collect()
}

impl AwsCloud {
    /// Returns the ranges of the prefix lists that matter to a network, and those of S3.
    async fn ranges(
        &self,
        scope: &Scope,
        surroundings: &Surroundings,
        resources: &Resources,
    ) -> Result<(PrefixLists, Option<BTreeSet<Ipv4Net>>), CallFailure> {
        let lists = self.prefix_lists.read(&self.session, resources.prefix_lists(), scope.fits).await?;
        let is_filtered = !surroundings.acls_are_open() || !resources.egress_is_open();
        let s3 = if is_filtered { self.prefix_lists.of_s3(&self.session, scope.fits).await? } else { None };
        Ok((lists, s3))
    }

    async fn create(&self, token: &str, request: &CreateRequest) -> Result<Effect, CallFailure> {
        match request {
            CreateRequest::SecurityGroup { vpc, name, description, tags } => {
                self.session.create_group(vpc, name, description, tags).await
            }
            CreateRequest::InterfaceEndpoint { .. } => self.session.create_interface_endpoint(token, request).await,
            CreateRequest::GatewayEndpoint { vpc, service_name, route_tables, policy, tags } => {
                self.session.create_gateway_endpoint(token, vpc, service_name, route_tables, policy, tags).await
            }
            CreateRequest::Resolver { name, addresses, group, tags } => {
                self.session.create_resolver(token, name, addresses, group, tags).await
            }
        }
    }
}
