#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""faulty-registry.py LAYOUT PORT: serves the one image of an OCI layout under several repositories, each with the fault that its name says.
What a real registry cannot be made to do."""
import hashlib
import http.server
import json
import os
import re
import sys

LAYOUT, PORT = sys.argv[1], int(sys.argv[2])
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs/sha256", digest.split(":")[1]), "rb") as f:
        return f.read()


with open(os.path.join(LAYOUT, "index.json"), "rb") as f:
    GOOD = blob(json.load(f)["manifests"][0]["digest"])
LAYERS = [layer["digest"] for layer in json.loads(GOOD)["layers"]]


def manifest(repo):
    doc = json.loads(GOOD)
    if repo == "not-json":
        return b"<html>It works!</html>"
    if repo == "half-json":
        return GOOD[: len(GOOD) // 2]
    if repo == "huge-manifest":
        return GOOD[:-1] + b', "annotations": {"pad": "' + b"x" * (5 << 20) + b'"}}'
    if repo == "deep-json":
        return b'{"a":' * 100000
    if repo == "two-kinds":
        doc["manifests"] = []
    if repo == "wrong-size":
        doc["layers"][0]["size"] += 1
    if repo == "bad-digest-name":
        doc["layers"][0]["digest"] = "sha256:../../../../etc/passwd"
    if repo == "wrong-diff-id":
        config = json.loads(blob(doc["config"]["digest"]))
        config["rootfs"]["diff_ids"][0] = "sha256:" + "0" * 64
        data = json.dumps(config).encode()
        doc["config"].update(digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))
        OTHER[doc["config"]["digest"]] = data
    return json.dumps(doc).encode() if doc != json.loads(GOOD) else GOOD


OTHER = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, kind, data, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self):
        if self.path == "/v2/":
            return self.answer(200, "application/json", b"{}")
        m = re.fullmatch(r"/v2/([^/]+)/(manifests|blobs)/(.+)", self.path)
        if not m:
            return self.answer(404, "application/json", b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
        repo, kind, name = m.groups()
        if repo == "slow-error":
            return self.answer(500, "text/plain", b"the storage is on fire")
        if kind == "manifests":
            data = manifest(repo)
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            if repo == "lies-about-digest":
                digest = "sha256:" + "1" * 64
            return self.answer(200, MANIFEST, data, Docker_Content_Digest=digest)
        try:
            data = OTHER.get(name) or blob(name)
        except (OSError, IndexError):
            return self.answer(404, "application/json", b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
        length = len(data)
        if name in LAYERS:
            if repo == "corrupt":
                data = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
            elif repo == "corrupt-early":
                data = data[:99] + bytes([data[99] ^ 1]) + data[100:]
            elif repo == "short":  # the connection ends before the promised length
                data = data[: length // 2]
                self.close_connection = True
            elif repo == "short-length":  # a shorter blob, honestly announced
                data = data[: length // 2]
                length = len(data)
            elif repo == "endless":
                data, length = data + b"\0" * (1 << 20), length + (1 << 20)
        return self.answer(200, "application/octet-stream", data, length)

    do_HEAD = do_GET


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
