//! MGN as a platform team sets it up: initialized, with a replication template.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use aws_sdk_mgn::types::{
    ReplicationConfigurationDataPlaneRouting, ReplicationConfigurationDefaultLargeStagingDiskType,
    ReplicationConfigurationEbsEncryption,
};

use crate::aws::Aws;
use crate::landing::Landing;

/// Returns the ID of the only replication template in the account and Region.
pub async fn template(aws: &Aws) -> Result<String> {
    let listed = aws.mgn.describe_replication_configuration_templates().send().await?;
    let [template] = listed.items() else { bail!("not one template: {listed:?}") };
    Ok(template.replication_configuration_template_id.clone())
}

impl Landing {
    /// Initializes MGN in the account and Region, and creates the replication template: private addresses, the first staging
    /// subnet, and MGN's own security group. Returns the ID of the template.
    pub async fn initialize_mgn(&self, aws: &Aws) -> Result<String> {
        aws.mgn.initialize_service().send().await.context("cannot initialize MGN")?;
        let template = aws
            .mgn
            .create_replication_configuration_template()
            .staging_area_subnet_id(self.subnet("staging-1")?)
            .associate_default_security_group(true)
            .set_replication_servers_security_groups_ids(Some(Vec::new()))
            .replication_server_instance_type("t3.small")
            .use_dedicated_replication_server(false)
            .default_large_staging_disk_type(ReplicationConfigurationDefaultLargeStagingDiskType::Gp3)
            .ebs_encryption(ReplicationConfigurationEbsEncryption::Default)
            .bandwidth_throttling(0)
            .data_plane_routing(ReplicationConfigurationDataPlaneRouting::PrivateIp)
            .create_public_ip(false)
            .set_staging_area_tags(Some(HashMap::new()));
        let template = template.send().await.context("cannot create the replication template")?;
        Ok(template.replication_configuration_template_id)
    }
}
