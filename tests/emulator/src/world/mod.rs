//! The world: accounts and regions of AWS as a pure state machine.
//!
//! It has no IO, no clock and no randomness: the same calls and the same [`World::advance`] give the same answers and the
//! same ids. It is cheap to clone (regions are shared until one is written to), and can be compared and hashed, so that a
//! simulator can branch it and recognise states it has seen.
//!
//! Two ways in: [`World::run`] takes a typed request, [`World::call`] a call as it came over the wire.

pub mod action;
mod actions;
mod address;
pub mod caller;
mod catalogue;
pub mod ec2;
pub mod error;
mod filters;
pub mod ids;
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
    error::AwsError,
    options::Options,
    region::Region,
    route53::HostedZones,
    sharing::Share,
    table::Sight,
};

pub use self::{
    filters::Filter,
    table::Lag,
    tags::{Tag, TagItem, TagSpecification, Tags},
};

/// All accounts and all regions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    start: Timestamp,
    now: Duration,
    options: Settings,
    identities: Identities,
    regions: BTreeMap<Place, Arc<Region>>,
    shares: BTreeSet<Share>,
    hosted_zones: HostedZones,
}

/// An account and a region.
type Place = (String, String);

/// Options of all accounts, and of those that have their own.
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

/// What an action sees and changes: the caller, the moment, and one region of the caller's account. Other regions it can only
/// look into.
pub struct Context<'w> {
    pub(crate) caller: &'w Caller,
    pub(crate) options: &'w Options,
    pub(crate) identities: &'w mut Identities,
    pub(crate) hosted_zones: &'w mut HostedZones,
    now: Duration,
    start: Timestamp,
    place: Place,
    regions: &'w mut BTreeMap<Place, Arc<Region>>,
    shares: &'w BTreeSet<Share>,
}

impl Context<'_> {
    /// The region, to be read. [`World::context`] has made it.
    pub(crate) fn region(&self) -> &Region {
        &self.regions[&self.place]
    }

    /// The region, to be changed.
    pub(crate) fn region_mut(&mut self) -> &mut Region {
        let new = || Arc::new(Region::new(&self.caller.account, &self.caller.region));
        Arc::make_mut(self.regions.entry(self.place.clone()).or_insert_with(new))
    }

    /// A region of any account, to be read, if something was ever called there.
    pub(crate) fn region_of(&self, account: &str, region: &str) -> Option<&Region> {
        self.regions.get(&(account.to_owned(), region.to_owned())).map(|region| &**region)
    }

    /// World time: how long the world has existed.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// A moment of world time as the date AWS would print.
    pub(crate) fn date(&self, at: Duration) -> Timestamp {
        date(self.start, at)
    }

    /// What the caller sees of creations and deletions.
    pub(crate) fn sight(&self) -> Sight {
        Sight { now: self.now, lag: self.options.lag() }
    }
}

/// A moment of world time as a date; a moment beyond the calendar is the last one in it.
pub(crate) fn date(start: Timestamp, at: Duration) -> Timestamp {
    start.checked_add(at).unwrap_or(Timestamp::MAX)
}

impl World {
    /// An empty world that begins at a date.
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

    /// World time: how long the world has existed.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Lets time pass; what becomes due happens, each thing at its own moment.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
        for ((account, _), region) in &mut self.regions {
            if region.next_due().is_some_and(|due| due <= self.now) {
                Arc::make_mut(region).settle(self.now, self.options.of(account));
            }
        }
    }

    /// When the next thing happens by itself, in world time. A simulator may advance to it.
    pub fn next_due(&self) -> Option<Duration> {
        self.regions.values().filter_map(|region| region.next_due()).min()
    }

    /// Forgets everything of an account, or of all accounts, and its options; time goes on. What an account had of its own
    /// becomes again as it is for all, and what was set for all becomes `options`.
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

    /// Takes the network interface of a Resolver address away, as a person could who is allowed to; the endpoint then needs
    /// action. Says whether there is such an address.
    pub fn break_resolver_address(&mut self, account: &str, region: &str, address: &str) -> bool {
        let sight = Sight { now: self.now, lag: self.options.of(account).lag() };
        let place = (account.to_owned(), region.to_owned());
        let region = self.regions.get_mut(&place).map(Arc::make_mut);
        region.is_some_and(|region| region.break_resolver_address(address, sight))
    }

    /// The options of an account, or those of accounts that have none of their own.
    pub fn options(&self, account: Option<&str>) -> &Options {
        account.map_or(&self.options.of_all, |account| self.options.of(account))
    }

    /// Changes the options of an account, or of all accounts, those with options of their own included.
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

    /// Who may be who: roles, and the sessions that were handed out.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Who may be who, to declare roles.
    pub fn identities_mut(&mut self) -> &mut Identities {
        &mut self.identities
    }

    /// The accounts and regions in which something was called.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.regions.keys().map(|(account, region)| (account.as_str(), region.as_str()))
    }

    /// The service that has an action of this name, for protocols that do not say it.
    pub fn service_of(action: &str) -> Option<Service> {
        actions::service_of(action)
    }

    /// Carries out a typed request.
    pub fn run<A: Action>(&mut self, caller: &Caller, request: A) -> Result<A::Answer, AwsError> {
        self.advance(Duration::ZERO);
        self.throttle(caller, A::SERVICE, A::NAME, false)?;
        request.run(&mut self.context(caller))
    }

    /// Carries out a call as it came over the wire; the answer is a tree with the element names of the wire.
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
        // ASSUMED (`ASSUMPTIONS.md`, "Dry runs"): what is wrong with a call is answered by its dry run too.
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
        let place = (caller.account.clone(), caller.region.clone());
        self.regions.entry(place).or_insert_with(|| Arc::new(Region::new(&caller.account, &caller.region)))
    }

    fn context<'w>(&'w mut self, caller: &'w Caller) -> Context<'w> {
        let Self { start, now, options, identities, regions, shares, hosted_zones } = self;
        let place = (caller.account.clone(), caller.region.clone());
        let new = || Arc::new(Region::new(&caller.account, &caller.region));
        regions.entry(place.clone()).or_insert_with(new);
        let options = options.of(&caller.account);
        Context { caller, options, identities, hosted_zones, now: *now, start: *start, place, regions, shares }
    }
}
