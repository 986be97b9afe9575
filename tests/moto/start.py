"""Starts moto on a free port of the loopback interface, prints the port, and ends when standard input is closed."""

import contextlib
import sys

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
# moto itself announces on standard output that it starts.
with contextlib.redirect_stdout(sys.stderr):
    server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
