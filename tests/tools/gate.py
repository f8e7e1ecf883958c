#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gate.py REGISTRY CERTIFICATE KEY PORT-FILE: HTTPS with a password in front of the registry at REGISTRY (HOST:PORT).

Any user has the password 'secret'. The first request of each user whose name begins with 'busy' is answered with 503; those of 'stall' get no
answer at all. Reading from any/N is reading from library/busybox, under as many names as one wants. What is deleted stays there."""
import base64
import http.client
import http.server
import os
import re
import ssl
import sys
import threading

REGISTRY, CERTIFICATE, KEY, PORT_FILE = sys.argv[1:]
LOCK = threading.Lock()
SEEN = set()
PASSED_ON = ("Content-Type", "Content-Length", "Content-Range", "Accept", "Range", "Host")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def answer(self, status, data=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def user(self):
        """Who asks; None: somebody without the password."""
        kind, _, word = self.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return None
        user, _, password = base64.b64decode(word).decode().partition(":")
        return user if password == "secret" else None

    def pass_on(self, body):
        headers = {name: self.headers[name] for name in PASSED_ON if self.headers[name]}
        path = re.sub(r"^/v2/any/\d+/", "/v2/library/busybox/", self.path)
        registry = http.client.HTTPConnection(REGISTRY)
        registry.request(self.command, path, body, {**headers, "X-Forwarded-Proto": "https"})
        reply = registry.getresponse()
        drop = () if self.command == "HEAD" else ("content-length",)
        kept = [(k, v) for k, v in reply.getheaders() if k.lower() not in ("transfer-encoding", "date", "connection", *drop)]
        self.answer(reply.status, reply.read(), kept)
        registry.close()

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        user = self.user()
        if user is None:
            return self.answer(401, b"", [("WWW-Authenticate", 'Basic realm="gate"')])
        if user.startswith("stall"):
            threading.Event().wait()
        with LOCK:
            first = user not in SEEN
            SEEN.add(user)
        if user.startswith("busy") and first:
            return self.answer(503)
        if self.command == "DELETE":
            return self.answer(202)
        return self.pass_on(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(PORT_FILE + ".new", "w", encoding="ascii") as f:
    f.write(str(server.server_address[1]))
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
