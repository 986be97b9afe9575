//! Reads the endpoint services that a Region offers, limited to those that a network can request.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_ec2::types::{ServiceDetail, ServiceType};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    aws::{filter, request::Action, session::Session},
    model::{
        failure::CallFailure,
        ids::{SubnetId, ZoneId},
        observed::{ServiceOffer, Subnet},
        policy::partition,
        slot::{EndpointKey, EndpointType, Service},
    },
};

/// How long an answer is reused: AWS adds services and zones to a Region every few months.
const FRESH: Duration = Duration::from_mins(10);

/// The offers of the services that were read, as of the last read of each. A service that the Region does not offer has an
/// empty list. Each service is read by itself, so that the names in one network do not affect other networks.
#[derive(Debug, Default)]
pub(super) struct ServiceCache(Mutex<BTreeMap<Service, Answer>>);

#[derive(Debug)]
struct Answer {
    asked: Instant,
    offers: Vec<(EndpointKey, Offer)>,
}

impl Answer {
    fn is_fresh(&self) -> bool {
        self.asked.elapsed() < FRESH
    }
}

type Offers = BTreeMap<EndpointKey, Offer>;

/// A service as AWS reports it: with the IDs of its zones, their names, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    name: String,
    zone_ids: BTreeSet<ZoneId>,
    zone_names: BTreeSet<String>,
    private_dns_names: BTreeSet<String>,
    has_gateway: bool,
}

impl Offer {
    /// Returns the offer for a VPC with these subnets. Zone names differ from account to account, so the VPC's
    /// subnets map them to IDs; zones without a subnet do not matter to a network in the VPC.
    pub(super) fn for_vpc(&self, subnets: &BTreeMap<SubnetId, Subnet>) -> ServiceOffer {
        let named = subnets.values().filter(|subnet| self.zone_names.contains(&subnet.zone_name));
        let zones = self.zone_ids.iter().chain(named.map(|subnet| &subnet.zone)).cloned().collect();
        ServiceOffer {
            name: self.name.clone(),
            zones,
            private_dns_names: self.private_dns_names.clone(),
            has_gateway: self.has_gateway,
        }
    }
}

impl ServiceCache {
    /// Returns the offers of the standard services and of `further` ones. They are up to ten minutes old.
    pub(super) async fn read(&self, session: &Session, further: &BTreeSet<Service>) -> Result<Offers, CallFailure> {
        let wanted: BTreeSet<Service> = Service::STANDARD.iter().chain(further).copied().collect();
        // The lock is held during the call, so that concurrent observations wait for the same answer.
        let mut cache = self.0.lock().await;
        cache.retain(|_, answer| answer.is_fresh());
        let missing: Vec<Service> = wanted.iter().filter(|service| !cache.contains_key(*service)).copied().collect();
        for services in missing.chunks(filter::MOST_VALUES / prefixes(&session.region).len()) {
            let asked = Instant::now();
            let mut offers = session.offers(services).await?;
            cache.extend(services.iter().map(|service| {
                let of_service = offers.extract_if(.., |(key, _)| key.service == *service).collect();
                (*service, Answer { asked, offers: of_service })
            }));
        }
        let known = wanted.iter().filter_map(|service| cache.get(service));
        Ok(known.flat_map(|answer| answer.offers.iter().cloned()).collect())
    }
}

impl Session {
    /// Reads the offers of services, whose names are at most [`filter::MOST_VALUES`]. The services are selected by a filter:
    /// AWS rejects a request by names as a whole if the Region lacks one of them, and a request without either returns
    /// hundreds of services.
    async fn offers(&self, services: &[Service]) -> Result<Vec<(EndpointKey, Offer)>, CallFailure> {
        let names: Vec<String> = services.iter().flat_map(|service| service_names(&self.region, *service)).collect();
        let details = self.caller.list(
            Action::ec2("DescribeVpcEndpointServices"),
            |token| {
                let request = self.ec2.describe_vpc_endpoint_services();
                let request = request.filters(filter::filter("service-name", &names)).max_results(1000);
                request.set_next_token(token).send()
            },
            |page| (page.service_details, page.next_token),
        );
        Ok(all_offers(details.await?, &self.region))
    }
}

/// Returns the offers of all services. AWS lists a service with both endpoint types twice, in China under two names.
fn all_offers(details: Vec<ServiceDetail>, region: &str) -> Vec<(EndpointKey, Offer)> {
    let with_gateway: BTreeSet<Service> = details
        .iter()
        .filter(|one| has_gateway(one))
        .filter_map(|one| service(region, one.service_name.as_deref()?))
        .collect();
    let mut all: Vec<_> = details.into_iter().flat_map(|detail| offers(detail, region)).collect();
    for (key, offer) in &mut all {
        offer.has_gateway = with_gateway.contains(&key.service);
    }
    all
}

fn has_gateway(detail: &ServiceDetail) -> bool {
    let types = detail.service_type.iter().flatten().filter_map(|one| one.service_type.as_ref());
    types.into_iter().any(|kind| *kind == ServiceType::Gateway)
}

/// Returns one entry for each endpoint type in which a network can use the service.
fn offers(detail: ServiceDetail, region: &str) -> Vec<(EndpointKey, Offer)> {
    let Some(name) = detail.service_name else { return Vec::new() };
    let offer = Offer {
        name: name.clone(),
        zone_ids: detail.availability_zone_ids.unwrap_or_default().into_iter().map(ZoneId::from).collect(),
        zone_names: detail.availability_zones.unwrap_or_default().into_iter().collect(),
        private_dns_names: detail
            .private_dns_names
            .unwrap_or_default()
            .into_iter()
            .filter_map(|name| name.private_dns_name)
            .chain(detail.private_dns_name)
            .map(|name| name.trim_start_matches("*.").trim_end_matches('.').to_ascii_lowercase())
            .collect(),
        has_gateway: false,
    };
    let types = detail.service_type.unwrap_or_default();
    let types = types.iter().filter_map(|detail| detail.service_type.as_ref());
    types.filter_map(|kind| Some((key(region, &name, kind.as_str())?, offer.clone()))).collect()
}

/// Returns the prefixes of service names in a Region. In China and in the European Sovereign Cloud, each service has one of
/// two, and the S3 interface endpoint in China has another one than the gateway endpoint (aws/aws-cdk,
/// `packages/aws-cdk-lib/aws-ec2/lib/vpc-endpoint.ts`, as of 2026-11).
fn prefixes(region: &str) -> &'static [&'static str] {
    match partition(region) {
        "aws-cn" => &["com.amazonaws", "cn.com.amazonaws"],
        "aws-eusc" => &["com.amazonaws", "eu.amazonaws"],
        _ => &["com.amazonaws"],
    }
}

/// Returns the names that a service can have in a Region.
fn service_names(region: &str, service: Service) -> impl Iterator<Item = String> {
    prefixes(region).iter().map(move |prefix| format!("{prefix}.{region}.{service}"))
}

/// Returns the service with this name in a Region, if networks can use it.
fn service(region: &str, name: &str) -> Option<Service> {
    let rest = prefixes(region).iter().find_map(|prefix| name.strip_prefix(prefix)?.strip_prefix('.'))?;
    Service::named(rest.strip_prefix(region)?.strip_prefix('.')?)
}

/// Returns the key of the network endpoint that an endpoint of this service and type can be, if any.
pub(super) fn key(region: &str, name: &str, endpoint_type: &str) -> Option<EndpointKey> {
    let service = service(region, name)?;
    let endpoint_type = [EndpointType::Interface, EndpointType::Gateway]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(endpoint_type))?;
    EndpointKey::of(service, endpoint_type)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::ServiceTypeDetail;

    use super::*;

    fn detail(name: &str, kind: ServiceType) -> aws_sdk_ec2::types::builders::ServiceDetailBuilder {
        ServiceDetail::builder()
            .service_name(name)
            .service_type(ServiceTypeDetail::builder().service_type(kind).build())
    }

    #[test]
    fn s3_is_two_offers_and_mgn_is_one() {
        let region = "ap-northeast-1";
        let details = [
            detail("com.amazonaws.ap-northeast-1.s3", ServiceType::Interface).build(),
            detail("com.amazonaws.ap-northeast-1.s3", ServiceType::Gateway).build(),
            detail("com.amazonaws.ap-northeast-1.mgn", ServiceType::Interface).build(),
            detail("com.amazonaws.ap-northeast-1.dynamodb", ServiceType::Gateway).build(),
            detail("com.amazonaws.eu-west-1.ec2", ServiceType::Interface).build(),
        ];
        let keys: Vec<EndpointKey> = all_offers(details.to_vec(), region).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [EndpointKey::S3_INTERFACE, EndpointKey::S3_GATEWAY, EndpointKey::interface(Service::Mgn)]);
        let with_gateway: Vec<bool> =
            all_offers(details.to_vec(), region).into_iter().map(|(_, offer)| offer.has_gateway).collect();
        assert_eq!(with_gateway, [true, true, false]);
    }

    #[test]
    fn services_in_china_have_one_of_two_prefixes() {
        let region = "cn-north-1";
        let details = [
            detail("cn.com.amazonaws.cn-north-1.s3", ServiceType::Interface).build(),
            detail("com.amazonaws.cn-north-1.s3", ServiceType::Gateway).build(),
            detail("cn.com.amazonaws.cn-north-1.ec2", ServiceType::Interface).build(),
            detail("com.amazonaws.cn-north-1.ssm", ServiceType::Interface).build(),
        ];
        let offers: Vec<(EndpointKey, String, bool)> = all_offers(details.to_vec(), region)
            .into_iter()
            .map(|(key, offer)| (key, offer.name, offer.has_gateway))
            .collect();
        let offer = |key: EndpointKey, name: &str, has_gateway| {
            (key, format!("{name}.cn-north-1.{}", key.service), has_gateway)
        };
        assert_eq!(
            offers,
            [
                offer(EndpointKey::S3_INTERFACE, "cn.com.amazonaws", true),
                offer(EndpointKey::S3_GATEWAY, "com.amazonaws", true),
                offer(EndpointKey::interface(Service::Ec2), "cn.com.amazonaws", false),
                offer(EndpointKey::interface(Service::Ssm), "com.amazonaws", false),
            ]
        );
        assert_eq!(
            service_names(region, Service::Ec2).collect::<Vec<_>>(),
            ["com.amazonaws.cn-north-1.ec2", "cn.com.amazonaws.cn-north-1.ec2"]
        );
        assert_eq!(service("eu-west-1", "cn.com.amazonaws.eu-west-1.ec2"), None);
        assert_eq!(service("eusc-de-east-1", "eu.amazonaws.eusc-de-east-1.securityhub"), Service::named("securityhub"));
    }

    #[test]
    fn subnets_map_zone_names_to_ids() {
        let subnet = |zone: &str, zone_name: &str| Subnet {
            zone: zone.into(),
            zone_name: zone_name.to_owned(),
            cidr: "10.0.0.0/24".parse().expect("a range"),
            available_addresses: 1,
            shared_by: None,
            tags: BTreeMap::new(),
        };
        let subnets = BTreeMap::from([
            ("subnet-1".into(), subnet("apne1-az4", "ap-northeast-1a")),
            ("subnet-2".into(), subnet("apne1-az1", "ap-northeast-1c")),
        ]);
        let detail = detail("com.amazonaws.ap-northeast-1.mgn", ServiceType::Interface)
            .availability_zones("ap-northeast-1a")
            .availability_zones("ap-northeast-1d")
            .build();
        let [(_, offer)] = offers(detail, "ap-northeast-1").try_into().expect("one offer");
        assert_eq!(offer.for_vpc(&subnets).zones, BTreeSet::from(["apne1-az4".into()]));
    }
}
