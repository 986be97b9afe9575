//! Amazon EC2: one module for each kind of resource.

pub mod availability_zone;
pub mod cidr_reservation;
pub mod dhcp_options;
pub mod endpoint_service;
pub mod managed_prefix_list;
pub mod network_acl;
pub mod network_interface;
pub mod prefix_list;
pub mod route;
pub mod route_table;
pub mod security_group;
pub mod subnet;
pub mod tag;
pub mod vpc;
pub mod vpc_endpoint;
pub mod vpn_gateway;
