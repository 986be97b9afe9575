//! The model of the picture: the facts of one object, each once, without coordinates.

mod on_premises;
mod rows;
mod subnets;

use kube::ResourceExt as _;

use super::state::{Health, State};
use crate::api::{
    ClaimPhase, ConditionType, EndpointSpec, EndpointType, GroupRole, MigrationNetwork, MigrationNetworkSpec,
    MigrationNetworkStatus, Origin, SettingsStatus,
    conditions::{self, Presence},
};

pub(super) use on_premises::{Connection, Site, SiteRole, Target, Work};
pub(super) use rows::{Address, Gateway, Row};
pub(super) use subnets::{Place, Subnet};

/// The picture of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// The namespace and name.
    pub(super) name: String,
    /// Facts about the network as a whole, such as its Region.
    pub(super) facts: Vec<String>,
    /// The conditions, by type.
    pub(super) conditions: Vec<(String, Health)>,
    /// The message of `Ready`, unless it is true.
    pub(super) message: Option<String>,
    /// The on-premises sides of connections.
    pub(super) sites: Vec<Site>,
    /// The hand-off.
    pub(super) work: Option<Work>,
    /// The connections from on-premises.
    pub(super) connections: Vec<Connection>,
    /// The ID of the VPC, if it is known, and the result of the preflight.
    pub(super) vpc: (Option<String>, Health),
    /// The subnets in which endpoints have addresses.
    pub(super) columns: Vec<Subnet>,
    /// The ranges that belong to one of these subnets, but it is not known to which.
    pub(super) ranges: Vec<String>,
    /// The Resolver endpoint, and then the interface endpoints.
    pub(super) rows: Vec<Row>,
    /// The staging and the launch subnets.
    pub(super) places: [Place; 2],
    /// The S3 gateway endpoint.
    pub(super) gateway: Gateway,
    /// The security groups.
    pub(super) groups: Vec<Group>,
}

/// The maximum number of rows. The schema admits fewer endpoints.
const MOST_ROWS: usize = 64;

/// The maximum number of columns. An endpoint has one subnet in each zone, and no Region has that many zones.
const MOST_COLUMNS: usize = 12;

/// Cuts a list, and returns how many entries are left out.
fn cut<T>(list: &mut Vec<T>, most: usize, what: &str) -> Option<String> {
    let more = list.len().saturating_sub(most);
    list.truncate(most);
    (more > 0).then(|| format!("{more} {what} not shown"))
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) role: GroupRole,
    pub(super) id: String,
    pub(super) origin: Option<Origin>,
    /// The number of rules that the operator did not write.
    pub(super) foreign_rules: usize,
}

impl Picture {
    /// Reads an object.
    pub(super) fn of(network: &MigrationNetwork) -> Self {
        let nothing = MigrationNetworkStatus::default();
        let object = Object { spec: &network.spec, status: network.status.as_ref().unwrap_or(&nothing) };
        let mut rows = rows::of(&object);
        let mut facts = object.facts(network.metadata.deletion_timestamp.is_some());
        facts.extend(cut(&mut rows, MOST_ROWS, "endpoints"));
        let mut columns = subnets::columns(&object, &rows);
        facts.extend(cut(&mut columns, MOST_COLUMNS, "subnets"));
        let sites = on_premises::sites(&object, &rows);
        let vpc_health = object.resolved();
        Self {
            name: format!("{}/{}", network.namespace().unwrap_or_else(|| "default".to_owned()), network.name_any()),
            facts,
            conditions: object.conditions(),
            message: object.message(),
            connections: on_premises::connections(&object, &sites, &rows),
            ranges: subnets::ranges(&object, &columns),
            columns,
            places: subnets::places(&object, &vpc_health),
            gateway: rows::gateway(&object),
            groups: object.groups(),
            work: on_premises::work(&object),
            vpc: (object.vpc(), vpc_health),
            sites,
            rows,
        }
    }
}

/// The two halves of an object.
struct Object<'a> {
    spec: &'a MigrationNetworkSpec,
    status: &'a MigrationNetworkStatus,
}

impl Object<'_> {
    fn settings(&self) -> Option<&SettingsStatus> {
        self.status.settings.as_ref()
    }

    fn claim(&self, slot: &str) -> Option<ClaimPhase> {
        self.status.claims.iter().find(|claim| claim.slot == slot).map(|claim| claim.phase)
    }

    fn endpoint_spec(&self, service: &str, type_: EndpointType) -> Option<&EndpointSpec> {
        self.spec.endpoints.iter().flatten().find(|one| one.service == service && one.type_ == type_)
    }

    fn is_true(&self, type_: ConditionType) -> bool {
        conditions::is_true(&self.status.conditions, type_)
    }

    fn facts(&self, is_being_deleted: bool) -> Vec<String> {
        let account = self.status.account.as_ref().map(|account| format!("account {}", account.id));
        let class = self.status.class_name.as_ref().or(self.spec.migration_network_class_name.as_ref());
        let endpoints = self.status.endpoints_available.as_ref().map(|count| format!("{count} endpoints available"));
        let flags = [(is_being_deleted, "being deleted"), (self.is_true(ConditionType::Suspended), "suspended")];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word.to_owned());
        let known = [self.status.region.clone(), account, class.map(|class| format!("class {class}")), endpoints];
        known.into_iter().flatten().chain(flags).collect()
    }

    /// Returns the conditions that say how far the network is. Those that exist only while true are in the reason of `Ready`.
    fn conditions(&self) -> Vec<(String, Health)> {
        let shown = ConditionType::ALL.into_iter().filter(|type_| type_.presence() != Presence::WhileTrue);
        let found = shown.filter_map(|type_| {
            let condition = conditions::find(&self.status.conditions, type_)?;
            Some((type_.as_str().to_owned(), Health::of_condition(condition)))
        });
        found.collect()
    }

    fn message(&self) -> Option<String> {
        let ready = conditions::find(&self.status.conditions, ConditionType::Ready)?;
        (!self.is_true(ConditionType::Ready) && !ready.message.is_empty()).then(|| ready.message.clone())
    }

    fn vpc(&self) -> Option<String> {
        self.status.vpc_id.clone().or_else(|| self.spec.vpc.as_ref()?.id.clone())
    }

    fn resolved(&self) -> Health {
        conditions::find(&self.status.conditions, ConditionType::NetworkResolved)
            .map_or_else(|| Health::new(State::Planned, "not checked yet"), Health::of_condition)
    }

    fn groups(&self) -> Vec<Group> {
        let groups = self.status.security_groups.iter().map(|group| Group {
            role: group.role,
            id: group.id.clone(),
            origin: group.origin,
            foreign_rules: group.foreign_rules.len(),
        });
        groups.collect()
    }
}
