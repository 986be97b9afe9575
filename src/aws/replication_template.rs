//! Reads the replication configuration templates of MGN. The templates are those of the account and Region, so all networks
//! share one answer. Nothing depends on it: a failure, a missing permission or a slow answer only leaves the templates unknown.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use aws_sdk_mgn::types::{
    InternetProtocol, ReplicationConfigurationDataPlaneRouting, ReplicationConfigurationTemplate,
};
use tokio::{sync::Mutex, time::Instant};

use super::surroundings::FRESH;
use crate::{
    aws::{Scope, request::Action, session::Session},
    model::{
        failure::{CallFailure, FailureClass},
        ids::{SubnetId, VpcId},
        observed::{
            Subnet,
            replication_template::{ReplicationTemplate, ReplicationTemplates, Routing},
        },
    },
};

/// How long an observation waits for the templates.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the templates are not requested again after AWS denied the call. The permission is optional, and each denied call
/// appears in CloudTrail.
const DENIAL_HOLDS: Duration = Duration::from_hours(1);

const DESCRIBE: Action = Action::mgn("DescribeReplicationConfigurationTemplates");

/// The answer to the last request.
#[derive(Debug, Default)]
pub(super) struct TemplateCache(Mutex<Option<Answer>>);

#[derive(Debug)]
struct Answer {
    asked: Instant,
    /// Whether AWS answered. If not, the templates are those of the last answer.
    is_answered: bool,
    /// The templates, without the VPCs of their subnets.
    templates: ReplicationTemplates,
    /// The VPCs of their subnets, once they were needed. A subnet without one does not exist.
    vpcs: BTreeMap<SubnetId, Option<VpcId>>,
}

impl Answer {
    /// Whether the answer serves a request for templates of this age. After a failure, the next request is sent soon.
    fn serves(&self, max_age: Duration, max_age_of_failure: Duration) -> bool {
        let holds = match (&self.templates, self.is_answered) {
            (_, false) => max_age_of_failure,
            (ReplicationTemplates::NotPermitted, true) => DENIAL_HOLDS,
            (ReplicationTemplates::Read(_) | ReplicationTemplates::Unread, true) => max_age,
        };
        self.asked.elapsed() < holds
    }
}

impl TemplateCache {
    /// Returns the templates without the VPCs of their subnets. They are up to `max_age` old, or, if the last request has failed,
    /// that request is up to `max_age_of_failure` old.
    pub(super) async fn read(
        &self,
        session: &Session,
        max_age: Duration,
        max_age_of_failure: Duration,
    ) -> ReplicationTemplates {
        // The lock is held during the call, so that concurrent observations wait for the same answer.
        let mut cache = self.0.lock().await;
        if let Some(known) = cache.as_ref().filter(|known| known.serves(max_age, max_age_of_failure)) {
            return known.templates.clone();
        }
        let (is_answered, templates) = match patiently(session.replication_templates()).await {
            Ok(templates) => (true, ReplicationTemplates::Read(templates)),
            Err(failure) if failure.class == FailureClass::Unauthorized => {
                tracing::debug!(%failure, "the role may not read replication templates");
                (true, ReplicationTemplates::NotPermitted)
            }
            Err(failure) => {
                tracing::debug!(%failure, "failed to read the replication templates; using the last known ones");
                (false, cache.take().map_or(ReplicationTemplates::Unread, |last| last.templates))
            }
        };
        *cache =
            Some(Answer { asked: Instant::now(), is_answered, templates: templates.clone(), vpcs: BTreeMap::new() });
        templates
    }

    /// Returns the templates with the VPC of each subnet that they name. AWS is asked for the VPCs once for each list of
    /// templates, and only if a subnet is not in the observed VPC. Without that answer, the templates count as unread.
    pub(super) async fn for_network(
        &self,
        session: &Session,
        scope: &Scope,
        vpc: &VpcId,
        subnets: &BTreeMap<SubnetId, Subnet>,
    ) -> ReplicationTemplates {
        let max_age = if scope.template_fits { FRESH } else { scope.recent };
        let mut templates = match self.read(session, max_age, scope.recent).await {
            ReplicationTemplates::Read(templates) => templates,
            unknown => return unknown,
        };
        let named: BTreeSet<SubnetId> = templates.iter().filter_map(|template| template.subnet.clone()).collect();
        let elsewhere = if named.iter().all(|subnet| subnets.contains_key(subnet)) {
            BTreeMap::new()
        } else {
            match self.vpcs_of(session, &named).await {
                Ok(vpcs) => vpcs,
                Err(failure) => {
                    tracing::debug!(%failure, "failed to find the subnets of the replication templates");
                    return ReplicationTemplates::Unread;
                }
            }
        };
        for template in &mut templates {
            let place = |subnet: &SubnetId| {
                if subnets.contains_key(subnet) { Some(vpc) } else { elsewhere.get(subnet)?.as_ref() }
            };
            template.vpc = template.subnet.as_ref().and_then(place).cloned();
        }
        ReplicationTemplates::Read(templates)
    }

    async fn vpcs_of(
        &self,
        session: &Session,
        subnets: &BTreeSet<SubnetId>,
    ) -> Result<BTreeMap<SubnetId, Option<VpcId>>, CallFailure> {
        let mut cache = self.0.lock().await;
        let known = cache.as_ref().map(|known| &known.vpcs);
        if let Some(known) = known.filter(|known| subnets.iter().all(|subnet| known.contains_key(subnet))) {
            return Ok(known.clone());
        }
        let found = patiently(session.vpcs_of(subnets)).await?;
        let vpcs: BTreeMap<_, _> = subnets.iter().map(|subnet| (subnet.clone(), found.get(subnet).cloned())).collect();
        if let Some(answer) = cache.as_mut() {
            answer.vpcs.clone_from(&vpcs);
        }
        Ok(vpcs)
    }
}

/// Waits for an answer, but not as long as for calls on which a network depends.
async fn patiently<T>(call: impl Future<Output = Result<T, CallFailure>>) -> Result<T, CallFailure> {
    tokio::time::timeout(PATIENCE, call).await.unwrap_or_else(|_| Err(too_slow()))
}

fn too_slow() -> CallFailure {
    CallFailure {
        class: FailureClass::Unanswered,
        operation: DESCRIBE.to_string(),
        code: "Timeout".to_owned(),
        message: format!("no answer within {} s", PATIENCE.as_secs()),
        request_id: None,
    }
}

impl Session {
    /// Reads all templates, sorted by ID, without the VPCs of their subnets.
    async fn replication_templates(&self) -> Result<Vec<ReplicationTemplate>, CallFailure> {
        let listed = self.caller.list(
            DESCRIBE,
            |token| self.mgn.describe_replication_configuration_templates().set_next_token(token).send(),
            |page| (page.items, page.next_token),
        );
        let listed = match listed.await {
            // The answer before a template exists.
            Err(failure) if failure.class == FailureClass::Uninitialized => Vec::new(),
            listed => listed?,
        };
        let mut templates: Vec<_> = listed.into_iter().map(template).collect();
        templates.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(templates)
    }
}

/// Reads a template, except for the VPC of its subnet.
fn template(found: ReplicationConfigurationTemplate) -> ReplicationTemplate {
    ReplicationTemplate {
        id: found.replication_configuration_template_id.into(),
        routing: found.data_plane_routing.map(|routing| match routing {
            ReplicationConfigurationDataPlaneRouting::PrivateIp => Routing::PrivateIp,
            other => Routing::Other(other.as_str().to_owned()),
        }),
        creates_public_ip: found.create_public_ip,
        subnet: found.staging_area_subnet_id.map(Into::into),
        vpc: None,
        has_default_group: found.associate_default_security_group,
        groups: found.replication_servers_security_groups_ids.into_iter().flatten().map(Into::into).collect(),
        is_ipv6: found.internet_protocol == Some(InternetProtocol::Ipv6),
    }
}
