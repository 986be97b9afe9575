//! What cases cost in an AWS account.

use anyhow::{Context as _, Result};
use mgnet::model::preview::cost::{Rates, TABLE, rates};

use crate::case::{Case, Charge};

/// The hours for which AWS charges for each resource of a case. A case ends within the first hour, and AWS charges for
/// each started hour of an endpoint (aws.amazon.com/privatelink/pricing).
const HOURS: u64 = 1;
/// Millionths of a dollar in a cent.
const CENT: u64 = 10_000;

/// The estimated cost of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// What AWS charges for.
    pub charge: Charge,
    /// The prices.
    pub rates: &'static Rates,
}

impl Estimate {
    /// Returns the estimate for cases in a Region. Fails if its prices are not known.
    pub fn of(cases: &[&Case], region: &str) -> Result<Self> {
        let rates = rates(region).with_context(|| {
            let known: Vec<&str> = TABLE.iter().map(|rates| rates.region).collect();
            format!("the prices of the Region '{region}' are not known; use one of {}", known.join(", "))
        })?;
        let sum = |count: fn(Charge) -> u32| cases.iter().map(|case| count(case.charge())).sum();
        let charge = Charge {
            endpoint_zones: sum(|charge| charge.endpoint_zones),
            resolver_addresses: sum(|charge| charge.resolver_addresses),
        };
        Ok(Self { charge, rates })
    }

    /// Returns the cost in cents of a US dollar, rounded up.
    pub fn cents(&self) -> u64 {
        let endpoints = u64::from(self.charge.endpoint_zones) * self.rates.endpoint_zone_hour;
        let resolver = u64::from(self.charge.resolver_addresses) * self.rates.resolver_address_hour;
        ((endpoints + resolver) * HOURS).div_ceil(CENT)
    }

    /// Returns the cost and how it is computed.
    pub fn explain(&self) -> String {
        format!(
            "{} USD: {} zone hours of interface endpoints at {} USD, {} address hours of Resolver endpoints at {} USD \
             (prices of {})",
            dollars(self.cents()),
            self.charge.endpoint_zones,
            rate(self.rates.endpoint_zone_hour),
            self.charge.resolver_addresses,
            rate(self.rates.resolver_address_hour),
            self.rates.as_of,
        )
    }
}

/// Returns cents as dollars: `1.20`.
pub(crate) fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn rate(millionths: u64) -> String {
    format!("{}.{:03}", millionths / 1_000_000, millionths % 1_000_000 / 1_000)
}

/// Returns the cents of an amount such as `2` or `2.50`.
pub fn cents(amount: &str) -> Result<u64, String> {
    let (whole, part) = amount.split_once('.').unwrap_or((amount, "00"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let part = if part.len() == 1 { format!("{part}0") } else { part.to_owned() };
    if !digits(whole) || !digits(&part) || part.len() != 2 || whole.len() > 6 {
        return Err(format!("'{amount}' is not an amount in US dollars, such as 2.50"));
    }
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok(number(whole)? * 100 + number(&part)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        assert_eq!([cents("2"), cents("2.5"), cents("0.05")], [Ok(200), Ok(250), Ok(5)]);
        for wrong in ["", "2.", ".5", "-1", "2.505", "2,50", "1e9", "99999999"] {
            assert!(cents(wrong).is_err(), "{wrong}");
        }
        assert_eq!([dollars(205), dollars(5)], ["2.05", "0.05"]);
    }

    #[test]
    fn an_estimate_is_rounded_up_and_known_regions_only_have_one() {
        let rates = rates("ap-northeast-1").expect("it is in the table");
        let estimate = Estimate { charge: Charge { endpoint_zones: 3, resolver_addresses: 2 }, rates };
        assert_eq!(estimate.cents(), 30, "3 × 0.014 and 2 × 0.125");
        assert!(Estimate::of(&[], "xx-nowhere-1").is_err_and(|error| error.to_string().contains("us-east-1")));
    }
}
