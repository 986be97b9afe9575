"""Creates the VPC of the Tokyo demonstration, which a platform team has before it requests a migration network.

Reads the environment variables of the AWS SDKs (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), and prints
the IDs of the created resources as one JSON object.
"""

import json

import boto3

REGION = "ap-northeast-1"
VPC_CIDR = "10.20.0.0/16"

# Name, use, zone, CIDR range. The endpoint subnets are in two zones, because a Resolver endpoint needs two.
SUBNETS = [
    ("endpoints-1", "endpoints", "ap-northeast-1a", "10.20.1.0/24"),
    ("endpoints-2", "endpoints", "ap-northeast-1c", "10.20.2.0/24"),
    ("staging-1", "staging", "ap-northeast-1a", "10.20.11.0/24"),
    ("launch-1", "launch", "ap-northeast-1a", "10.20.21.0/24"),
]


def tags(kind, **values):
    """Returns the tags for a create call. An underscore in a key becomes a hyphen."""
    pairs = [{"Key": key.replace("_", "-"), "Value": value} for key, value in values.items()]
    return [{"ResourceType": kind, "Tags": pairs}]


def main():
    """Creates the VPC, its subnets, and a route table for each subnet of replication or launched servers."""
    ec2 = boto3.client("ec2", region_name=REGION)
    vpc_tags = tags("vpc", Name="migration-landing")
    vpc = ec2.create_vpc(CidrBlock=VPC_CIDR, TagSpecifications=vpc_tags)["Vpc"]["VpcId"]
    # One attribute per call: AWS rejects two.
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})

    subnets, route_tables = {}, {}
    for name, use, zone, cidr in SUBNETS:
        subnet_tags = tags("subnet", Name=name, mgnet_role=use)
        subnet = ec2.create_subnet(
            VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone, TagSpecifications=subnet_tags
        )["Subnet"]["SubnetId"]
        subnets[name] = subnet
        if use != "endpoints":
            table_tags = tags("route-table", Name=use)
            table = ec2.create_route_table(VpcId=vpc, TagSpecifications=table_tags)["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
            route_tables[use] = table

    print(json.dumps({"region": REGION, "vpc": vpc, "subnets": subnets, "route_tables": route_tables}))


if __name__ == "__main__":
    main()
