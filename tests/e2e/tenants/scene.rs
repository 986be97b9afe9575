//! The two tenants, what the first one has, and the proof that it still has it and that nobody was told of it.

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

/// The name of the first tenant's network: nothing else is called so.
pub(super) const VICTIM: &str = "payroll-move";

/// Both tenants.
pub(super) struct Scene {
    /// The first tenant's place, as an administrator sees it.
    pub(super) site: Site,
    /// The second tenant's place in the same account, with its own VPC, as this tenant sees it.
    pub(super) intruder: Site,
    pub(super) tenant: Tenant,
    /// The first tenant's network as it stood.
    pub(super) victim: MigrationNetwork,
    /// What it had in AWS.
    pub(super) belongings: Belongings,
    /// The last call in the account before the second tenant did anything.
    pub(super) mark: u64,
}

/// What a network has in AWS.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Belongings {
    pub(super) groups: Vec<SecurityGroup>,
    pub(super) endpoints: Vec<VpcEndpoint>,
    pub(super) resolvers: Vec<ResolverEndpoint>,
}

impl Belongings {
    fn of(state: State, uid: &str) -> Self {
        let owned = |tags: &support::state::Tags| tags.get(OWNER_TAG).is_some_and(|owner| owner == uid);
        Self {
            groups: state.security_groups.into_iter().filter(|one| owned(&one.tags)).collect(),
            endpoints: state.vpc_endpoints.into_iter().filter(|one| owned(&one.tags)).collect(),
            resolvers: state.resolver_endpoints.into_iter().filter(|one| owned(&one.tags)).collect(),
        }
    }

    /// The ids of all of it, network interfaces included.
    pub(super) fn ids(&self) -> Vec<String> {
        let interfaces = self.endpoints.iter().flat_map(|one| &one.network_interfaces).map(|one| &one.id);
        let addresses = self.resolvers.iter().flat_map(|one| &one.addresses).map(|one| &one.network_interface);
        let all = self.groups.iter().map(|one| &one.id).chain(self.endpoints.iter().map(|one| &one.id));
        all.chain(self.resolvers.iter().map(|one| &one.id)).chain(interfaces).chain(addresses).cloned().collect()
    }

    /// The endpoint of a service.
    pub(super) fn endpoint(&self, service: &str) -> Result<&VpcEndpoint> {
        let is = |one: &&VpcEndpoint| {
            one.endpoint_type == "Interface" && one.service_name.rsplit('.').next() == Some(service)
        };
        self.endpoints.iter().find(is).with_context(|| format!("no endpoint of {service}"))
    }

    /// The Resolver endpoint.
    pub(super) fn resolver(&self) -> Result<&ResolverEndpoint> {
        self.resolvers.first().context("no resolver")
    }
}

impl Scene {
    /// Builds the first tenant's network, and gives the second tenant a VPC, a class and rights of its own.
    pub(super) async fn set(lab: &Lab, name: &str) -> Result<Self> {
        let site = lab.site(name).await?;
        lab.world().change_options(&site.account, serde_json::json!({ "throttling": false })).await?;
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
        let belongings = Belongings::of(site.state().await?, &uid);
        ensure!(belongings.endpoints.len() == 7 && belongings.groups.len() == 2, "{belongings:#?}");
        let mark = site.last_call().await?;
        Ok(Self { site, intruder, tenant, victim, belongings, mark })
    }

    /// The first tenant's network.
    pub(super) fn victims_network(&self) -> Network<'_> {
        self.site.existing_network(VICTIM)
    }

    /// The second tenant's place as an administrator sees it.
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

    /// The uid of the first tenant's network.
    pub(super) fn victims_uid(&self) -> String {
        self.victim.uid().unwrap_or_default()
    }

    /// What the second tenant must not learn.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = self.belongings.ids();
        secrets.extend([self.site.namespace.clone(), VICTIM.to_owned(), self.victims_uid()]);
        secrets
    }

    /// Fails if any of the first tenant's names is in this, but for those that the second one wrote down itself.
    pub(super) fn names_nobody(&self, what: &str, told: &str, own_words: &str) -> Result<()> {
        for secret in self.secrets().iter().filter(|secret| !own_words.contains(secret.as_str())) {
            ensure!(!told.contains(secret.as_str()), "{what}: '{secret}' is in {told}");
        }
        Ok(())
    }

    /// The same of all events in the second tenant's namespace.
    pub(super) async fn events_name_nobody(&self, own_words: &str) -> Result<()> {
        let events = Api::<Event>::namespaced(self.site.kube.clone(), &self.intruder.namespace);
        let events = events.list(&ListParams::default()).await?.items;
        ensure!(!events.is_empty(), "nothing was told in events");
        self.names_nobody("events", &serde_json::to_string(&events)?, own_words)
    }

    /// Fails unless the first tenant has the same object and the same resources as before, and no call of the operator
    /// that could have changed anything named them.
    pub(super) async fn victim_is_untouched(&self) -> Result<()> {
        let now = self.victims_network().get().await?;
        ensure!(now == self.victim, "the first tenant's network was written to: {now:#?}");
        let belongings = Belongings::of(self.site.state().await?, &self.victims_uid());
        ensure!(belongings == self.belongings, "before: {:#?}\nafter: {belongings:#?}", self.belongings);
        let landing = &self.site.landing;
        let mut ids = self.belongings.ids();
        ids.push(landing.vpc.clone());
        ids.extend(landing.subnets.values().chain(landing.route_tables.values()).cloned());
        untouched(&self.site, self.mark, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// Fills in the names of a template: of objects, and of the claim.
    pub(super) fn fill(&self, text: &str) -> String {
        let claim = format!("{}.{}.{}", self.site.account, self.site.region, self.site.landing.vpc);
        text.replace("{theirs}", &self.site.namespace)
            .replace("{their-network}", VICTIM)
            .replace("{mine}", &self.intruder.namespace)
            .replace("{class}", &self.site.class_name)
            .replace("{claim}", &claim)
    }

    /// The same in a manifest.
    pub(super) fn fill_in(&self, template: &Value) -> Result<Value> {
        Ok(serde_json::from_str(&self.fill(&template.to_string()))?)
    }
}
