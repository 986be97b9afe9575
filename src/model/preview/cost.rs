//! Estimates the monthly cost of an idle network: the hours of its interface endpoints and of its Resolver endpoint.
//!
//! The table of rates gives the date and source of each rate. Charges by use (data processed, queries) are not
//! included, and the S3 gateway endpoint is free (aws.amazon.com/privatelink/pricing,
//! aws.amazon.com/route53/pricing). A Region that is not in the table gets no estimate, because users could take a
//! guess for a price.

use crate::model::{
    observed::{Resources, resources::Life},
    ownership::Identity,
    slot::{EndpointType, Slot},
};

/// The number of hours in a month, as the AWS Pricing Calculator counts them.
const HOURS_A_MONTH: u64 = 730;

/// The hourly rates of a Region, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// The Region.
    pub region: &'static str,
    /// The rate of an interface endpoint in one zone (usage type `VpcEndpoint-Hours`).
    pub endpoint_zone_hour: u64,
    /// The rate of one address of a Resolver endpoint (usage type `ResolverNetworkInterface`).
    pub resolver_address_hour: u64,
    /// The date of the rates: the older of the two dates.
    pub as_of: &'static str,
    /// The source of the rates.
    pub source: &'static str,
}

const SOURCE: &str = "AWS Price List, offer AmazonVPC, usage type VpcEndpoint-Hours, and aws.amazon.com/route53/pricing, \
                      Resolver endpoints, both as publicly quoted";

/// The known rates. They come from public pages that quote the Price List API and the pricing page with a date, not
/// from AWS itself. AWS publishes one Resolver rate for all commercial Regions (2026-09-20).
pub const TABLE: [Rates; 3] = [
    Rates {
        region: "ap-northeast-1",
        endpoint_zone_hour: 14_000,
        resolver_address_hour: 125_000,
        as_of: "2026-09-13",
        source: SOURCE,
    },
    Rates {
        region: "us-east-1",
        endpoint_zone_hour: 10_000,
        resolver_address_hour: 125_000,
        as_of: "2026-08-20",
        source: SOURCE,
    },
    Rates {
        region: "us-west-2",
        endpoint_zone_hour: 10_000,
        resolver_address_hour: 125_000,
        as_of: "2026-09-20",
        source: SOURCE,
    },
];

/// Returns the rates of a Region, if they are known.
pub fn rates(region: &str) -> Option<&'static Rates> {
    TABLE.iter().find(|rates| rates.region == region)
}

/// The owned resources that AWS bills by the hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// The number of interface endpoints, each counted once per subnet.
    pub endpoint_zones: usize,
    /// The number of addresses of the Resolver endpoint.
    pub resolver_addresses: usize,
}

impl Billed {
    /// Counts the billed resources that the network owns.
    pub fn of(identity: &Identity, resources: &Resources) -> Self {
        let live = |slot| resources.held(identity, slot).into_iter().filter(|held| held.life == Life::Live);
        let interfaces = resources.slots(identity).into_iter().filter_map(|slot| match slot {
            Slot::Endpoint(key) if key.endpoint_type == EndpointType::Interface => Some(key),
            Slot::Endpoint(_) | Slot::Group(_) | Slot::Resolver => None,
        });
        Self {
            endpoint_zones: interfaces
                .flat_map(|key| live(Slot::Endpoint(key)))
                .filter_map(|held| resources.endpoints.get(&held.id.into()))
                .map(|endpoint| endpoint.subnets.len())
                .sum(),
            resolver_addresses: live(Slot::Resolver)
                .filter_map(|held| resources.resolvers.get(&held.id.into()))
                .map(|resolver| resolver.addresses.len())
                .sum(),
        }
    }

    /// Returns the monthly cost in US dollars, with two decimals: `305.14`.
    pub fn monthly_usd(self, rates: &Rates) -> String {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let an_hour = count(self.endpoint_zones)
            .saturating_mul(rates.endpoint_zone_hour)
            .saturating_add(count(self.resolver_addresses).saturating_mul(rates.resolver_address_hour));
        let cents = an_hour.saturating_mul(HOURS_A_MONTH).saturating_add(5_000) / 10_000;
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Lab, identity};

    #[test]
    fn the_sample_network_costs_305_dollars_per_month() {
        let billed = Billed::of(&identity(), &Lab::built().observed.resources);
        assert_eq!(billed, Billed { endpoint_zones: 12, resolver_addresses: 2 });
        let tokyo = rates("ap-northeast-1").expect("it is in the table");
        assert_eq!(billed.monthly_usd(tokyo), "305.14", "12 × 0.014 × 730 and 2 × 0.125 × 730");
        assert_eq!(Billed::default().monthly_usd(tokyo), "0.00");
    }

    #[test]
    fn foreign_and_deleting_resources_are_not_counted() {
        let mut lab = Lab::built();
        for endpoint in lab.observed.resources.endpoints.values_mut() {
            endpoint.state = crate::model::observed::EndpointState::Deleting;
        }
        for resolver in lab.observed.resources.resolvers.values_mut() {
            resolver.tags.clear();
        }
        assert_eq!(Billed::of(&identity(), &lab.observed.resources), Billed::default());
    }

    #[test]
    fn every_region_is_listed_once_with_date_and_source() {
        for rates in &TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.region == rates.region).count(), 1, "{}", rates.region);
            assert!(rates.as_of.parse::<jiff::civil::Date>().is_ok(), "{}", rates.as_of);
            assert!(!rates.source.is_empty());
        }
        assert_eq!(rates("xx-nowhere-1"), None);
    }
}
