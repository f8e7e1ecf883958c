#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""picky-registry.py LAYOUT PORT LOG: a registry at 127.0.0.1:PORT that wants bearer tokens from its own token service, breaks every transfer of a layer once in
the middle, and sends layers from another origin (PORT+1) that must see no Authorization. Repositories with a realm elsewhere: 'foreign' (another owner), 'plain'. Nobody
gets a token for 'private' without a password.
The digest that it gives with a manifest is of nothing.
Each request is a line of LOG: METHOD PORT PATH, and what it carried."""
import base64
import http.server
import json
import os
import re
import sys
import threading
import urllib.parse

LAYOUT, PORT, LOG = sys.argv[1], int(sys.argv[2]), sys.argv[3]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BROKEN = set()
LOCK = threading.Lock()


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs/sha256", digest.split(":")[1]), "rb") as f:
        return f.read()


with open(os.path.join(LAYOUT, "index.json"), "rb") as f:
    TOP = blob(json.load(f)["manifests"][0]["digest"])
LAYERS = [layer["digest"] for layer in json.loads(TOP)["layers"]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self):
        auth = self.headers.get("Authorization", "-").split(" ")[0]
        with LOCK, open(LOG, "a", encoding="ascii") as f:
            print(self.command, self.server.server_port, self.path, auth, self.headers.get("Range", "-"), file=f)

    def answer(self, status, kind, data, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def token(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        auth = self.headers.get("Authorization", "")
        if "private" in self.path if not auth else base64.b64decode(auth.split(" ")[1]) != b"anna:secret":
            return self.answer(401, "application/json", b"{}")
        return self.answer(200, "application/json", json.dumps({"token": "T:" + " ".join(query.get("scope", []))}).encode())

    def layer(self, digest):
        data = blob(digest)
        first = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-")).group(1))
        part = data[first:]
        with LOCK:
            cut = digest not in BROKEN
            BROKEN.add(digest)
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(part)))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(part[: len(part) // 2] if cut else part)
        self.close_connection = cut

    def do_GET(self):
        self.note()
        if self.path.startswith("/token"):
            return self.token()
        if self.server.server_port != PORT:
            return self.layer(self.path[1:])
        if self.path == "/v2/" and self.headers.get("Authorization", "").startswith("Bearer T:"):
            return self.answer(200, "application/json", b"{}")
        if self.path == "/v2/":
            return self.answer(401, "application/json", b"{}", WWW_Authenticate=f'Bearer realm="http://127.0.0.1:{PORT}/token",service="picky"')
        m = re.fullmatch(r"/v2/([^/]+)/(manifests|blobs)/(.+)", self.path)
        if not m:
            return self.answer(404, "application/json", b"{}")
        repo, kind, name = m.groups()
        if self.headers.get("Authorization") != f"Bearer T:repository:{repo}:pull":
            realm = {"foreign": "https://auth.example.invalid/token", "plain": f"http://localhost:{PORT}/token"}.get(repo, f"http://127.0.0.1:{PORT}/token")
            return self.answer(401, "application/json", b"{}", WWW_Authenticate=f'Bearer realm="{realm}",service="picky",scope="repository:other:*"')
        if kind == "manifests":
            return self.answer(200, MANIFEST, TOP, Docker_Content_Digest="sha256:" + 64 * "0")
        if name in LAYERS:
            return self.answer(307, "text/plain", b"", Location=f"http://127.0.0.1:{PORT + 1}/{name}")
        return self.answer(200, "application/octet-stream", blob(name))

    do_HEAD = do_GET


threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", PORT + 1), Handler).serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
