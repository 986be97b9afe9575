//! A case: one behavior of AWS, as calls and the answers that they must get.

use std::fmt::Write as _;

use futures::future::LocalBoxFuture;

use crate::target::Target;

/// One behavior of AWS.
pub struct Case {
    module: &'static str,
    function: &'static str,
    /// Why AWS is expected to behave in this way.
    pub basis: Basis,
    /// What the case creates, for people.
    pub creates: &'static str,
    /// Whether and how the case runs in an AWS account.
    pub in_account: InAccount,
    run: for<'t> fn(&'t Target) -> LocalBoxFuture<'t, ()>,
}

/// Why AWS is expected to behave in this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The document or the report that describes the behavior.
    Source(&'static str),
    /// At least one of the expected answers is an assumption. A failure in an AWS account then shows what AWS does.
    Assumed(&'static str),
}

/// Whether and how a case runs in an AWS account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InAccount {
    /// The case is free, and takes seconds.
    Cheap,
    /// The case waits for minutes, and AWS charges for some of its resources.
    Slow(Charge),
    /// The case does not run in an AWS account, for this reason.
    Cannot(&'static str),
}

/// The number of resources for which AWS charges by the hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The number of interface endpoints, each counted once for each zone.
    pub endpoint_zones: u32,
    /// The number of addresses of Resolver endpoints.
    pub resolver_addresses: u32,
}

impl Charge {
    /// No charge.
    pub const NONE: Self = Self { endpoint_zones: 0, resolver_addresses: 0 };

    /// Returns the charge for interface endpoints.
    pub const fn endpoints(endpoint_zones: u32) -> Self {
        Self { endpoint_zones, ..Self::NONE }
    }

    /// Returns the charge for Resolver endpoints.
    pub const fn resolver(resolver_addresses: u32) -> Self {
        Self { resolver_addresses, ..Self::NONE }
    }
}

impl Case {
    pub(crate) const fn new(
        module: &'static str,
        function: &'static str,
        basis: Basis,
        creates: &'static str,
        in_account: InAccount,
        run: for<'t> fn(&'t Target) -> LocalBoxFuture<'t, ()>,
    ) -> Self {
        Self { module, function, basis, creates, in_account, run }
    }

    /// Returns the name, such as `security_groups::a_rule_is_modified_in_place`.
    pub fn name(&self) -> String {
        format!("{}::{}", self.subject(), self.function)
    }

    /// Returns the subject: the name of the file.
    pub fn subject(&self) -> &'static str {
        self.module.rsplit("::").next().unwrap_or(self.module)
    }

    /// Returns the charge of the case in an AWS account.
    pub fn charge(&self) -> Charge {
        match self.in_account {
            InAccount::Slow(charge) => charge,
            InAccount::Cheap | InAccount::Cannot(_) => Charge::NONE,
        }
    }

    /// Runs the case, which panics if AWS behaves in another way.
    pub(crate) fn start<'t>(&self, target: &'t Target) -> LocalBoxFuture<'t, ()> {
        (self.run)(target)
    }
}

/// Declares a case of this module.
macro_rules! case {
    ($function:ident, $basis:expr, $creates:literal, $in_account:expr) => {
        $crate::case::Case::new(module_path!(), stringify!($function), $basis, $creates, $in_account, |aws| {
            Box::pin($function(aws))
        })
    };
}
pub(crate) use case;

/// Returns the cases whose name contains one of the texts, or that are of the class that a text names: `cheap` or `slow`.
/// Without texts, all cases are selected.
pub fn select(texts: &[String]) -> Vec<&'static Case> {
    let matches = |case: &Case, text: &str| match (text, case.in_account) {
        ("cheap", class) => class == InAccount::Cheap,
        ("slow", class) => matches!(class, InAccount::Slow(_)),
        (text, _) => case.name().contains(text),
    };
    let selected = |case: &&Case| texts.is_empty() || texts.iter().any(|text| matches(case, text));
    crate::cases::all().filter(selected).collect()
}

/// Returns all cases as a table in Markdown.
pub fn table() -> String {
    let mut text = String::from("| case | source | creates | in an account |\n|---|---|---|---|\n");
    for case in crate::cases::all() {
        let basis = match case.basis {
            Basis::Source(source) => source.to_owned(),
            Basis::Assumed(what) => format!("assumed: {what}"),
        };
        let in_account = match case.in_account {
            InAccount::Cheap => "cheap".to_owned(),
            InAccount::Slow(charge) => match (charge.endpoint_zones, charge.resolver_addresses) {
                (0, 0) => "slow, free".to_owned(),
                (zones, 0) => format!("slow, {zones} endpoint zones"),
                (0, addresses) => format!("slow, {addresses} Resolver addresses"),
                (zones, addresses) => format!("slow, {zones} endpoint zones, {addresses} Resolver addresses"),
            },
            InAccount::Cannot(reason) => format!("cannot: {reason}"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {basis} | {} | {in_account} |", case.name(), case.creates);
    }
    text
}
