//! The world: AWS accounts and Regions as a pure state machine.
//!
//! It has no IO, clock or randomness: the same calls and the same [`World::advance`] produce the same answers and
//! IDs. A world is cheap to clone, because Regions are shared until they are changed, and can be compared and hashed.
//! A simulator can thus branch it and recognize states that it has reached before.
//!
//! There are two entry points: [`World::run`] takes a typed request, and [`World::call`] an untyped call from the
//! network.

pub mod action;
mod actions;
mod address;
pub mod caller;
mod catalogue;
pub mod ec2;
pub mod error;
mod filters;
pub mod ids;
pub mod mgn;
pub mod options;
mod paging;
mod parameters;
pub mod region;
pub mod resolver;
pub mod route53;
pub mod sharing;
pub mod state;
pub mod sts;
mod table;
mod tags;
mod throttle;
mod tokens;
mod zones;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

use self::{
    action::{Action, Service},
    caller::{Caller, Identities},
    ec2::vpc_endpoint::State as EndpointState,
    error::AwsError,
    options::Options,
    region::Region,
    resolver::{AddressStatus, Status},
    route53::HostedZones,
    sharing::Share,
    table::Sight,
};

pub use self::{
    filters::Filter,
    table::Lag,
    tags::{Tag, TagItem, TagSpecification, Tags},
};

/// All accounts and Regions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    start: Timestamp,
    now: Duration,
    options: Settings,
    identities: Identities,
    regions: BTreeMap<AccountRegion, Arc<Region>>,
    shares: BTreeSet<Share>,
    hosted_zones: HostedZones,
}

/// An account and a Region.
type AccountRegion = (String, String);

/// The options of all accounts, and of accounts with their own options.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Settings {
    of_all: Options,
    of_one: BTreeMap<String, Options>,
}

impl Settings {
    fn of(&self, account: &str) -> &Options {
        self.of_one.get(account).unwrap_or(&self.of_all)
    }
}

/// The context of an action: the caller, the time, and one Region of the caller's account. Other Regions are
/// read-only.
pub struct Context<'w> {
    pub(crate) caller: &'w Caller,
    pub(crate) options: &'w Options,
    pub(crate) identities: &'w mut Identities,
    pub(crate) hosted_zones: &'w mut HostedZones,
    now: Duration,
    start: Timestamp,
    account_region: AccountRegion,
    regions: &'w mut BTreeMap<AccountRegion, Arc<Region>>,
    shares: &'w BTreeSet<Share>,
}

impl Context<'_> {
    /// Returns the Region for reading. [`World::context`] has created it.
    pub(crate) fn region(&self) -> &Region {
        &self.regions[&self.account_region]
    }

    /// Returns the Region for changes.
    pub(crate) fn region_mut(&mut self) -> &mut Region {
        let new = || Arc::new(Region::new(&self.caller.account, &self.caller.region));
        Arc::make_mut(self.regions.entry(self.account_region.clone()).or_insert_with(new))
    }

    /// Returns a Region of any account for reading, if it has received a call.
    pub(crate) fn region_of(&self, account: &str, region: &str) -> Option<&Region> {
        self.regions.get(&(account.to_owned(), region.to_owned())).map(|region| &**region)
    }

    /// Returns the world time, which is the age of the world.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Returns a moment of world time as a date in the format of AWS.
    pub(crate) fn date(&self, at: Duration) -> Timestamp {
        date(self.start, at)
    }

    /// Returns how late the caller sees creations and deletions.
    pub(crate) fn sight(&self) -> Sight {
        Sight { now: self.now, lag: self.options.lag() }
    }
}

/// Returns a moment of world time as a date, limited to the last date of the calendar.
pub(crate) fn date(start: Timestamp, at: Duration) -> Timestamp {
    start.checked_add(at).unwrap_or(Timestamp::MAX)
}

impl World {
    /// Creates an empty world that starts at a date.
    pub fn new(start: Timestamp, options: Options) -> Self {
        Self {
            start,
            now: Duration::ZERO,
            options: Settings { of_all: options, of_one: BTreeMap::new() },
            identities: Identities::default(),
            regions: BTreeMap::new(),
            shares: BTreeSet::new(),
            hosted_zones: HostedZones::new(),
        }
    }

    /// Returns the world time, which is the age of the world.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Advances time. Everything that becomes due happens at its own moment.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
        for ((account, _), region) in &mut self.regions {
            if region.next_due().is_some_and(|due| due <= self.now) {
                Arc::make_mut(region).settle(self.now, self.options.of(account));
            }
        }
    }

    /// Returns the world time of the next scheduled change. A simulator may advance to it.
    pub fn next_due(&self) -> Option<Duration> {
        self.regions.values().filter_map(|region| region.next_due()).min()
    }

    /// Deletes all data of an account, or of all accounts, but does not reset time. The options of one account become
    /// those of all accounts, and the options of all accounts become `options`.
    pub fn reset(&mut self, account: Option<&str>, options: &Options) {
        self.regions.retain(|(owner, _), _| account.is_some_and(|account| account != owner));
        self.shares.retain(|share| account.is_some_and(|account| account != share.owner && account != share.with));
        self.hosted_zones.reset(account);
        self.identities.reset(account);
        self.options.of_one.retain(|owner, _| account.is_some_and(|account| account != owner));
        if account.is_none() {
            self.options.of_all = options.clone();
        }
    }

    /// Sets the status of a Resolver address: `FAILED_RESOURCE_GONE` and `FAILED_CREATION` take its network interface away,
    /// and the endpoint then has status `ACTION_NEEDED`. Returns whether the address exists.
    pub fn set_resolver_address_status(
        &mut self,
        account: &str,
        region: &str,
        address: &str,
        status: AddressStatus,
    ) -> bool {
        let sight = Sight { now: self.now, lag: self.options.of(account).lag() };
        let account_region = (account.to_owned(), region.to_owned());
        let region = self.regions.get_mut(&account_region).map(Arc::make_mut);
        region.is_some_and(|region| region.set_resolver_address_status(address, status, sight))
    }

    /// Sets the status of a Resolver endpoint. Returns whether the endpoint exists.
    pub fn set_resolver_status(&mut self, account: &str, region: &str, endpoint: &str, status: Status) -> bool {
        let account_region = (account.to_owned(), region.to_owned());
        let region = self.regions.get_mut(&account_region).map(Arc::make_mut);
        region.is_some_and(|region| region.set_resolver_status(endpoint, status))
    }

    /// Sets the state of a VPC endpoint, which the owner of its service or AWS does. In state `pending`, it becomes
    /// `available` after a while. Returns whether the endpoint exists.
    pub fn set_endpoint_state(&mut self, account: &str, region: &str, endpoint: &str, state: EndpointState) -> bool {
        let account_region = (account.to_owned(), region.to_owned());
        let (now, options) = (self.now, self.options.of(account));
        let region = self.regions.get_mut(&account_region).map(Arc::make_mut);
        region.is_some_and(|region| region.set_endpoint_state(endpoint, state, now, options))
    }

    /// Makes a VPC endpoint one that an AWS service created for the account, or one of the account. Returns whether the
    /// endpoint exists.
    pub fn set_requester_managed(&mut self, account: &str, region: &str, endpoint: &str, managed: bool) -> bool {
        let account_region = (account.to_owned(), region.to_owned());
        let region = self.regions.get_mut(&account_region).map(Arc::make_mut);
        region.is_some_and(|region| region.set_requester_managed(endpoint, managed))
    }

    /// Returns the options of an account, which are those of all accounts if it has no own options.
    pub fn options(&self, account: Option<&str>) -> &Options {
        account.map_or(&self.options.of_all, |account| self.options.of(account))
    }

    /// Changes the options of an account, or of all accounts, including those with their own options.
    pub fn change_options<E>(
        &mut self,
        account: Option<&str>,
        change: impl Fn(&Options) -> Result<Options, E>,
    ) -> Result<(), E> {
        let mut settings = self.options.clone();
        if let Some(account) = account {
            let changed = change(settings.of(account))?;
            settings.of_one.insert(account.to_owned(), changed);
        } else {
            settings.of_all = change(&settings.of_all)?;
            for options in settings.of_one.values_mut() {
                *options = change(options)?;
            }
        }
        self.options = settings;
        Ok(())
    }

    /// Returns the roles and the issued sessions.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Returns the roles and sessions for changes.
    pub fn identities_mut(&mut self) -> &mut Identities {
        &mut self.identities
    }

    /// Returns the accounts and Regions that have received a call.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.regions.keys().map(|(account, region)| (account.as_str(), region.as_str()))
    }

    /// Returns the service that has an action of this name, for protocols that do not name the service.
    pub fn service_of(action: &str) -> Option<Service> {
        actions::service_of(action)
    }

    /// Executes a typed request.
    pub fn run<A: Action>(&mut self, caller: &Caller, request: A) -> Result<A::Answer, AwsError> {
        self.advance(Duration::ZERO);
        self.throttle(caller, A::SERVICE, A::NAME, false)?;
        request.run(&mut self.context(caller))
    }

    /// Executes an untyped call. The answer is a tree with the element names of the AWS protocol.
    pub fn call(
        &mut self,
        caller: &Caller,
        service: Service,
        action: &str,
        parameters: &Value,
    ) -> Result<Value, AwsError> {
        self.advance(Duration::ZERO);
        let entry = actions::find(service, action)?;
        self.throttle(caller, service, entry.name, actions::lists_everything(parameters))?;
        let (parameters, dry_run) = actions::split_dry_run(service, parameters)?;
        if !dry_run {
            return (entry.run)(&mut self.context(caller), &parameters);
        }
        // ASSUMED (`ASSUMPTIONS.md`, "Dry runs"): a dry run returns the errors of the call itself.
        (entry.run)(&mut self.clone().context(caller), &parameters)?;
        Err(AwsError::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set."))
    }

    fn throttle(
        &mut self,
        caller: &Caller,
        service: Service,
        action: &'static str,
        whole_list: bool,
    ) -> Result<(), AwsError> {
        if !self.options.of(&caller.account).throttling {
            return Ok(());
        }
        let now = self.now;
        let region = self.region_of(caller);
        Arc::make_mut(region).buckets.take(service, action, whole_list, now)
    }

    fn region_of(&mut self, caller: &Caller) -> &mut Arc<Region> {
        let account_region = (caller.account.clone(), caller.region.clone());
        self.regions.entry(account_region).or_insert_with(|| Arc::new(Region::new(&caller.account, &caller.region)))
    }

    fn context<'w>(&'w mut self, caller: &'w Caller) -> Context<'w> {
        let Self { start, now, options, identities, regions, shares, hosted_zones } = self;
        let account_region = (caller.account.clone(), caller.region.clone());
        let new = || Arc::new(Region::new(&caller.account, &caller.region));
        regions.entry(account_region.clone()).or_insert_with(new);
        let options = options.of(&caller.account);
        Context { caller, options, identities, hosted_zones, now: *now, start: *start, account_region, regions, shares }
    }
}
