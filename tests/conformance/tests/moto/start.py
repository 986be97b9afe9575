"""Starts moto on a free port of the loopback interface, prints the port, and exits when standard input is closed."""

import contextlib
import sys

from moto.ec2.models.vpcs import VPCBackend
from moto.server import ThreadedMotoServer

# moto 5.2.5 reads the values of the filter `service-name` of DescribeVpcEndpointServices from a key that its own parser
# does not write, and answers 500. The function below corrects the key, because the operator uses this filter.
filter_services = VPCBackend._filter_endpoint_services


def filter_services_by_values(names, filters, services):
    readable = [{**one, "Value": one.get("Value", one.get("Values", []))} for one in filters]
    return filter_services(names, readable, services)


VPCBackend._filter_endpoint_services = staticmethod(filter_services_by_values)

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
# moto prints its own message to standard output when it starts.
with contextlib.redirect_stdout(sys.stderr):
    server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
