//! A place for one test: an AWS account, a VPC in it, a namespace, and a class that brings the three together.

use std::pin::Pin;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use mgnet::api::{
    AccountSpec, AllowedFrom, AllowedNamespaces, MigrationNetwork, MigrationNetworkClass, MigrationNetworkClassSpec,
    NetworkDefaults, SubnetSelector, SubnetSelectors, VpcSelector,
};
use serde_json::Value;

use crate::aws::Aws;
use crate::lab::Lab;
use crate::landing::{Landing, SUBNET_TAG, Use, VPC_NAME};
use crate::network::{Network, NetworkBuilder};
use crate::state::State;
use crate::summary::{Expected, Summary};
use crate::tenant::Tenant;
use crate::world::Call;

/// Where the source servers of a test are, unless it says otherwise.
pub const SOURCES: &str = "192.168.10.0/24";

/// The role that classes of tests name.
const ROLE: &str = "mgnet";

/// What the trust policy of that role asks for.
const EXTERNAL_ID: &str = "lab";

/// The first account of a site; each site has one of its own.
const FIRST_ACCOUNT: u64 = 200_000_000_000;

/// A site that is being described; `.await` makes it.
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `.await`"]
pub struct SiteBuilder {
    lab: Lab,
    name: String,
    account: String,
    region: String,
}

impl SiteBuilder {
    pub(crate) fn new(lab: Lab, name: &str, number: u64) -> Self {
        let account = (FIRST_ACCOUNT + number).to_string();
        Self { lab, name: format!("{name}-{number}"), account, region: "ap-northeast-1".to_owned() }
    }

    /// In that Region, in place of Tokyo.
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    async fn make(self) -> Result<Site> {
        let Self { lab, name, account, region } = self;
        lab.world().declare_role(&account, ROLE, EXTERNAL_ID).await.context("cannot declare a role")?;
        let aws = lab.aws(&account, &region);
        let landing = Landing::make(&aws).await.context("cannot make the VPC")?;
        let kube = lab.kube().await?;
        let site = Site { lab, account, region, namespace: name.clone(), class_name: name, landing, aws, kube };
        site.make_namespace(&site.namespace).await?;
        site.make_class(site.class()).await?;
        Ok(site)
    }
}

impl IntoFuture for SiteBuilder {
    type Output = Result<Site>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Site>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

/// A place for one test. Nothing in it is shared with another, so nothing has to be cleaned up.
pub struct Site {
    /// The lab that it is in.
    pub lab: Lab,
    /// The AWS account: 12 digits.
    pub account: String,
    /// The AWS Region.
    pub region: String,
    /// The namespace for networks.
    pub namespace: String,
    /// The class that says all of this.
    pub class_name: String,
    /// The VPC.
    pub landing: Landing,
    /// AWS as somebody with keys of the account sees it.
    pub aws: Aws,
    /// Kubernetes as an administrator sees it.
    pub kube: Client,
}

impl Site {
    /// Describes a network of this site.
    pub fn network(&self, name: &str) -> NetworkBuilder<'_> {
        NetworkBuilder::new(self, name)
    }

    /// A network that is there already, under that name.
    pub fn existing_network(&self, name: &str) -> Network<'_> {
        Network::new(self, name)
    }

    /// The site's class, as it is made: it admits every namespace, and selects VPC and subnets by their tags.
    pub fn class(&self) -> MigrationNetworkClass {
        let by_use = |use_: Use| {
            let tags = [(SUBNET_TAG.to_owned(), use_.as_str().to_owned())].into();
            Some(SubnetSelector { tags: Some(tags), ids: None })
        };
        let spec = MigrationNetworkClassSpec {
            account: AccountSpec {
                id: self.account.clone(),
                role_arn: Some(format!("arn:aws:iam::{}:role/{ROLE}", self.account)),
                external_id: Some(EXTERNAL_ID.to_owned()),
            },
            region: self.region.clone(),
            allowed_namespaces: Some(AllowedNamespaces { from: AllowedFrom::All, selector: None }),
            defaults: Some(NetworkDefaults {
                vpc: Some(VpcSelector { tags: Some([("Name".to_owned(), VPC_NAME.to_owned())].into()), id: None }),
                subnets: Some(SubnetSelectors {
                    endpoints: by_use(Use::Endpoints),
                    staging: by_use(Use::Staging),
                    launch: by_use(Use::Launch),
                }),
                ..NetworkDefaults::default()
            }),
            ..MigrationNetworkClassSpec::default()
        };
        MigrationNetworkClass::new(&self.class_name, spec)
    }

    /// The classes of the cluster.
    pub fn classes(&self) -> Api<MigrationNetworkClass> {
        Api::all(self.kube.clone())
    }

    /// Creates a class, such as a changed [`class`](Self::class).
    pub async fn make_class(&self, class: MigrationNetworkClass) -> Result<MigrationNetworkClass> {
        let name = class.name_any();
        self.classes()
            .create(&PostParams::default(), &class)
            .await
            .with_context(|| format!("cannot make class '{name}'"))
    }

    /// Edits the spec of the site's class by a merge patch.
    pub async fn edit_class(&self, spec: Value) -> Result<MigrationNetworkClass> {
        let patch = Patch::Merge(serde_json::json!({ "spec": spec }));
        Ok(self.classes().patch(&self.class_name, &PatchParams::default(), &patch).await?)
    }

    /// Asks for the deletion of the site's class, which stays while networks use it.
    pub async fn delete_class(&self) -> Result<()> {
        self.classes().delete(&self.class_name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Deletes the site's class though networks use it, as an administrator does who takes its finalizer away.
    pub async fn delete_class_by_force(&self) -> Result<()> {
        self.delete_class().await?;
        let patch = Patch::Merge(serde_json::json!({ "metadata": { "finalizers": null } }));
        match self.classes().patch(&self.class_name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(()),
            // It had none.
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a namespace.
    pub async fn make_namespace(&self, name: &str) -> Result<()> {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        Api::<Namespace>::all(self.kube.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .with_context(|| format!("cannot make namespace '{name}'"))?;
        Ok(())
    }

    /// Makes a namespace, and somebody with a tenant's rights in it and nowhere else.
    pub async fn tenant(&self, namespace: &str) -> Result<Tenant> {
        Tenant::make(self, namespace).await
    }

    /// Writes a ConfigMap of one key into the namespace, over what was there.
    pub async fn write_config_map(&self, name: &str, key: &str, text: &str) -> Result<()> {
        let mut config_map = ConfigMap::default();
        config_map.metadata.name = Some(name.to_owned());
        config_map.data = Some([(key.to_owned(), text.to_owned())].into());
        self.config_maps().patch(name, &PatchParams::apply("lab").force(), &Patch::Apply(&config_map)).await?;
        Ok(())
    }

    /// The ConfigMaps of the namespace.
    pub fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.kube.clone(), &self.namespace)
    }

    /// Every call in the account so far, oldest first: the operator's, and before them those that made the VPC.
    pub async fn calls(&self) -> Result<Vec<Call>> {
        self.lab.world().calls(&self.account, 0).await
    }

    /// The number of the last call in the account, to be given to [`calls_after`](Self::calls_after).
    pub async fn last_call(&self) -> Result<u64> {
        Ok(self.calls().await?.last().map_or(0, |call| call.number))
    }

    /// The calls after that one.
    pub async fn calls_after(&self, number: u64) -> Result<Vec<Call>> {
        self.lab.world().calls(&self.account, number).await
    }

    /// The calls after that one which change something, or try to.
    pub async fn writes_after(&self, number: u64) -> Result<Vec<Call>> {
        Ok(self.calls_after(number).await?.into_iter().filter(Call::is_write).collect())
    }

    /// Everything that is in the account and Region now.
    pub async fn state(&self) -> Result<State> {
        self.lab.world().state(&self.account, &self.region).await
    }

    /// What is in the account and Region now beside the VPC, without ids: see [`Summary`].
    pub async fn summary(&self) -> Result<Summary> {
        Ok(Summary::of(&self.state().await?))
    }

    /// What should be there for the network that [`network`](Self::network) describes, to be changed as that is.
    pub fn expected(&self) -> Expected {
        Expected::default()
    }

    /// Does not hold what somebody else has written into the status of a network against the rules of kstatus.
    pub fn disregard_status_of(&self, network: &MigrationNetwork) {
        self.lab.statuses().disregard(network);
    }

    /// Fails if any status of a network in the namespace that was seen so far breaks a rule of kstatus.
    pub fn check_statuses(&self) -> Result<()> {
        self.lab.statuses().check(Some(&self.namespace))
    }
}
