//! Records of adopted resources: what each of them had when the network adopted it. The operator never removes that, so
//! that the resource keeps working for everybody who used it before (promise 3).
//!
//! A record is stored before the adoption call is sent. If the record of an adopted resource is missing, because status was
//! lost, the resource counts as having had everything that it has now.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::AdoptionStatus,
    model::{
        observed::{
            Resources,
            parts::{MOST, MOST_ROUTE_TABLES, Parts},
        },
        ownership::{Identity, is_adopted},
        plan::step::Step,
        slot::{Slot, UnknownSlot},
    },
};

/// The records of one network's adopted resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoptions {
    by_slot: BTreeMap<Slot, Adoption>,
    /// The records of slots that this version does not know. They stay as they are.
    unknown: Vec<AdoptionStatus>,
}

/// The record of one adopted resource.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Adoption {
    id: String,
    had: Parts,
}

impl Adoptions {
    /// Reads the records from status. Records of unknown slots are kept unchanged.
    pub fn from_status(status: &[AdoptionStatus]) -> Self {
        let mut adoptions = Self::default();
        for stored in status {
            match stored.slot.parse() {
                Ok(slot) => drop(adoptions.by_slot.insert(slot, Adoption::from_status(stored))),
                Err(UnknownSlot { .. }) => adoptions.unknown.push(stored.clone()),
            }
        }
        adoptions
    }

    /// Removes the records of unknown slots that are not among `claimed`.
    pub(super) fn retain_unknown(&mut self, claimed: impl Fn(&str) -> bool) {
        self.unknown.retain(|stored| claimed(&stored.slot));
    }

    /// Converts the records for status.
    pub fn to_status(&self) -> Vec<AdoptionStatus> {
        let known = self.by_slot.iter().map(|(slot, adoption)| adoption.to_status(*slot));
        known.chain(self.unknown.iter().cloned()).collect()
    }

    /// Returns what an adopted resource had. None if the network did not adopt it.
    pub fn had(&self, slot: Slot, id: &str) -> Option<&Parts> {
        self.by_slot.get(&slot).filter(|adoption| adoption.id == id).map(|adoption| &adoption.had)
    }

    /// Records what a resource has before a step adopts it. Returns true if the record is new, so that it must be stored
    /// before the step may run.
    pub(super) fn reserve(&mut self, step: &Step) -> bool {
        let Step::Adopt { slot, id, had: Some(had), .. } = step else { return false };
        let adoption = Adoption { id: id.clone(), had: had.clone() };
        self.by_slot.insert(*slot, adoption.clone()).as_ref() != Some(&adoption)
    }

    /// Removes the record of a slot.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.by_slot.remove(&slot);
    }

    /// Updates the records from an observation. `holds` returns whether the network holds a resource in a slot, according
    /// to its claims.
    pub(super) fn settle(&mut self, identity: &Identity, resources: &Resources, holds: impl Fn(Slot, &str) -> bool) {
        self.by_slot.retain(|slot, adoption| {
            holds(*slot, &adoption.id) || resources.live(identity, *slot).as_ref() == Some(&adoption.id)
        });
        for slot in resources.slots(identity) {
            let Some(id) = resources.live(identity, slot) else { continue };
            let tags = resources.tags_of(slot, &id).map(|(_, tags)| tags);
            if tags.is_some_and(is_adopted) && self.had(slot, &id).is_none() {
                let had = Parts::of(resources, slot, &id);
                self.by_slot.insert(slot, Adoption { id, had });
            }
        }
    }

    fn had_mut(&mut self, slot: Slot, id: &str) -> Option<&mut Parts> {
        self.by_slot.get_mut(&slot).filter(|adoption| adoption.id == id).map(|adoption| &mut adoption.had)
    }

    /// Adds to the records what the steps would remove from adopted resources. Returns true if there was anything.
    pub(super) fn absorb(&mut self, steps: &[Step]) -> bool {
        let mut changed = false;
        for step in steps {
            match step {
                Step::ModifyEndpoint { key, endpoint, change } => {
                    let Some(had) = self.had_mut(Slot::Endpoint(*key), endpoint.as_str()) else { continue };
                    let before = had.clone();
                    had.subnets.extend(change.remove_subnets.iter().cloned());
                    had.groups.extend(change.remove_groups.iter().cloned());
                    had.route_tables.extend(change.remove_route_tables.iter().cloned());
                    changed |= *had != before;
                }
                Step::DisassociateResolverAddress { resolver, address } => {
                    let Some(had) = self.had_mut(Slot::Resolver, resolver.as_str()) else { continue };
                    changed |= had.addresses.insert(address.clone());
                }
                _ => {}
            }
        }
        changed
    }
}

impl Adoption {
    fn from_status(status: &AdoptionStatus) -> Self {
        fn ids<T: From<String> + Ord>(all: &[String]) -> BTreeSet<T> {
            all.iter().cloned().map(T::from).collect()
        }
        let had = Parts {
            subnets: ids(&status.subnet_ids),
            groups: ids(&status.security_group_ids),
            route_tables: ids(&status.route_table_ids),
            addresses: ids(&status.ip_address_ids),
            tag_keys: ids(&status.tag_keys),
        };
        Self { id: status.id.clone(), had }
    }

    fn to_status(&self, slot: Slot) -> AdoptionStatus {
        fn texts<T: ToString>(all: &BTreeSet<T>, most: usize) -> Vec<String> {
            all.iter().take(most).map(ToString::to_string).collect()
        }
        let Parts { subnets, groups, route_tables, addresses, tag_keys } = &self.had;
        AdoptionStatus {
            slot: slot.to_string(),
            id: self.id.clone(),
            subnet_ids: texts(subnets, MOST),
            security_group_ids: texts(groups, MOST),
            route_table_ids: texts(route_tables, MOST_ROUTE_TABLES),
            ip_address_ids: texts(addresses, MOST),
            tag_keys: texts(tag_keys, MOST),
        }
    }
}
