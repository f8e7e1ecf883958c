#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""breaking-registry.py PORT LOG: takes uploads as the distribution-spec has them, and breaks them as the repository's name says:
'resume' cuts the first PUT and the first PATCH of each blob in the middle and keeps what came; 'forget' cuts too, and knows nothing of it afterwards;
'busy' answers the first PUT with 503 and Retry-After; 'late' takes all of the first PUT and cuts before it answers; 'expires' wants another token for the PUT;
'always' cuts every one.
Each request is a line of LOG: METHOD PATH-WITHOUT-QUERY, Content-Range, body bytes that were read."""
import hashlib
import http.server
import json
import re
import sys
import threading
import urllib.parse

PORT, LOG = int(sys.argv[1]), sys.argv[2]
BLOBS, UPLOADS, MANIFESTS, TRIED = {}, {}, {}, set()
LOCK = threading.Lock()
TOKENS = [0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, n=0):
        with LOCK, open(LOG, "a", encoding="ascii") as f:
            print(self.command, self.path.split("?")[0], self.headers.get("Content-Range", "-"), n, file=f)

    def answer(self, status, data=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def first(self, what):
        with LOCK:
            new = what not in TRIED
            TRIED.add(what)
        return new

    def upload(self, repo, uid):
        digest = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query).get("digest", [""])[0]
        length = int(self.headers.get("Content-Length", 0))
        got = UPLOADS.get(uid)
        if got is None:
            return self.answer(404)
        at = re.fullmatch(r"(\d+)-(\d+)", self.headers.get("Content-Range", ""))
        if at and int(at.group(1)) != len(got):
            self.note()
            return self.answer(416, Location=f"/v2/{repo}/blobs/uploads/{uid}")
        new = self.first((repo, digest or uid, self.command)) or repo == "always"
        breaks = new and length > 1000 and repo in ("resume", "forget", "always")
        data = self.rfile.read(length // 2 if breaks else length)
        self.note(len(data))
        got += data
        if breaks:
            if repo == "forget":
                del UPLOADS[uid]
            return self.cut()
        if new and length > 1000 and repo == "busy":
            del UPLOADS[uid]
            return self.answer(503, Retry_After="1")
        if self.command == "PATCH":
            return self.answer(202, Location=f"/v2/{repo}/blobs/uploads/{uid}?state={len(got)}", Range=f"0-{len(got) - 1}")
        if digest != "sha256:" + hashlib.sha256(got).hexdigest():
            return self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        BLOBS[repo, digest] = bytes(got)
        del UPLOADS[uid]
        if new and length > 1000 and repo == "late":
            return self.cut()
        return self.answer(201, Location=f"/v2/{repo}/blobs/{digest}")

    def serve(self):
        path = self.path.split("?")[0]
        if path == "/token":
            TOKENS[0] += 1
            return self.answer(200, json.dumps({"token": f"T{TOKENS[0]}"}).encode())
        if path == "/v2/":
            return self.answer(200, b"{}")
        m = re.fullmatch(r"/v2/([^/]+)/(blobs/uploads|blobs|manifests)/(.*)", path)
        if not m:
            return self.answer(404)
        repo, kind, name = m.groups()
        if repo == "expires":
            had = self.headers.get("Authorization", "")
            least = 2 if TOKENS[0] >= 2 or self.command == "PUT" else 1
            if not had.startswith("Bearer T") or int(had[8:]) < least:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.note()
                return self.answer(401, WWW_Authenticate=f'Bearer realm="http://127.0.0.1:{PORT}/token",service="s",scope="repository:expires:pull,push"')
        if kind == "blobs/uploads":
            if self.command == "POST":
                uid = f"u{len(TRIED)}-{threading.get_ident()}-{len(UPLOADS)}"
                UPLOADS[uid] = bytearray()
                self.first(uid)
                self.note()
                return self.answer(202, Location=f"/v2/{repo}/blobs/uploads/{uid}")
            if self.command == "GET":
                self.note()
                got = UPLOADS.get(name)
                if got is None:
                    return self.answer(404)
                return self.answer(204, Location=f"/v2/{repo}/blobs/uploads/{name}", Range=f"0-{max(len(got) - 1, 0)}")
            return self.upload(repo, name)
        if kind == "manifests" and self.command == "PUT":
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self.note(len(data))
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            MANIFESTS[repo, name] = MANIFESTS[repo, digest] = data
            return self.answer(201, Docker_Content_Digest=digest)
        self.note()
        data = (MANIFESTS if kind == "manifests" else BLOBS).get((repo, name))
        if data is None:
            return self.answer(404)
        kind = {"Content_Type": "application/vnd.oci.image.manifest.v1+json"} if kind == "manifests" else {}
        return self.answer(200, data, Docker_Content_Digest="sha256:" + hashlib.sha256(data).hexdigest(), **kind)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = serve


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
