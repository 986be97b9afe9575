//! The two tenants, the first tenant's resources, and the checks that these are unchanged and were not revealed.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use mgnet::api::{MigrationNetwork, VpcSelector};
use mgnet::model::ownership::OWNER_TAG;
use serde_json::Value;
use support::state::{ResolverEndpoint, SecurityGroup, State, VpcEndpoint};
use support::{Lab, Landing, Network, Site, Tenant};

use support::foreign::untouched;

/// The name of the first tenant's network. Nothing else has this name.
pub(super) const VICTIM: &str = "payroll-move";

/// Both tenants.
pub(super) struct Scene {
    /// The first tenant's site, with the rights of an administrator.
    pub(super) site: Site,
    /// The second tenant's site in the same account, with its own VPC and the rights of this tenant.
    pub(super) intruder: Site,
    pub(super) tenant: Tenant,
    /// The first tenant's network before the attempts.
    pub(super) victim: MigrationNetwork,
    /// The AWS resources of that network before the attempts.
    pub(super) resources: OwnedResources,
    /// The last call in the account before the second tenant did anything.
    pub(super) mark: u64,
}

/// The AWS resources that a network owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OwnedResources {
    pub(super) groups: Vec<SecurityGroup>,
    pub(super) endpoints: Vec<VpcEndpoint>,
    pub(super) resolvers: Vec<ResolverEndpoint>,
}

impl OwnedResources {
    fn of(state: State, uid: &str) -> Self {
        let owned = |tags: &support::state::Tags| tags.get(OWNER_TAG).is_some_and(|owner| owner == uid);
        Self {
            groups: state.security_groups.into_iter().filter(|one| owned(&one.tags)).collect(),
            endpoints: state.vpc_endpoints.into_iter().filter(|one| owned(&one.tags)).collect(),
            resolvers: state.resolver_endpoints.into_iter().filter(|one| owned(&one.tags)).collect(),
        }
    }

    /// Returns the IDs of all resources, including those of network interfaces.
    pub(super) fn ids(&self) -> Vec<String> {
        let interfaces = self.endpoints.iter().flat_map(|one| &one.network_interfaces).map(|one| &one.id);
        let addresses = self.resolvers.iter().flat_map(|one| &one.addresses).map(|one| &one.network_interface);
        let all = self.groups.iter().map(|one| &one.id).chain(self.endpoints.iter().map(|one| &one.id));
        all.chain(self.resolvers.iter().map(|one| &one.id)).chain(interfaces).chain(addresses).cloned().collect()
    }

    /// Returns the interface endpoint of a service.
    pub(super) fn endpoint(&self, service: &str) -> Result<&VpcEndpoint> {
        let is = |one: &&VpcEndpoint| {
            one.endpoint_type == "Interface" && one.service_name.rsplit('.').next() == Some(service)
        };
        self.endpoints.iter().find(is).with_context(|| format!("no endpoint of {service}"))
    }

    /// Returns the Resolver endpoint.
    pub(super) fn resolver(&self) -> Result<&ResolverEndpoint> {
        self.resolvers.first().context("no resolver")
    }
}

impl Scene {
    /// Builds the first tenant's network, and gives the second tenant a VPC, a class and rights of its own.
    pub(super) async fn set(lab: &Lab, name: &str) -> Result<Self> {
        let site = lab.site(name).await?;
        lab.control().change_options(&site.account, serde_json::json!({ "throttling": false })).await?;
        let own = VpcSelector { id: Some(site.landing.vpc.clone()), tags: None };
        let network = site.network(VICTIM).with(|spec| spec.vpc = Some(own)).apply().await?;
        network.until_ready().await?;
        let landing = Landing::make(&site.aws).await?;
        let tenant = site.tenant(&format!("intruder-{}", site.account)).await?;
        let intruder = Site {
            lab: lab.clone(),
            account: site.account.clone(),
            region: site.region.clone(),
            namespace: tenant.namespace.clone(),
            class_name: format!("corp-{}", site.account),
            landing,
            aws: site.aws.clone(),
            kube: tenant.kube.clone(),
        };
        let mut class = site.class();
        class.metadata.name = Some(intruder.class_name.clone());
        let defaults = class.spec.defaults.as_mut().context("no defaults")?;
        defaults.vpc = Some(VpcSelector { id: Some(intruder.landing.vpc.clone()), tags: None });
        site.make_class(class).await?;
        let victim = network.until_ready().await?;
        let uid = victim.uid().context("no uid")?;
        let resources = OwnedResources::of(site.state().await?, &uid);
        ensure!(resources.endpoints.len() == 7 && resources.groups.len() == 2, "{resources:#?}");
        let mark = site.last_call().await?;
        Ok(Self { site, intruder, tenant, victim, resources, mark })
    }

    /// Returns the first tenant's network.
    pub(super) fn victims_network(&self) -> Network<'_> {
        self.site.existing_network(VICTIM)
    }

    /// Returns the second tenant's site, with the rights of an administrator.
    pub(super) fn intruder_as_administrator(&self) -> Site {
        let Site { lab, account, region, namespace, class_name, landing, aws, kube: _ } = &self.intruder;
        Site {
            lab: lab.clone(),
            account: account.clone(),
            region: region.clone(),
            namespace: namespace.clone(),
            class_name: class_name.clone(),
            landing: landing.clone(),
            aws: aws.clone(),
            kube: self.site.kube.clone(),
        }
    }

    /// Returns the UID of the first tenant's network.
    pub(super) fn victims_uid(&self) -> String {
        self.victim.uid().unwrap_or_default()
    }

    /// Returns the names and IDs that the second tenant must not learn.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = self.resources.ids();
        secrets.extend([self.site.namespace.clone(), VICTIM.to_owned(), self.victims_uid()]);
        secrets
    }

    /// Fails if `text` contains one of the first tenant's names or IDs, unless it is in `own_words`, which the second
    /// tenant wrote itself.
    pub(super) fn reveals_nothing(&self, what: &str, text: &str, own_words: &str) -> Result<()> {
        for secret in self.secrets().iter().filter(|secret| !own_words.contains(secret.as_str())) {
            ensure!(!text.contains(secret.as_str()), "{what}: '{secret}' is in {text}");
        }
        Ok(())
    }

    /// Makes the same check of all events in the second tenant's namespace.
    pub(super) async fn events_reveal_nothing(&self, own_words: &str) -> Result<()> {
        let events = Api::<Event>::namespaced(self.site.kube.clone(), &self.intruder.namespace);
        let events = events.list(&ListParams::default()).await?.items;
        ensure!(!events.is_empty(), "there are no events");
        self.reveals_nothing("events", &serde_json::to_string(&events)?, own_words)
    }

    /// Fails unless the first tenant's object and resources are unchanged, and no write of the operator has named them.
    pub(super) async fn victim_is_untouched(&self) -> Result<()> {
        let now = self.victims_network().get().await?;
        ensure!(now == self.victim, "the first tenant's network was written to: {now:#?}");
        let resources = OwnedResources::of(self.site.state().await?, &self.victims_uid());
        ensure!(resources == self.resources, "before: {:#?}\nafter: {resources:#?}", self.resources);
        let landing = &self.site.landing;
        let mut ids = self.resources.ids();
        ids.push(landing.vpc.clone());
        ids.extend(landing.subnets.values().chain(landing.route_tables.values()).cloned());
        untouched(&self.site, self.mark, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// Replaces the placeholders of a template by the names of objects and of the VPC lease.
    pub(super) fn fill(&self, text: &str) -> String {
        let vpc_lease = format!("{}.{}.{}", self.site.account, self.site.region, self.site.landing.vpc);
        text.replace("{theirs}", &self.site.namespace)
            .replace("{their-network}", VICTIM)
            .replace("{mine}", &self.intruder.namespace)
            .replace("{class}", &self.site.class_name)
            .replace("{vpc-lease}", &vpc_lease)
    }

    /// Replaces the placeholders of a manifest.
    pub(super) fn fill_in(&self, template: &Value) -> Result<Value> {
        Ok(serde_json::from_str(&self.fill(&template.to_string()))?)
    }
}
