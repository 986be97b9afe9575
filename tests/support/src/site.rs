//! A site for one test: an AWS account, a VPC in it, a namespace, and a class that refers to the account and the VPC.

use std::pin::Pin;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use mgnet::api::{
    AccountSpec, AllowedFrom, AllowedNamespaces, MigrationNetwork, MigrationNetworkClass, MigrationNetworkClassSpec,
    NetworkDefaults, SubnetSelector, SubnetSelectors, VpcSelector,
};
use mgnet::model::access;
use serde_json::Value;

use crate::aws::Aws;
use crate::emulator_control::Call;
use crate::lab::Lab;
use crate::landing::{Landing, SUBNET_TAG, Use, VPC_NAME};
use crate::network::{Network, NetworkBuilder};
use crate::state::State;
use crate::summary::{Expected, Summary};
use crate::tenant::Tenant;

/// The default range of the source servers of a test.
pub const SOURCES: &str = "192.168.10.0/24";

/// The role in the classes of tests.
const ROLE: &str = "mgnet";

/// The external ID that the trust policy of that role requires.
const EXTERNAL_ID: &str = "lab";

/// The account of the first site. Each site has its own account.
const FIRST_ACCOUNT: u64 = 200_000_000_000;

/// Builds a site; `.await` creates it.
#[derive(Clone, Debug)]
#[must_use = "nothing is created before `.await`"]
pub struct SiteBuilder {
    lab: Lab,
    name: String,
    account: String,
    region: String,
    initializes_mgn: bool,
}

impl SiteBuilder {
    pub(crate) fn new(lab: Lab, name: &str, number: u64) -> Self {
        let account = (FIRST_ACCOUNT + number).to_string();
        Self {
            lab,
            name: format!("{name}-{number}"),
            account,
            region: "ap-northeast-1".to_owned(),
            initializes_mgn: true,
        }
    }

    /// Leaves MGN uninitialized in the account and Region.
    pub fn without_mgn(mut self) -> Self {
        self.initializes_mgn = false;
        self
    }

    /// Sets the Region. The default is Tokyo.
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    async fn make(self) -> Result<Site> {
        let Self { lab, name, account, region, initializes_mgn } = self;
        lab.control().declare_role(&account, ROLE, EXTERNAL_ID).await.context("cannot declare a role")?;
        let aws = lab.aws(&account, &region);
        let landing = Landing::make(&aws).await.context("cannot create the VPC")?;
        if initializes_mgn {
            landing.initialize_mgn(&aws).await?;
        }
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

/// A site for one test. It shares nothing with other sites, so it needs no cleanup.
pub struct Site {
    /// The lab of the site.
    pub lab: Lab,
    /// The AWS account: 12 digits.
    pub account: String,
    /// The AWS Region.
    pub region: String,
    /// The namespace for networks.
    pub namespace: String,
    /// The class for the account, the Region and the VPC.
    pub class_name: String,
    /// The VPC.
    pub landing: Landing,
    /// Clients of AWS with keys of the account.
    pub aws: Aws,
    /// A Kubernetes client with the rights of an administrator.
    pub kube: Client,
}

impl Site {
    /// Returns this site as another cluster sees it: the same account and VPC, with a namespace and a class of the same names.
    pub async fn in_cluster(&self, lab: &Lab) -> Result<Self> {
        let site = Self {
            lab: lab.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            namespace: self.namespace.clone(),
            class_name: self.class_name.clone(),
            landing: self.landing.clone(),
            aws: self.aws.clone(),
            kube: lab.kube().await?,
        };
        site.make_namespace(&site.namespace).await?;
        site.make_class(site.class()).await?;
        Ok(site)
    }

    /// Returns the UID of the site's cluster: that of its namespace `kube-system`.
    pub async fn cluster_uid(&self) -> Result<String> {
        let namespace = Api::<Namespace>::all(self.kube.clone()).get("kube-system").await?;
        namespace.uid().context("the namespace has no UID")
    }

    /// Describes a network of this site.
    pub fn network(&self, name: &str) -> NetworkBuilder<'_> {
        NetworkBuilder::new(self, name)
    }

    /// Returns an existing network by its name.
    pub fn existing_network(&self, name: &str) -> Network<'_> {
        Network::new(self, name)
    }

    /// Returns the site's class as it is created: it allows every namespace, and selects VPC and subnets by tags.
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

    /// Returns the API of the classes.
    pub fn classes(&self) -> Api<MigrationNetworkClass> {
        Api::all(self.kube.clone())
    }

    /// Creates a class, such as a changed [`class`](Self::class).
    pub async fn make_class(&self, class: MigrationNetworkClass) -> Result<MigrationNetworkClass> {
        let name = class.name_any();
        self.classes()
            .create(&PostParams::default(), &class)
            .await
            .with_context(|| format!("cannot create class '{name}'"))
    }

    /// Edits the spec of the site's class by a merge patch.
    pub async fn edit_class(&self, spec: Value) -> Result<MigrationNetworkClass> {
        let patch = Patch::Merge(serde_json::json!({ "spec": spec }));
        Ok(self.classes().patch(&self.class_name, &PatchParams::default(), &patch).await?)
    }

    /// Returns the UID of the cluster.
    pub async fn cluster(&self) -> Result<String> {
        Api::<Namespace>::all(self.kube.clone()).get("kube-system").await?.uid().context("kube-system has no UID")
    }

    /// Replaces the site's class by one that sets no external ID, and its role by one that requires the derived ID.
    pub async fn derive_external_id(&self) -> Result<()> {
        let derived = access::external_id(&self.cluster().await?, &self.class_name);
        self.lab.control().declare_role(&self.account, ROLE, &derived).await?;
        self.delete_class_by_force().await?;
        let mut class = self.class();
        class.spec.account.external_id = None;
        self.make_class(class).await?;
        Ok(())
    }

    /// Requests the deletion of the site's class. The class remains while networks use it.
    pub async fn delete_class(&self) -> Result<()> {
        self.classes().delete(&self.class_name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Deletes the site's class although networks use it, like an administrator who removes its finalizer.
    pub async fn delete_class_by_force(&self) -> Result<()> {
        self.delete_class().await?;
        let patch = Patch::Merge(serde_json::json!({ "metadata": { "finalizers": null } }));
        match self.classes().patch(&self.class_name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(()),
            // The class had no finalizer.
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates a namespace.
    pub async fn make_namespace(&self, name: &str) -> Result<()> {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        Api::<Namespace>::all(self.kube.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .with_context(|| format!("cannot create namespace '{name}'"))?;
        Ok(())
    }

    /// Creates a namespace, and a user with a tenant's rights in it and no rights elsewhere.
    pub async fn tenant(&self, namespace: &str) -> Result<Tenant> {
        Tenant::make(self, namespace).await
    }

    /// Writes a ConfigMap with one key into the namespace. Replaces an existing value.
    pub async fn write_config_map(&self, name: &str, key: &str, text: &str) -> Result<()> {
        let mut config_map = ConfigMap::default();
        config_map.metadata.name = Some(name.to_owned());
        config_map.data = Some([(key.to_owned(), text.to_owned())].into());
        self.config_maps().patch(name, &PatchParams::apply("lab").force(), &Patch::Apply(&config_map)).await?;
        Ok(())
    }

    /// Returns the API of the ConfigMaps in the namespace.
    pub fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.kube.clone(), &self.namespace)
    }

    /// Returns all calls in the account so far, oldest first. The calls that created the VPC precede the operator's.
    pub async fn calls(&self) -> Result<Vec<Call>> {
        self.lab.control().calls(&self.account, 0).await
    }

    /// Returns the number of the last call in the account, for [`calls_after`](Self::calls_after).
    pub async fn last_call(&self) -> Result<u64> {
        Ok(self.calls().await?.last().map_or(0, |call| call.number))
    }

    /// Returns the calls after the one with that number.
    pub async fn calls_after(&self, number: u64) -> Result<Vec<Call>> {
        self.lab.control().calls(&self.account, number).await
    }

    /// Returns the writes after the call with that number. Failed writes count.
    pub async fn writes_after(&self, number: u64) -> Result<Vec<Call>> {
        Ok(self.calls_after(number).await?.into_iter().filter(Call::is_write).collect())
    }

    /// Returns the state of the account and Region.
    pub async fn state(&self) -> Result<State> {
        self.lab.control().state(&self.account, &self.region).await
    }

    /// Returns the resources in the account and Region in addition to the VPC, without IDs: see [`Summary`].
    pub async fn summary(&self) -> Result<Summary> {
        Ok(Summary::of(&self.state().await?))
    }

    /// Returns the expected resources of the network that [`network`](Self::network) describes. Apply the same changes
    /// to both.
    pub fn expected(&self) -> Expected {
        Expected::default()
    }

    /// Excludes a status that was not written by the operator from the checks against the rules of kstatus.
    pub fn disregard_status_of(&self, network: &MigrationNetwork) {
        self.lab.statuses().disregard(network);
    }

    /// Fails if any status of a network in the namespace that was observed so far breaks a rule of kstatus.
    pub fn check_statuses(&self) -> Result<()> {
        self.lab.statuses().check(Some(&self.namespace))
    }
}
