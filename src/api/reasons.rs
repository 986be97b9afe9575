//! The reasons of conditions. They are a stable part of the API, on which scripts and dashboards may rely.

/// Declares each reason once: the variant, the word in the API, and the sentence that explains it.
macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $word:literal,)+) => {
        /// The reason of a condition's status, in one word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the word in the condition's `reason`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Returns the meaning of the reason, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    /// The network is complete: a source server could install the agent now, if its on-premises side is prepared.
    Ready = "Ready",
    /// The operator has not observed the object yet.
    Pending = "Pending",
    /// The operator is working, and there is no error.
    Progressing = "Progressing",
    /// The operator is retrying after an error that is expected to be temporary.
    ProgressingWithRetry = "ProgressingWithRetry",
    /// VPC endpoints are not available yet.
    EndpointsPending = "EndpointsPending",
    /// The Route 53 Resolver inbound endpoint is not operational yet.
    ResolverPending = "ResolverPending",
    /// The plan contains changes, which the operator makes only after approval.
    ChangesPlanned = "ChangesPlanned",
    /// The operator waits for approval of the planned changes.
    AwaitingApproval = "AwaitingApproval",
    /// The object is being deleted, and the operator deletes its AWS resources first.
    Deleting = "Deleting",
    /// A resource outside the network still uses a resource that the operator has to delete.
    DeletionBlocked = "DeletionBlocked",
    /// The object is being deleted, but its AWS resources stay, because `deletionPolicy` is `Retain`.
    Retained = "Retained",
    /// The object is valid, and its class admits it.
    Accepted = "Accepted",
    /// The class that the network names does not exist, or is being deleted and admits no new network.
    ClassNotFound = "ClassNotFound",
    /// The network names no class, and there is not exactly one default class.
    NoDefaultClass = "NoDefaultClass",
    /// The class does not admit networks from this namespace.
    NamespaceNotAllowed = "NamespaceNotAllowed",
    /// The network exceeds a limit of its class.
    LimitExceeded = "LimitExceeded",
    /// Another network holds the lease of the same VPC.
    Conflicted = "Conflicted",
    /// The spec, together with the class's defaults, is incomplete or contradicts itself.
    InvalidSpec = "InvalidSpec",
    /// An endpoint policy is in a ConfigMap, but the operator is installed without the right to read ConfigMaps.
    ConfigMapsNotRead = "ConfigMapsNotRead",
    /// The class itself is not accepted.
    InvalidClass = "InvalidClass",
    /// The operator's credentials belong to another AWS account than the class names.
    AccountMismatch = "AccountMismatch",
    /// AWS denies the operator a call, or does not let it assume the role.
    AccessDenied = "AccessDenied",
    /// The VPC and its subnets were found and meet all requirements.
    Resolved = "Resolved",
    /// The selector matches no VPC.
    VpcNotFound = "VPCNotFound",
    /// The selector matches another VPC than the one that contains the network.
    VpcChanged = "VPCChanged",
    /// The tags match more than one VPC.
    AmbiguousSelector = "AmbiguousSelector",
    /// A subnet does not exist, or the tags match no subnet.
    SubnetNotFound = "SubnetNotFound",
    /// Not all subnets are in the selected VPC.
    SubnetsInDifferentVpcs = "SubnetsInDifferentVPCs",
    /// DNS support or DNS hostnames are disabled in the VPC, but private names require both.
    DnsSupportDisabled = "DNSSupportDisabled",
    /// The endpoint subnets are in fewer than two Availability Zones, but the resolver requires two.
    TooFewZones = "TooFewZones",
    /// Two endpoint subnets are in the same Availability Zone, but an endpoint can use only one subnet per zone.
    SeveralSubnetsInZone = "SeveralSubnetsInZone",
    /// The Region or one of the Availability Zones does not offer a service that MGN requires.
    ServiceNotOffered = "ServiceNotOffered",
    /// A subnet has too few free addresses.
    NotEnoughAddresses = "NotEnoughAddresses",
    /// The resources of the condition exist and are available.
    Available = "Available",
    /// A resource of the condition does not exist.
    NotFound = "NotFound",
    /// A conflicting resource is not owned by this network, or several resources have its owner tags.
    NotOwned = "NotOwned",
    /// A quota of the AWS account is exhausted.
    QuotaExceeded = "QuotaExceeded",
    /// Another endpoint or a hosted zone of the VPC already serves the private names.
    PrivateDnsConflict = "PrivateDNSConflict",
    /// Another AWS account shares the subnets, and AWS lets only their owner create endpoints in them.
    SubnetsShared = "SubnetsShared",
    /// AWS does not support Route 53 Resolver endpoints in the VPC.
    ResolverImpossible = "ResolverImpossible",
    /// Network ACLs, security groups or missing routes block traffic without which nothing is replicated.
    TrafficBlocked = "TrafficBlocked",
    /// AWS failed to create an endpoint, or the endpoint failed later.
    EndpointFailed = "EndpointFailed",
    /// An existing resource that the network uses does not meet the requirements.
    ExistingUnfit = "ExistingUnfit",
    /// A fixed address is not available.
    AddressUnusable = "AddressUnusable",
    /// A change would alter a published address, and the annotation on the object does not allow it.
    AddressChangeRefused = "AddressChangeRefused",
    /// Several resources could be adopted, and the operator cannot tell which one is intended.
    AmbiguousAdoption = "AmbiguousAdoption",
    /// AWS rejects a call as invalid.
    InvalidRequest = "InvalidRequest",
    /// The Route 53 Resolver inbound endpoint is operational.
    Operational = "Operational",
    /// The resource of the condition is disabled in the spec.
    Disabled = "Disabled",
    /// AWS requires manual action on the Route 53 Resolver inbound endpoint.
    ActionNeeded = "ActionNeeded",
    /// The observed state equals the desired state.
    InSync = "InSync",
    /// The resources in AWS were changed outside the operator.
    DriftDetected = "DriftDetected",
    /// AWS Application Migration Service is not initialized in the account and Region.
    MgnNotInitialized = "MGNNotInitialized",
    /// The replication template of MGN fits the network.
    TemplateFits = "TemplateFits",
    /// The replication template of MGN contradicts the network.
    TemplateUnfit = "TemplateUnfit",
    /// The annotation `mgnet.dev/on-premises-done` names the present revision of the hand-off.
    Acknowledged = "Acknowledged",
    /// The on-premises teams have not acknowledged the hand-off: the network has no annotation `mgnet.dev/on-premises-done`.
    NotAcknowledged = "NotAcknowledged",
    /// The hand-off has changed since the revision that the annotation `mgnet.dev/on-premises-done` names.
    RevisionChanged = "RevisionChanged",
    /// AWS throttles the operator's calls.
    Throttled = "Throttled",
    /// AWS returned an error that may be temporary.
    AwsError = "AWSError",
    /// The operator itself failed.
    InternalError = "InternalError",
    /// The operator makes no changes, because `spec.suspend` is true.
    Suspended = "Suspended",
}

impl Reason {
    /// Whether the problem may resolve itself over time. Such a reason never stalls a network: kstatus interprets
    /// `Stalled` as a failure that requires action.
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
            // These reasons report success.
            | Self::Ready
            | Self::Accepted
            | Self::Resolved
            | Self::Available
            | Self::Operational
            | Self::Disabled
            | Self::InSync
            | Self::TemplateFits
            | Self::Acknowledged
            | Self::Retained
            | Self::Suspended
            // The operator repairs drift.
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
            | Self::ConfigMapsNotRead
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
            | Self::ActionNeeded
            | Self::MgnNotInitialized
            | Self::TemplateUnfit
            | Self::NotAcknowledged
            | Self::RevisionChanged => false,
        }
    }

    /// Returns the reason with this word, if there is one.
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

    /// The pattern that Kubernetes' `metav1.Condition` requires of reasons, restricted to CamelCase.
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
