"""Opens https://HOST/ for each host of the arguments as Python does, and prints the host and whether the proxy was used.

The proxy is in the environment, and writes the requests that it receives to the file $SITE/proxy.log.
"""

import os
import pathlib
import sys
import urllib.error
import urllib.request

log = pathlib.Path(os.environ["SITE"]) / "proxy.log"
for host in sys.argv[1:]:
    requests = log.read_text().count(f"CONNECT {host}:443")
    try:
        urllib.request.urlopen(f"https://{host}/", timeout=10)
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
    asked = log.read_text().count(f"CONNECT {host}:443") > requests
    assert asked != bool(urllib.request.proxy_bypass(host)), host
    print(host, "proxy" if asked else "direct")
