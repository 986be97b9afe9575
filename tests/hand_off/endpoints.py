"""Serves files over HTTPS at several addresses, as the endpoints of a network do.

    endpoints.py CERTIFICATE KEY FOLDER ADDRESS...

A request for https://HOST/PATH returns the file FOLDER/HOST/PATH, or an empty answer with status 404.
"""

import http.server
import pathlib
import ssl
import sys
import threading

certificate, key, folder, *addresses = sys.argv[1:]


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        file = pathlib.Path(folder) / (self.headers["Host"] or "-") / self.path.lstrip("/")
        body = file.read_bytes() if file.is_file() else b""
        self.send_response(200 if file.is_file() else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
for address in addresses:
    server = http.server.ThreadingHTTPServer((address, 443), Endpoint)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever).start()
