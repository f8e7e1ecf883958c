#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bare repositories over https, for those who send the right header. git-https.py DIRECTORY CERTIFICATE PORTFILE

The Authorization header that is wanted is what DIRECTORY/wanted says. /to/PORT/REST redirects to that port of this machine. A line is
printed for each request: path, status, header.
"""
import http.server
import os
import ssl
import sys

top, certificate, portfile = sys.argv[1:]


class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args):
        super().__init__(*args, directory=top)

    def log_message(self, *args):
        pass

    def do_GET(self):
        given = self.headers.get("Authorization", "")
        with open(os.path.join(top, "wanted")) as f:
            right = given == f.read().strip()
        print(self.path, 200 if right else 401, given, flush=True)
        parts = self.path.split("/", 3)
        if not right:
            return self.send_error(401)
        if parts[1] == "to":
            self.send_response(302)
            self.send_header("Location", f"https://127.0.0.1:{parts[2]}/{parts[3]}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return super().do_GET()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(portfile + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(portfile + ".new", portfile)
server.serve_forever()
