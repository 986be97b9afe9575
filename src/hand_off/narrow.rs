//! The narrow form of a hand-off: forwarders for each bucket of MGN instead of the whole domain of S3, so that other clients of
//! S3 resolve their names as before.
//!
//! MGN needs no more: its documentation lists only names of buckets (MGN User Guide, "Network requirements"), and the installer
//! reads `https://<bucket>.s3.<region>.amazonaws.com`.

use anyhow::{Result, ensure};

use super::network::{Forwarder, HandOff, Label, Record};
use crate::api::NameUse;

impl HandOff {
    /// Replaces each forwarder of an S3 domain by one forwarder for each name of source servers below it, and drops the names
    /// that are S3 domains: hosts files would lead all requests that name the bucket in the path to the endpoint, too.
    ///
    /// # Errors
    /// If no name of source servers is below an S3 domain, because the network's S3 endpoint would have no clients.
    pub fn narrow(mut self) -> Result<Self> {
        let mut forwarders = Vec::new();
        for Forwarder { domain, targets } in std::mem::take(&mut self.dns_forwarders) {
            if is_s3_domain(&domain) {
                let buckets = self.buckets(&domain)?;
                forwarders.extend(buckets.into_iter().map(|domain| Forwarder { domain, targets: targets.clone() }));
            } else {
                forwarders.push(Forwarder { domain, targets });
            }
        }
        forwarders.sort_by(|one, other| one.domain.cmp(&other.domain));
        for Record { name, .. } in self.names.iter().filter(|one| is_s3_domain(&one.name)) {
            self.buckets(name)?;
        }
        self.names.retain(|one| !is_s3_domain(&one.name));
        Ok(Self { narrow: true, dns_forwarders: forwarders, ..self })
    }

    /// Returns the names of source servers below a domain of S3.
    fn buckets(&self, domain: &Label) -> Result<Vec<Label>> {
        let suffix = format!(".{domain}");
        let sources = self.names.iter().filter(|one| one.for_ == NameUse::Source);
        let buckets: Vec<_> =
            sources.filter(|one| one.name.as_str().ends_with(&suffix)).map(|one| one.name.clone()).collect();
        ensure!(
            !buckets.is_empty(),
            "network '{}' has no bucket below '{domain}', so that '--narrow' would leave nothing of it; export without it",
            self.network()
        );
        Ok(buckets)
    }
}

/// Whether a name is the domain of S3 in a Region, and not a name below it. A bucket's own name may contain dots.
fn is_s3_domain(name: &Label) -> bool {
    name.as_str().strip_prefix("s3.").is_some_and(|rest| !rest.contains(".s3."))
}
