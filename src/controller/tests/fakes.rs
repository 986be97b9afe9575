//! In-memory fakes of the Kubernetes API and AWS, with an ordered log of all writes to both.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Resource, ResourceExt};

use crate::{
    api::{
        AccountSpec, AllowedFrom, AllowedNamespaces, FINALIZER, MigrationNetwork, MigrationNetworkClass,
        MigrationNetworkClassSpec, MigrationNetworkSpec, NetworkDefaults, SubnetSelector, SubnetSelectors, VpcSelector,
    },
    aws::{Account, Cloud, Clouds, ResolverSearch, Scope},
    controller::{
        Announcement, ConfigMaps, Context, Key, ListedNetwork, Next, Settings, Store, StoreError, VpcLease, VpcLeases,
        class::usage, runtime::guard,
    },
    model::{
        failure::{CallFailure, FailureClass},
        observed::{Observed, Resources, replication_template::ReplicationTemplates},
        ownership::Identity,
        plan::step::{Effect, Step},
        testing::{Lab, identity},
    },
};

/// The behavior of the fake AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Refuses every step with a failure of this class.
    Refuses(FailureClass),
    /// Executes the step, but returns a failure.
    LosesAnswers,
    /// Accepts edits, but does not keep them.
    Forgets,
    /// Does not list new resources: eventual consistency.
    Blind,
    Panics,
    Hangs,
    /// Takes this long for each step.
    Slow(Duration),
    /// Refuses to list the owned resources in [`ACCOUNT`], but not in other accounts.
    Unseen,
    /// Never answers an observation.
    Silent,
}

/// The state of both fakes, and the log of writes.
pub(crate) struct FakeState {
    pub(crate) networks: BTreeMap<String, MigrationNetwork>,
    pub(crate) classes: BTreeMap<String, MigrationNetworkClass>,
    pub(crate) config_maps: BTreeMap<(String, String), String>,
    /// The ConfigMaps with hand-offs, or with the names of such.
    pub(crate) hand_offs: BTreeMap<String, ConfigMap>,
    /// The number of requests for them, reads included.
    pub(crate) hand_off_requests: usize,
    /// The error of each write to them. None: they succeed.
    pub(crate) hand_off_error: Option<fn() -> StoreError>,
    /// The VPC leases by name.
    pub(crate) vpc_leases: BTreeMap<String, VpcLease>,
    pub(crate) aws: Lab,
    pub(crate) mood: Mood,
    /// The number of writes of status that succeed before one fails with a conflict.
    /// `None`: no write fails with a conflict.
    pub(crate) conflict_in: Option<usize>,
    pub(crate) log: Vec<String>,
    pub(crate) connected: Vec<Account>,
    /// The scope of the last observation.
    pub(crate) scope: Option<Scope>,
    /// The events on classes.
    pub(crate) announced: Vec<(String, Announcement)>,
    /// The events on networks.
    pub(crate) events: Vec<Announcement>,
    /// Whether the API server rejects a status with endpoints.
    pub(crate) rejects_endpoints: bool,
    /// A network that is created and built while AWS is being listed.
    pub(crate) created_during_list: Option<MigrationNetwork>,
    /// Whether the CRD of networks was deleted.
    pub(crate) is_kindless: bool,
    revision: u64,
}

/// The fake of both Kubernetes and AWS. Clones share their state.
#[derive(Clone)]
pub(crate) struct Fake(Arc<Mutex<FakeState>>);

/// The account that contains all resources.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The absence grace of the tests.
pub(crate) const GRACE: Duration = Duration::from_millis(50);

pub(crate) fn key(name: &str) -> Key {
    Key { namespace: "team-billing".to_owned(), name: name.to_owned() }
}

impl Fake {
    /// Creates the Tokyo VPC, a class for it, and a network named `tokyo`.
    pub(crate) fn tokyo() -> Self {
        let fake = Self(Arc::new(Mutex::new(FakeState {
            networks: BTreeMap::new(),
            classes: BTreeMap::new(),
            config_maps: BTreeMap::new(),
            hand_offs: BTreeMap::new(),
            hand_off_requests: 0,
            hand_off_error: None,
            vpc_leases: BTreeMap::new(),
            aws: Lab::new(),
            mood: Mood::Well,
            conflict_in: None,
            log: Vec::new(),
            connected: Vec::new(),
            scope: None,
            announced: Vec::new(),
            events: Vec::new(),
            rejects_endpoints: false,
            created_during_list: None,
            is_kindless: false,
            revision: 0,
        })));
        let class = Self::class();
        fake.world().classes.insert(class.name_any(), class);
        fake.add("tokyo", &identity().uid);
        fake
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, FakeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn context(&self) -> Context<Self, Self> {
        self.context_with_grace(GRACE)
    }

    pub(crate) fn context_with_grace(&self, absence_grace: Duration) -> Context<Self, Self> {
        let settings = Settings {
            resync: Duration::from_mins(1),
            poll: Duration::from_secs(5),
            absence_grace,
            deadline: Duration::from_millis(200),
            config_maps: true,
        };
        Context::new(self.clone(), self.clone(), identity().cluster, settings)
    }

    pub(crate) fn add(&self, name: &str, uid: &str) {
        let spec = MigrationNetworkSpec {
            migration_network_class_name: Some("tokyo".to_owned()),
            source_cidrs: Some(vec!["192.168.10.0/24".to_owned()]),
            ..MigrationNetworkSpec::default()
        };
        let mut network = MigrationNetwork::new(name, spec);
        network.metadata.namespace = Some("team-billing".to_owned());
        network.metadata.uid = Some(uid.to_owned());
        network.metadata.generation = Some(1);
        network.metadata.resource_version = Some("1".to_owned());
        self.world().networks.insert(name.to_owned(), network);
    }

    fn class() -> MigrationNetworkClass {
        let role = |role: &str| {
            let tags = BTreeMap::from([("mgnet-role".to_owned(), role.to_owned())]);
            Some(SubnetSelector { ids: None, tags: Some(tags) })
        };
        let tags = BTreeMap::from([("Name".to_owned(), "migration-landing".to_owned())]);
        let mut class = MigrationNetworkClass::new(
            "tokyo",
            MigrationNetworkClassSpec {
                account: AccountSpec { id: ACCOUNT.to_owned(), ..AccountSpec::default() },
                region: "ap-northeast-1".to_owned(),
                allowed_namespaces: Some(AllowedNamespaces { from: AllowedFrom::All, selector: None }),
                defaults: Some(NetworkDefaults {
                    vpc: Some(VpcSelector { id: None, tags: Some(tags) }),
                    subnets: Some(SubnetSelectors {
                        endpoints: role("endpoints"),
                        staging: role("staging"),
                        launch: role("launch"),
                    }),
                    ..NetworkDefaults::default()
                }),
                ..MigrationNetworkClassSpec::default()
            },
        );
        class.metadata.generation = Some(1);
        class
    }

    pub(crate) fn network(&self) -> MigrationNetwork {
        self.world().networks.get("tokyo").cloned().expect("the network is there")
    }

    /// Edits the network like a user.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut MigrationNetwork)) {
        let mut world = self.world();
        world.revision += 1;
        let revision = format!("edit-{}", world.revision);
        let network = world.networks.get_mut("tokyo").expect("the network is there");
        change(network);
        network.metadata.generation = network.metadata.generation.map(|generation| generation + 1);
        network.metadata.resource_version = Some(revision);
    }

    pub(crate) fn delete(&self) {
        self.edit(|network| {
            network.metadata.deletion_timestamp =
                Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
        });
    }

    /// Reconciles the network once, and returns the writes.
    pub(crate) async fn reconcile(&self, context: &Context<Self, Self>) -> (Next, Vec<String>) {
        self.reconcile_one(context, "tokyo").await
    }

    /// Reconciles the network of that name once, and returns the writes.
    pub(crate) async fn reconcile_one(&self, context: &Context<Self, Self>, name: &str) -> (Next, Vec<String>) {
        self.world().log.clear();
        let next = guard::network(context, &key(name)).await;
        (next, std::mem::take(&mut self.world().log))
    }

    /// Reconciles the class once, and returns the writes.
    pub(crate) async fn reconcile_class(&self, context: &Context<Self, Self>) -> Vec<String> {
        self.world().log.clear();
        let networks: Vec<_> = self.world().networks.values().cloned().collect();
        guard::class(context, "tokyo", |class| usage::count(&networks, class)).await;
        std::mem::take(&mut self.world().log)
    }

    /// Reconciles until nothing more is written, and returns all writes.
    pub(crate) async fn settle(&self, context: &Context<Self, Self>) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..20 {
            let (_, log) = self.reconcile(context).await;
            if log.is_empty() {
                if !self.is_going() {
                    return all;
                }
                // A deletion waits for calls that may still arrive.
                tokio::time::sleep(GRACE).await;
            }
            all.extend(log);
        }
        panic!("not at rest after 20 reconciles: {all:#?}");
    }

    fn is_going(&self) -> bool {
        self.world().networks.values().any(|network| network.metadata.deletion_timestamp.is_some())
    }

    fn write(
        &self,
        network: &MigrationNetwork,
        what: &str,
        change: impl FnOnce(&mut MigrationNetwork),
    ) -> Result<MigrationNetwork, StoreError> {
        let mut world = self.world();
        world.revision += 1;
        let revision = world.revision.to_string();
        let stored = world.networks.get_mut(&network.name_any()).ok_or(StoreError::Gone)?;
        if stored.uid() != network.uid() || stored.resource_version() != network.resource_version() {
            return Err(StoreError::Conflict);
        }
        change(stored);
        stored.meta_mut().resource_version = Some(revision);
        let stored = stored.clone();
        world.log.push(what.to_owned());
        Ok(stored)
    }
}

impl Fake {
    /// Replaces a ConfigMap by the result of `change`, which gets the stored one.
    fn write_hand_off(
        &self,
        what: &str,
        config_map: &ConfigMap,
        change: impl FnOnce(Option<&ConfigMap>) -> Result<Option<ConfigMap>, StoreError>,
    ) -> Result<ConfigMap, StoreError> {
        let mut world = self.world();
        world.hand_off_requests += 1;
        if let Some(error) = world.hand_off_error {
            return Err(error());
        }
        let name = config_map.name_any();
        let changed = change(world.hand_offs.get(&name))?;
        world.revision += 1;
        let is_recorded = world.networks.values().any(|network| {
            let hand_off = network.status.as_ref().and_then(|status| status.on_premises.as_ref());
            hand_off.and_then(|one| one.config_map.as_ref()).is_some_and(|one| one.name == name)
        });
        let unrecorded = if is_recorded { "" } else { ", but no status names it" };
        world.log.push(format!("ConfigMap {what}{unrecorded}"));
        world.hand_offs.remove(&name);
        let Some(mut changed) = changed else { return Ok(config_map.clone()) };
        changed.metadata.resource_version = Some(world.revision.to_string());
        world.hand_offs.insert(name, changed.clone());
        Ok(changed)
    }
}

impl Store for Fake {
    async fn network(&self, key: &Key) -> Result<Option<MigrationNetwork>, StoreError> {
        Ok(self.world().networks.get(&key.name).cloned())
    }

    async fn class(&self, name: &str) -> Result<Option<MigrationNetworkClass>, StoreError> {
        Ok(self.world().classes.get(name).cloned())
    }

    async fn classes(&self) -> Result<Vec<MigrationNetworkClass>, StoreError> {
        Ok(self.world().classes.values().cloned().collect())
    }

    async fn default_classes(&self) -> Result<Vec<MigrationNetworkClass>, StoreError> {
        Ok(Vec::new())
    }

    async fn config_map_key(&self, _: &str, name: &str, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.world().config_maps.get(&(name.to_owned(), key.to_owned())).cloned())
    }

    async fn namespace_labels(&self, _: &str) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        Ok(None)
    }

    async fn write_status(&self, network: &MigrationNetwork) -> Result<MigrationNetwork, StoreError> {
        let conflict = {
            let mut world = self.world();
            let now = world.conflict_in == Some(0);
            world.conflict_in = world.conflict_in.and_then(|left| left.checked_sub(1));
            now
        };
        if conflict {
            return Err(StoreError::Conflict);
        }
        let endpoints = network.status.as_ref().map_or(0, |status| status.endpoints.len());
        if endpoints > 0 && self.world().rejects_endpoints {
            return Err(StoreError::Invalid("status.endpoints: Too many".to_owned()));
        }
        self.write(network, "status", |stored| stored.status.clone_from(&network.status))
    }

    async fn set_finalizer(
        &self,
        network: &MigrationNetwork,
        present: bool,
    ) -> Result<Option<MigrationNetwork>, StoreError> {
        let finalizers = present.then(|| vec![FINALIZER.to_owned()]);
        let what = if present { "finalizer added" } else { "finalizer removed" };
        let stored = self.write(network, what, |stored| stored.metadata.finalizers = finalizers)?;
        if !present && stored.metadata.deletion_timestamp.is_some() {
            self.world().networks.remove(&network.name_any());
            return Ok(None);
        }
        Ok(Some(stored))
    }

    async fn set_class_finalizer(&self, class: &MigrationNetworkClass, present: bool) -> Result<(), StoreError> {
        let mut world = self.world();
        let name = class.name_any();
        let stored = world.classes.get_mut(&name).ok_or(StoreError::Gone)?;
        stored.metadata.finalizers = present.then(|| vec![FINALIZER.to_owned()]);
        if !present && stored.metadata.deletion_timestamp.is_some() {
            world.classes.remove(&name);
        }
        world.log.push(format!("class finalizer {}", if present { "added" } else { "removed" }));
        Ok(())
    }

    async fn write_class_status(&self, class: &MigrationNetworkClass) -> Result<MigrationNetworkClass, StoreError> {
        let mut world = self.world();
        world.log.push("class status".to_owned());
        let stored = world.classes.get_mut(&class.name_any()).ok_or(StoreError::Gone)?;
        stored.status.clone_from(&class.status);
        Ok(class.clone())
    }

    async fn announce(&self, _: &MigrationNetwork, announcement: Announcement) {
        self.world().events.push(announcement);
    }

    async fn announce_on_class(&self, class: &MigrationNetworkClass, announcement: Announcement) {
        self.world().announced.push((class.name_any(), announcement));
    }
}

impl ConfigMaps for Fake {
    async fn config_map(&self, key: &Key) -> Result<Option<ConfigMap>, StoreError> {
        let mut world = self.world();
        world.hand_off_requests += 1;
        Ok(world.hand_offs.get(&key.name).cloned())
    }

    async fn create_config_map(&self, config_map: &ConfigMap) -> Result<ConfigMap, StoreError> {
        self.write_hand_off("created", config_map, |stored| match stored {
            Some(_) => Err(StoreError::Conflict),
            None => Ok(Some(config_map.clone())),
        })
    }

    async fn apply_config_map(&self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let applied = |stored: Option<&ConfigMap>| {
            let mut stored = stored.filter(|one| one.resource_version() == config_map.resource_version()).cloned();
            let stored = stored.as_mut().ok_or(StoreError::Conflict)?;
            stored.labels_mut().extend(config_map.labels().clone());
            stored.annotations_mut().extend(config_map.annotations().clone());
            stored.metadata.owner_references.clone_from(&config_map.metadata.owner_references);
            stored.data.get_or_insert_default().extend(config_map.data.clone().unwrap_or_default());
            Ok(Some(stored.clone()))
        };
        self.write_hand_off("applied", config_map, applied).map(drop)
    }

    async fn delete_config_map(&self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let deleted = |stored: Option<&ConfigMap>| match stored {
            Some(stored) if stored.resource_version() != config_map.resource_version() => Err(StoreError::Conflict),
            Some(_) | None => Ok(None),
        };
        self.write_hand_off("deleted", config_map, deleted).map(drop)
    }
}

impl VpcLeases for Fake {
    async fn vpc_lease(&self, name: &str) -> Result<Option<VpcLease>, StoreError> {
        Ok(self.world().vpc_leases.get(name).cloned())
    }

    async fn vpc_leases(&self, holder: Option<&str>) -> Result<Vec<VpcLease>, StoreError> {
        let held = |lease: &&VpcLease| holder.is_none_or(|holder| lease.holder == holder);
        Ok(self.world().vpc_leases.values().filter(held).cloned().collect())
    }

    async fn acquire_vpc_lease(&self, lease: &VpcLease) -> Result<(), StoreError> {
        let mut world = self.world();
        if world.vpc_leases.get(&lease.name).and_then(|stored| stored.version.clone()) != lease.version {
            return Err(StoreError::Conflict);
        }
        world.revision += 1;
        let version = Some(world.revision.to_string());
        world.vpc_leases.insert(lease.name.clone(), VpcLease { version, ..lease.clone() });
        world.log.push(format!("VPC lease {} acquired", lease.name));
        Ok(())
    }

    async fn release_vpc_lease(&self, lease: &VpcLease) -> Result<(), StoreError> {
        let mut world = self.world();
        world.vpc_leases.remove(&lease.name).ok_or(StoreError::Conflict)?;
        world.log.push(format!("VPC lease {} released", lease.name));
        Ok(())
    }

    async fn network_uid(&self, key: &Key) -> Result<Option<String>, StoreError> {
        Ok(self.world().networks.get(&key.name).and_then(ResourceExt::uid))
    }

    async fn networks(&self, _: Option<&str>) -> Result<Vec<ListedNetwork>, StoreError> {
        if self.world().is_kindless {
            return Err(StoreError::Gone);
        }
        let listed = |network: &MigrationNetwork| ListedNetwork {
            uid: network.uid().unwrap_or_default(),
            network: Some(network.clone()),
        };
        Ok(self.world().networks.values().map(listed).collect())
    }
}

impl Clouds for Fake {
    type Cloud = Self;

    async fn connect(&self, account: &Account) -> Result<Arc<Self>, CallFailure> {
        self.world().connected.push(account.clone());
        Ok(Arc::new(self.clone()))
    }
}

fn failure(class: FailureClass) -> CallFailure {
    CallFailure {
        class,
        operation: "ec2:Something".to_owned(),
        code: format!("{class:?}"),
        message: String::new(),
        request_id: None,
    }
}

impl Cloud for Fake {
    async fn observe(&self, scope: &Scope) -> Result<Observed, CallFailure> {
        self.world().scope = Some(scope.clone());
        if self.world().mood == Mood::Silent {
            std::future::pending::<()>().await;
        }
        Ok(self.world().aws.observed.clone())
    }

    async fn replication_templates(&self, _: Duration) -> ReplicationTemplates {
        self.world().aws.observed.replication_templates.clone()
    }

    async fn find_owned(&self, identity: &Identity, _: &ResolverSearch) -> Result<Resources, CallFailure> {
        let elsewhere = self.world().connected.last().is_some_and(|account| account.id != ACCOUNT);
        if elsewhere || self.world().mood == Mood::Blind {
            return Ok(Resources::default());
        }
        if self.world().mood == Mood::Unseen {
            return Err(failure(FailureClass::Unauthorized));
        }
        let mut resources = self.world().aws.observed.resources.clone();
        resources.groups.retain(|_, group| identity.owns(&group.tags));
        resources.endpoints.retain(|_, endpoint| identity.owns(&endpoint.tags));
        resources.resolvers.retain(|_, resolver| identity.owns(&resolver.tags));
        Ok(resources)
    }

    async fn find_made_by(&self, _: &str) -> Result<Resources, CallFailure> {
        let mood = self.world().mood;
        match mood {
            Mood::Refuses(class) => return Err(failure(class)),
            Mood::Panics => panic!("planted"),
            Mood::Hangs => std::future::pending().await,
            Mood::Well
            | Mood::LosesAnswers
            | Mood::Forgets
            | Mood::Blind
            | Mood::Slow(_)
            | Mood::Unseen
            | Mood::Silent => {}
        }
        let mut world = self.world();
        if let Some(network) = world.created_during_list.take() {
            world.networks.insert(network.name_any(), network);
        }
        Ok(world.aws.observed.resources.clone())
    }

    async fn execute(&self, step: &Step) -> Result<Effect, CallFailure> {
        let mood = self.world().mood;
        match mood {
            Mood::Refuses(class) => {
                self.world().log.push(format!("refused: {step}"));
                return Err(failure(class));
            }
            Mood::LosesAnswers => {
                let mut world = self.world();
                world.log.push(step.to_string());
                world.aws.execute(step);
                return Err(failure(FailureClass::Transient));
            }
            Mood::Forgets => {
                self.world().log.push(step.to_string());
                return Ok(Effect::Accepted);
            }
            Mood::Blind if !matches!(step, Step::Create { .. }) => return Err(failure(FailureClass::NotFound)),
            Mood::Well | Mood::Blind | Mood::Unseen | Mood::Silent => {}
            Mood::Panics => panic!("planted"),
            Mood::Hangs => std::future::pending().await,
            Mood::Slow(time) => tokio::time::sleep(time).await,
        }
        let mut world = self.world();
        world.log.push(step.to_string());
        Ok(world.aws.execute(step))
    }
}
