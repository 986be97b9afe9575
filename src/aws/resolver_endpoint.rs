//! Reads and changes Route 53 Resolver inbound endpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use aws_sdk_route53resolver::types::{
    Filter, IpAddressRequest, IpAddressUpdate, Protocol, ResolverEndpoint as Answer, ResolverEndpointDirection,
    ResolverEndpointStatus, ResolverEndpointType,
};

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    aws::{
        request::{Action, absent_is_done, error, unusable},
        session::Session,
        tags,
    },
    model::{
        failure::{CallFailure, FailureClass},
        ids::{ResolverAddressId, ResolverId, SecurityGroupId, SubnetId, VpcId},
        observed::{ResolverAddress, ResolverEndpoint, ResolverState},
        ownership::Tags,
        plan::step::Effect,
    },
};

/// How many endpoints are read at the same time. AWS permits five calls per second, and calls that wait for a long time
/// for their turn fail.
const AT_ONCE: usize = 5;

/// The Resolver endpoints of a list.
#[derive(Debug, Default)]
pub(super) struct Resolvers {
    /// The endpoints with their tags, and with their addresses where these matter.
    pub(super) read: BTreeMap<ResolverId, ResolverEndpoint>,
    /// The endpoints that AWS listed but did not find when their tags or addresses were read.
    pub(super) unread: BTreeSet<ResolverId>,
}

impl Session {
    /// Reads the IDs of all endpoints of the Region, which share one quota, and the inbound endpoints in a VPC. Tags are
    /// read only for candidates, by ID and name, and addresses only for endpoints that matter, because each call counts
    /// against a quota of five per second. Lists contain no tags and cannot be filtered by them.
    pub(super) async fn resolvers_in(
        &self,
        vpc: &VpcId,
        is_candidate: impl Fn(&ResolverId, Option<&str>) -> bool + Send + Sync,
        matters: impl Fn(&ResolverId, &Tags) -> bool + Send + Sync,
    ) -> Result<(BTreeSet<ResolverId>, Resolvers), CallFailure> {
        let listed = self.list_resolvers(Vec::new()).await?;
        let all = listed.iter().filter_map(|answer| answer.id.clone()).map(ResolverId::from).collect();
        let here = listed.into_iter().filter(|answer| {
            answer.host_vpc_id.as_deref() == Some(vpc.as_str())
                && answer.direction == Some(ResolverEndpointDirection::Inbound)
        });
        Ok((all, self.describe_resolvers(here, &is_candidate, &matters).await?))
    }

    /// Reads the inbound endpoints in all VPCs. The conditions are those of [`Self::resolvers_in`].
    pub(super) async fn resolvers(
        &self,
        is_candidate: impl Fn(&ResolverId, Option<&str>) -> bool + Send + Sync,
        matters: impl Fn(&ResolverId, &Tags) -> bool + Send + Sync,
    ) -> Result<Resolvers, CallFailure> {
        let filters = vec![filter("Direction", ResolverEndpointDirection::Inbound.as_str())];
        let listed = self.list_resolvers(filters).await?;
        self.describe_resolvers(listed.into_iter(), &is_candidate, &matters).await
    }

    async fn describe_resolvers(
        &self,
        listed: impl Iterator<Item = Answer> + Send,
        is_candidate: &(impl Fn(&ResolverId, Option<&str>) -> bool + Sync),
        matters: &(impl Fn(&ResolverId, &Tags) -> bool + Sync),
    ) -> Result<Resolvers, CallFailure> {
        let candidates: Vec<_> = listed
            .filter_map(|answer| {
                let name = answer.name.clone();
                let (id, resolver) = read(answer)?;
                is_candidate(&id, name.as_deref()).then_some((id, resolver))
            })
            .collect();
        let described = stream::iter(candidates).map(async |(id, resolver)| {
            let resolver = absent_is_done(self.describe_resolver(&id, resolver, matters).await)?;
            Ok((id, resolver))
        });
        let mut resolvers = Resolvers::default();
        for (id, resolver) in described.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await? {
            match resolver {
                Some(resolver) => drop(resolvers.read.insert(id, resolver)),
                None => drop(resolvers.unread.insert(id)),
            }
        }
        Ok(resolvers)
    }

    async fn list_resolvers(&self, filters: Vec<Filter>) -> Result<Vec<Answer>, CallFailure> {
        let listed = self.caller.list(
            Action::resolver("ListResolverEndpoints"),
            |token| {
                let filters = (!filters.is_empty()).then(|| filters.clone());
                let request = self.resolver.list_resolver_endpoints().set_filters(filters);
                request.max_results(100).set_next_token(token).send()
            },
            |page| (page.resolver_endpoints, page.next_token),
        );
        listed.await
    }

    /// Adds the tags of a listed endpoint and, if it matters, its addresses.
    ///
    /// # Errors
    /// Fails with class `NotFound` if the calls for tags and addresses do not find the endpoint yet, or no longer
    /// find it.
    async fn describe_resolver(
        &self,
        id: &ResolverId,
        mut resolver: ResolverEndpoint,
        matters: &(impl Fn(&ResolverId, &Tags) -> bool + Sync),
    ) -> Result<ResolverEndpoint, CallFailure> {
        resolver.tags = self.resolver_tags(&resolver.arn).await?;
        if matters(id, &resolver.tags) {
            resolver.addresses = self.resolver_addresses(id).await?;
        }
        Ok(resolver)
    }

    async fn resolver_tags(&self, arn: &str) -> Result<Tags, CallFailure> {
        let tags = self.caller.list(
            Action::resolver("ListTagsForResource"),
            |token| {
                let request = self.resolver.list_tags_for_resource().resource_arn(arn).max_results(100);
                request.set_next_token(token).send()
            },
            |page| (page.tags, page.next_token),
        );
        Ok(tags::from_resolver(tags.await?))
    }

    async fn resolver_addresses(
        &self,
        id: &ResolverId,
    ) -> Result<BTreeMap<ResolverAddressId, ResolverAddress>, CallFailure> {
        let addresses = self.caller.list(
            Action::resolver("ListResolverEndpointIpAddresses"),
            |token| {
                let request = self.resolver.list_resolver_endpoint_ip_addresses().resolver_endpoint_id(id.as_str());
                request.max_results(100).set_next_token(token).send()
            },
            |page| (page.ip_addresses, page.next_token),
        );
        let addresses = addresses.await?.into_iter().filter_map(|address| {
            let state = address.status.map_or_else(String::new, |status| status.as_str().to_owned());
            let read = ResolverAddress {
                subnet: address.subnet_id?.into(),
                ip: address.ip.and_then(|ip| ip.parse().ok()),
                state,
                created: address.creation_time.unwrap_or_default(),
            };
            Some((address.ip_id?.into(), read))
        });
        Ok(addresses.collect())
    }

    /// Calls `CreateResolverEndpoint`. Unlike a repeated client token, a repeated creator request ID is rejected
    /// (aws/aws-cdk issue 5012); then the operator searches for the endpoint by that ID and returns it as created.
    pub(super) async fn create_resolver(
        &self,
        token: &str,
        name: &str,
        addresses: &BTreeMap<SubnetId, Option<Ipv4Addr>>,
        group: &SecurityGroupId,
        tags: &Tags,
    ) -> Result<Effect, CallFailure> {
        let action = Action::resolver("CreateResolverEndpoint");
        let addresses = addresses
            .iter()
            .map(|(subnet, ip)| {
                let request = IpAddressRequest::builder().subnet_id(subnet.as_str());
                request.set_ip(ip.map(|ip| ip.to_string())).build()
            })
            .collect::<Result<_, _>>()
            .map_err(|error| tags::not_built(action, &error))?;
        let request = self
            .resolver
            .create_resolver_endpoint()
            .creator_request_id(token)
            .name(name)
            .direction(ResolverEndpointDirection::Inbound)
            .resolver_endpoint_type(ResolverEndpointType::Ipv4)
            .protocols(Protocol::Do53)
            .security_group_ids(group.as_str())
            .set_ip_addresses(Some(addresses))
            .set_tags(Some(tags::to_resolver(tags, action)?));
        match self.caller.call_once(action, || request.clone().send()).await {
            Ok(answer) => {
                let read = answer.resolver_endpoint.and_then(read);
                let (id, mut resolver) = read.ok_or_else(|| unusable(action, "the answer contains no endpoint"))?;
                resolver.tags.clone_from(tags);
                Ok(Effect::ResolverCreated(id, resolver))
            }
            Err(failure) if failure.class == FailureClass::AlreadyExists => {
                let found = self.list_resolvers(vec![filter("CreatorRequestId", token)]).await?;
                let (id, mut resolver) = found.into_iter().find_map(read).ok_or(failure)?;
                resolver.tags = self.resolver_tags(&resolver.arn).await?;
                Ok(Effect::ResolverCreated(id, resolver))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Calls `AssociateResolverEndpointIpAddress`. The call has no token: sent twice, it adds two addresses, each
    /// billed by the hour. After a lost answer, the next observation shows whether the address was added.
    pub(super) async fn associate_address(
        &self,
        resolver: &ResolverId,
        subnet: &SubnetId,
        ip: Option<Ipv4Addr>,
    ) -> Result<Effect, CallFailure> {
        let address = IpAddressUpdate::builder().subnet_id(subnet.as_str()).set_ip(ip.map(|ip| ip.to_string())).build();
        let request = self.resolver.associate_resolver_endpoint_ip_address().resolver_endpoint_id(resolver.as_str());
        let request = request.ip_address(address);
        self.caller
            .call_once(Action::resolver("AssociateResolverEndpointIpAddress"), || request.clone().send())
            .await?;
        Ok(Effect::Accepted)
    }

    /// Calls `DisassociateResolverEndpointIpAddress` with the ID of the address, because a subnet may have several
    /// addresses.
    pub(super) async fn disassociate_address(
        &self,
        resolver: &ResolverId,
        address: &ResolverAddressId,
    ) -> Result<Effect, CallFailure> {
        let address = IpAddressUpdate::builder().ip_id(address.as_str()).build();
        let request = self.resolver.disassociate_resolver_endpoint_ip_address();
        let request = request.resolver_endpoint_id(resolver.as_str()).ip_address(address);
        let action = Action::resolver("DisassociateResolverEndpointIpAddress");
        absent_is_done(self.caller.call(action, || request.clone().send()).await)?;
        Ok(Effect::Accepted)
    }

    /// Calls `DeleteResolverEndpoint`. `NotFound` counts as a failure, because the endpoint may not be visible yet.
    pub(super) async fn delete_resolver(&self, resolver: &ResolverId) -> Result<Effect, CallFailure> {
        let request = self.resolver.delete_resolver_endpoint().resolver_endpoint_id(resolver.as_str());
        self.caller.call(Action::resolver("DeleteResolverEndpoint"), || request.clone().send()).await?;
        Ok(Effect::Accepted)
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Reads a listed or created endpoint. Other calls return its tags and addresses.
fn read(answer: Answer) -> Option<(ResolverId, ResolverEndpoint)> {
    // An endpoint without a list of protocols was created before AWS had others.
    let plain = answer.protocols.as_ref().is_none_or(|all| all.is_empty() || all.contains(&Protocol::Do53));
    let resolver = ResolverEndpoint {
        arn: answer.arn?,
        state: ResolverState::parse(answer.status.as_ref().map_or("", ResolverEndpointStatus::as_str)),
        message: error::readable(&answer.status_message.unwrap_or_default()),
        answers_ipv4_dns: plain && answer.resolver_endpoint_type != Some(ResolverEndpointType::Ipv6),
        groups: answer.security_group_ids.unwrap_or_default().into_iter().map(Into::into).collect(),
        addresses: BTreeMap::new(),
        tags: Tags::new(),
    };
    Some((answer.id?.into(), resolver))
}
