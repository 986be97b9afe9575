//! Subnets that one account shares with another, like AWS RAM, and what the other account, the participant, can see
//! and do.
//!
//! Source, unless noted otherwise: VPC User Guide, "Share your VPC with other accounts" and "Responsibilities and
//! permissions for owners and participants". RAM itself is not part of the emulator: a share is created under
//! `/_world/`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use super::{
    Context, Region, World,
    ec2::{
        dhcp_options::DhcpOptions, network_acl::NetworkAcl, route_table::RouteTable, security_group::SecurityGroup,
        subnet::Subnet, vpc::Vpc,
    },
    error::AwsError,
    filters::{self, Filter, Filterable},
    ids::{DhcpOptionsId, ResourceId, SubnetId, VpcId},
    table::Table,
    tags::Tags,
};

/// A subnet that an account shares with another account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The account that owns the subnet.
    pub owner: String,
    /// The Region of the subnet.
    pub region: String,
    /// The ID of the subnet.
    pub subnet: String,
    /// The account that the subnet is shared with.
    pub with: String,
}

impl World {
    /// All shares.
    pub fn shares(&self) -> impl Iterator<Item = &Share> {
        self.shares.iter()
    }

    /// Shares a subnet. Returns whether the subnet exists and the other account is a different one.
    pub fn share(&mut self, share: Share) -> bool {
        let place = (share.owner.clone(), share.region.clone());
        let subnet = SubnetId::parse(&share.subnet).ok();
        let exists = subnet
            .is_some_and(|subnet| self.regions.get(&place).is_some_and(|region| region.subnets.get(&subnet).is_some()));
        let may = exists && share.owner != share.with;
        if may {
            self.shares.insert(share);
        }
        may
    }

    /// Ends the sharing of a subnet. Returns whether it was shared.
    pub fn unshare(&mut self, share: &Share) -> bool {
        self.shares.remove(share)
    }
}

/// The part of an owner's Region that a participant sees.
pub(crate) struct Shared<'w> {
    owner: &'w str,
    region: &'w Region,
    subnets: BTreeSet<SubnetId>,
    vpcs: BTreeSet<VpcId>,
    dhcp_options: BTreeSet<DhcpOptionsId>,
}

/// A kind of resource that participants can describe: "the VPC and its subnets, security groups, route tables, network ACLs,
/// gateways, and DHCP option sets".
pub(crate) trait Sharable: Filterable + Clone + 'static {
    /// Whether the participant sees the resource.
    fn is_shared(&self, shared: &Shared<'_>) -> bool;

    /// Returns the tags, which a participant does not see: "VPC tags and tags for the resources within the shared VPC
    /// are not shared with the participants."
    fn tags_mut(&mut self) -> &mut Tags;
}

/// Implements [`Sharable`] for each kind, with the condition under which it is shared.
macro_rules! sharable {
    ($($kind:ty: |$row:ident, $shared:ident| $is_shared:expr;)*) => { $(
        impl Sharable for $kind {
            fn is_shared(&self, $shared: &Shared<'_>) -> bool {
                let $row = self;
                $is_shared
            }

            fn tags_mut(&mut self) -> &mut Tags {
                &mut self.tags
            }
        }
    )* };
}

sharable! {
    Vpc: |vpc, shared| shared.vpcs.contains(&vpc.id);
    Subnet: |subnet, shared| shared.subnets.contains(&subnet.id);
    RouteTable: |table, shared| shared.vpcs.contains(&table.vpc);
    NetworkAcl: |acl, shared| shared.vpcs.contains(&acl.vpc);
    SecurityGroup: |group, shared| shared.vpcs.contains(&group.vpc);
    DhcpOptions: |set, shared| shared.dhcp_options.contains(&set.id);
}

/// A resource that a caller sees, and its owner.
pub(crate) struct Seen<'w, V: Clone> {
    pub(crate) row: Cow<'w, V>,
    pub(crate) region: &'w Region,
    pub(crate) owner: &'w str,
}

/// Returns the error for resources that the emulator does not support in a shared VPC. In AWS, participants can
/// create their own groups and network interfaces there.
pub(crate) fn not_modelled(what: &str) -> AwsError {
    AwsError::new("UnsupportedOperation", format!("{what} are not part of this emulator."))
}

impl Context<'_> {
    /// Returns what other accounts share with the caller in the caller's Region.
    fn shared(&self) -> Vec<Shared<'_>> {
        let mut subnets: BTreeMap<&str, BTreeSet<SubnetId>> = BTreeMap::new();
        let with_caller = |share: &&Share| share.with == self.caller.account && share.region == self.caller.region;
        for share in self.shares.iter().filter(with_caller) {
            subnets.entry(&share.owner).or_default().extend(SubnetId::parse(&share.subnet));
        }
        let of_owner = |(owner, mut subnets): (_, BTreeSet<SubnetId>)| {
            let region = self.region_of(owner, &self.caller.region)?;
            subnets.retain(|id| region.subnets.get(id).is_some());
            let vpcs = subnets.iter().filter_map(|id| region.subnets.get(id)).map(|subnet| subnet.vpc.clone());
            let vpcs: BTreeSet<VpcId> = vpcs.collect();
            let sets = vpcs.iter().filter_map(|id| region.vpcs.get(id)?.dhcp_options.clone());
            Some(Shared { owner, region, dhcp_options: sets.collect(), subnets, vpcs })
        };
        subnets.into_iter().filter_map(of_owner).collect()
    }

    /// Returns the resources that a Describe call with these IDs and filters lists: those of the caller, and those
    /// that other accounts share with it.
    pub(crate) fn select<'c, K: ResourceId + 'static, V: Sharable>(
        &'c self,
        table: fn(&Region) -> &Table<K, V>,
        ids: &[String],
        filters: &[Filter],
    ) -> Result<Vec<Seen<'c, V>>, AwsError> {
        filters::check::<V>(filters)?;
        let (region, sight) = (self.region(), self.sight());
        let own = |row| Seen { row: Cow::Borrowed(row), region, owner: &self.caller.account };
        let mut others = BTreeMap::new();
        for shared in self.shared() {
            let rows = table(shared.region).listed(sight).filter(|(_, row)| row.is_shared(&shared));
            others.extend(rows.map(|(id, row)| {
                let mut row = row.clone();
                row.tags_mut().clear();
                (id.clone(), Seen { row: Cow::Owned(row), region: shared.region, owner: shared.owner })
            }));
        }
        let mut seen = BTreeMap::new();
        if ids.is_empty() {
            seen.extend(table(region).listed(sight).map(|(id, row)| (id.clone(), own(row))));
            seen.append(&mut others);
        }
        for id in ids {
            let found = table(region).read(id, sight).map(|(id, row)| (id, own(row)));
            let mut shared = || K::parse(id).ok().and_then(|id| others.remove_entry(&id));
            let found = found.or_else(|error| shared().ok_or(error));
            match found {
                Ok((id, row)) => _ = seen.insert(id, row),
                // A caller may name a resource twice.
                Err(_) if K::parse(id).is_ok_and(|id| seen.contains_key(&id)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(seen.into_values().filter(|seen| filters::matches(seen.row.as_ref(), filters, seen.region)).collect())
    }

    /// Returns a resource that a caller names in order to read it.
    pub(crate) fn see<'c, K: ResourceId + 'static, V: Sharable>(
        &'c self,
        table: fn(&Region) -> &Table<K, V>,
        id: &str,
    ) -> Result<Seen<'c, V>, AwsError> {
        let seen = self.select(table, &[id.to_owned()], &[])?;
        seen.into_iter().next().map_or_else(|| Err(K::parse(id)?.not_found()), Ok)
    }

    /// Returns a resource of the caller that an action uses or changes.
    ///
    /// Source of the code and the text for a resource that is only shared: ekristen/aws-nuke issue 497, which quotes
    /// AWS for deletions. That other actions return the same is ASSUMED (`ASSUMPTIONS.md`, "Shared subnets").
    pub(crate) fn own<K: ResourceId + 'static, V: Sharable>(
        &self,
        table: fn(&Region) -> &Table<K, V>,
        id: &str,
        action: &str,
    ) -> Result<(K, &V), AwsError> {
        table(self.region()).find(id, self.sight()).map_err(|error| {
            if !self.is_shared(table, id) {
                return error;
            }
            let message = format!(
                "You are not authorized to perform {action} operation. A subnet in this vpc is shared but the provided \
                 object is not owned by you"
            );
            AwsError::new("UnauthorizedOperation", message)
        })
    }

    /// Whether an ID names a resource that another account owns and shares with the caller.
    pub(crate) fn is_shared<K: ResourceId + 'static, V: Sharable>(
        &self,
        table: fn(&Region) -> &Table<K, V>,
        id: &str,
    ) -> bool {
        let sees = |shared: &Shared<'_>| {
            let row = table(shared.region).read(id, self.sight());
            row.is_ok_and(|(_, row)| row.is_shared(shared))
        };
        self.shared().iter().any(sees)
    }
}
