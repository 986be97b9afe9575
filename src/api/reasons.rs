//! The reasons of conditions: a stable part of the API, on which scripts and dashboards may rely.

/// Declares the reasons once: the variant, the word users see, and the sentence that explains it.
macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $word:literal,)+) => {
        /// Why a condition has its status, in one word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The reason as it stands in `reason`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    /// The network is complete: a source server whose on-premises side is done could install the agent now.
    Ready = "Ready",
    /// The operator has not looked at this yet.
    Pending = "Pending",
    /// Work is under way, and nothing is wrong.
    Progressing = "Progressing",
    /// Work is under way after an error that passes by itself, and is tried again.
    ProgressingWithRetry = "ProgressingWithRetry",
    /// VPC endpoints are not available yet.
    EndpointsPending = "EndpointsPending",
    /// The Route 53 Resolver inbound endpoint is not operational yet.
    ResolverPending = "ResolverPending",
    /// Changes are known and wait for a word from the user.
    ChangesPlanned = "ChangesPlanned",
    /// Changes are known and are made only once they are approved.
    AwaitingApproval = "AwaitingApproval",
    /// The object is being deleted, and its AWS resources before it.
    Deleting = "Deleting",
    /// Something in AWS still uses what has to be deleted.
    DeletionBlocked = "DeletionBlocked",
    /// The object goes and its AWS resources stay, as its deletion policy says.
    Retained = "Retained",
    /// The object is valid and admitted.
    Accepted = "Accepted",
    /// The class named does not exist, or is being deleted and takes no new network.
    ClassNotFound = "ClassNotFound",
    /// No class is named, and there is not exactly one default class.
    NoDefaultClass = "NoDefaultClass",
    /// The class does not admit networks from this namespace.
    NamespaceNotAllowed = "NamespaceNotAllowed",
    /// The class does not admit a value of this network.
    LimitExceeded = "LimitExceeded",
    /// Another network holds the same VPC.
    Conflicted = "Conflicted",
    /// The spec and the class's defaults together leave something out or contradict themselves.
    InvalidSpec = "InvalidSpec",
    /// The class itself is not accepted.
    InvalidClass = "InvalidClass",
    /// The credentials lead to another AWS account than the class names.
    AccountMismatch = "AccountMismatch",
    /// AWS does not let the operator do this, or does not let it assume the role.
    AccessDenied = "AccessDenied",
    /// The VPC and its subnets were found and fit.
    Resolved = "Resolved",
    /// No VPC is selected.
    VpcNotFound = "VPCNotFound",
    /// Another VPC is selected now than the one that holds the network.
    VpcChanged = "VPCChanged",
    /// The tags select more than one VPC.
    AmbiguousSelector = "AmbiguousSelector",
    /// A subnet does not exist, or the tags select none.
    SubnetNotFound = "SubnetNotFound",
    /// The subnets are not all in the VPC that is selected.
    SubnetsInDifferentVpcs = "SubnetsInDifferentVPCs",
    /// The VPC has DNS support or DNS hostnames turned off, which private names need.
    DnsSupportDisabled = "DNSSupportDisabled",
    /// The endpoint subnets lie in fewer than the two zones that the resolver needs.
    TooFewZones = "TooFewZones",
    /// Two endpoint subnets lie in one zone, where an endpoint can have only one.
    SeveralSubnetsInZone = "SeveralSubnetsInZone",
    /// A service that MGN cannot do without is not offered in the Region or in one of the zones.
    ServiceNotOffered = "ServiceNotOffered",
    /// A subnet has too few free addresses.
    NotEnoughAddresses = "NotEnoughAddresses",
    /// What the condition is about exists and is available.
    Available = "Available",
    /// What the condition is about is not there.
    NotFound = "NotFound",
    /// A resource in the way does not belong to this network.
    NotOwned = "NotOwned",
    /// A quota of the AWS account is used up.
    QuotaExceeded = "QuotaExceeded",
    /// Another endpoint or a hosted zone of the VPC has the private names already.
    PrivateDnsConflict = "PrivateDNSConflict",
    /// Another account shares the subnets, and AWS lets only their owner make endpoints there.
    SubnetsShared = "SubnetsShared",
    /// AWS makes no Route 53 Resolver endpoint in such a VPC.
    ResolverImpossible = "ResolverImpossible",
    /// The network ACLs let nothing through of what source servers must send.
    TrafficBlocked = "TrafficBlocked",
    /// AWS could not build an endpoint, or lost it.
    EndpointFailed = "EndpointFailed",
    /// Something that exists and is to be used is not as the network needs it.
    ExistingUnfit = "ExistingUnfit",
    /// A fixed address cannot be had.
    AddressUnusable = "AddressUnusable",
    /// An address that others may know would change, and nobody has allowed it.
    AddressChangeRefused = "AddressChangeRefused",
    /// Several resources could be adopted, and only people can tell which is meant.
    AmbiguousAdoption = "AmbiguousAdoption",
    /// AWS refuses a call as invalid.
    InvalidRequest = "InvalidRequest",
    /// The Route 53 Resolver inbound endpoint answers.
    Operational = "Operational",
    /// None is wanted.
    Disabled = "Disabled",
    /// AWS waits for somebody to put the Route 53 Resolver inbound endpoint right.
    ActionNeeded = "ActionNeeded",
    /// AWS equals what is wanted.
    InSync = "InSync",
    /// AWS was changed behind the operator's back.
    DriftDetected = "DriftDetected",
    /// AWS asks for fewer calls.
    Throttled = "Throttled",
    /// AWS answered with an error that may pass.
    AwsError = "AWSError",
    /// The operator itself failed.
    InternalError = "InternalError",
    /// The operator leaves this object alone, as its spec says.
    Suspended = "Suspended",
}

impl Reason {
    /// Whether time alone may heal what the reason names. Such a reason never stalls a network: kstatus takes `Stalled`
    /// for a failure that somebody has to act on.
    pub const fn heals_by_waiting(self) -> bool {
        match self {
            Self::Pending
            | Self::Progressing
            | Self::ProgressingWithRetry
            | Self::EndpointsPending
            | Self::ResolverPending
            | Self::Deleting
            | Self::Throttled
            | Self::AwsError
            | Self::InternalError
            // These say that all is well: there is nothing to heal.
            | Self::Ready
            | Self::Accepted
            | Self::Resolved
            | Self::Available
            | Self::Operational
            | Self::Disabled
            | Self::InSync
            | Self::Retained
            | Self::Suspended
            // Drift is repaired by the operator.
            | Self::DriftDetected => true,
            Self::ChangesPlanned
            | Self::AwaitingApproval
            | Self::DeletionBlocked
            | Self::ClassNotFound
            | Self::NoDefaultClass
            | Self::NamespaceNotAllowed
            | Self::LimitExceeded
            | Self::Conflicted
            | Self::InvalidSpec
            | Self::InvalidClass
            | Self::AccountMismatch
            | Self::AccessDenied
            | Self::VpcNotFound
            | Self::VpcChanged
            | Self::AmbiguousSelector
            | Self::SubnetNotFound
            | Self::SubnetsInDifferentVpcs
            | Self::DnsSupportDisabled
            | Self::TooFewZones
            | Self::SeveralSubnetsInZone
            | Self::ServiceNotOffered
            | Self::NotEnoughAddresses
            | Self::NotFound
            | Self::NotOwned
            | Self::QuotaExceeded
            | Self::PrivateDnsConflict
            | Self::SubnetsShared
            | Self::ResolverImpossible
            | Self::TrafficBlocked
            | Self::EndpointFailed
            | Self::ExistingUnfit
            | Self::AddressUnusable
            | Self::AddressChangeRefused
            | Self::AmbiguousAdoption
            | Self::InvalidRequest
            | Self::ActionNeeded => false,
        }
    }

    /// The reason written as `word`, if there is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pattern that Kubernetes' `metav1.Condition` sets for reasons, in its CamelCase half.
    #[test]
    fn every_reason_is_a_camel_case_word_of_its_own() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        for word in &words {
            assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{word}");
            assert!(word.chars().all(|c| c.is_ascii_alphanumeric()), "{word}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }

    #[test]
    fn every_reason_is_explained_in_one_sentence() {
        for reason in Reason::ALL {
            let meaning = reason.meaning();
            assert!(meaning.ends_with('.') && !meaning.contains(". "), "{reason}: {meaning}");
        }
    }

    #[test]
    fn every_reason_is_found_by_its_word() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::parse("vpcNotFound"), None);
    }
}
