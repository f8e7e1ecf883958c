#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""server.py LAYOUT DIR [CERT KEY CA]: a registry with one image (that of an OCI layout) in every repository, and with the fault that the repository's first
word names. The ports of its two origins are written to DIR/ports, each request to DIR/log: METHOD ORIGIN PATH AUTHORIZATION RANGE, where ORIGIN is 'main',
'other' or, when it was asked as a proxy, the host that was meant. With a CERT it speaks TLS and wants certificates that CA signed.

What each word does is at its place below; 'FAULT/x/y' are repositories of their own, so that counters do not meet."""
import base64
import collections
import email.utils
import gzip
import hashlib
import io
import http.server
import json
import os
import re
import select
import sys
import tarfile
import threading
import time
import urllib.parse

from loopback import PortServer, speak_tls

LAYOUT, DIR = sys.argv[1:3]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
OTHER_BLOBS, UPLOADS, PUSHED = {}, {}, {}
SEEN = collections.Counter()
LOCK = threading.Lock()
USER = "Basic " + base64.b64encode(b"anna:secret").decode()
FLOOD = 1 << 30


def blob(digest):
    if digest in OTHER_BLOBS:
        return OTHER_BLOBS[digest]
    with open(os.path.join(LAYOUT, "blobs/sha256", digest.split(":")[1]), "rb") as f:
        return f.read()


def digest_of(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def keep(data, algorithm="sha256"):
    digest = digest_of(data, algorithm)
    OTHER_BLOBS[digest] = data
    return digest


def descriptor(data, kind=MANIFEST, algorithm="sha256"):
    return {"mediaType": kind, "digest": keep(data, algorithm), "size": len(data)}


with open(os.path.join(LAYOUT, "index.json"), "rb") as f:
    GOOD = blob(json.load(f)["manifests"][0]["digest"])
DOC = json.loads(GOOD)
LAYER = DOC["layers"][0]["digest"]


def nested(depth, width=1):
    data, kind = GOOD, MANIFEST
    for _ in range(depth):
        entries = [dict(descriptor(data, kind), annotations={"n": str(i)}) for i in range(width)]
        data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        kind = INDEX
    return data, kind


def by_sha512(doc):
    """The same image with nothing but sha512 in it, behind an index; found by its own sha512 too, which DIR/sha512 tells."""
    layer = blob(LAYER)
    config = json.loads(blob(doc["config"]["digest"]))
    config["rootfs"]["diff_ids"] = [digest_of(gzip.decompress(layer), "sha512")]
    doc["config"].update(descriptor(json.dumps(config).encode(), doc["config"]["mediaType"], "sha512"))
    doc["layers"][0].update(descriptor(layer, doc["layers"][0]["mediaType"], "sha512"))
    entry = dict(descriptor(json.dumps(doc).encode(), MANIFEST, "sha512"), platform={"os": "linux", "architecture": config["architecture"]})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    with open(f"{DIR}/sha512", "w", encoding="ascii") as out:
        print(keep(index, "sha512"), entry["digest"], file=out)
    return index, INDEX


def of_many_layers(doc):
    config, layers = json.loads(blob(doc["config"]["digest"])), []
    config["rootfs"]["diff_ids"] = []
    for i in range(12):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(f"file{i}"))
        config["rootfs"]["diff_ids"].append(digest_of(out.getvalue()))
        layers.append(descriptor(gzip.compress(out.getvalue(), mtime=0), doc["layers"][0]["mediaType"]))
    doc["layers"] = layers
    doc["config"].update(descriptor(json.dumps(config).encode(), doc["config"]["mediaType"]))


def document(fault):
    """What a tag names there, and the Content-Type."""
    doc = json.loads(GOOD)
    if fault == "schema1":
        return b'{"schemaVersion": 1, "name": "x", "tag": "y", "fsLayers": [], "history": []}', "application/vnd.docker.distribution.manifest.v1+prettyjws"
    if fault == "foreign":
        doc["layers"][0].update(mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=[f"http://localhost:{PORTS[1]}/foreign"])
    elif fault == "urls":
        doc["layers"][0]["urls"] = [f"http://localhost:{PORTS[1]}/foreign"]
    elif fault == "type-lies":
        return GOOD, INDEX
    elif fault == "both-kinds":
        doc["manifests"] = [descriptor(GOOD)]
    elif fault == "twice":
        return GOOD.replace(b'"layers"', b'"layers":[],"layers"', 1), MANIFEST
    elif fault == "two-spellings":
        doc["Layers"] = []
    elif fault == "spelt-size":
        doc["layers"][0]["\u017fize"] = 1
    elif fault.startswith("nested-"):
        return nested(*map(int, fault.split("-")[1:]))
    elif fault == "upper-digest":
        doc["layers"][0]["digest"] = "sha256:" + LAYER.split(":")[1].upper()
    elif fault == "other-algorithm":
        doc["layers"][0]["digest"] = "md5:" + LAYER.split(":")[1][:32]
    elif fault == "negative-size":
        doc["layers"][0]["size"] = -1
    elif fault == "huge-size":
        doc["layers"][0]["size"] = 1 << 63
    elif fault == "two-sizes":
        doc["layers"].append(dict(doc["layers"][0], size=doc["layers"][0]["size"] + 1))
        config = json.loads(blob(doc["config"]["digest"]))
        config["rootfs"]["diff_ids"] *= 2
        doc["config"].update(descriptor(json.dumps(config).encode(), doc["config"]["mediaType"]))
    elif fault == "busy-many":
        of_many_layers(doc)
    elif fault.startswith("manifest-of-"):
        return GOOD + b" " * (int(fault.split("-")[2]) - len(GOOD)), MANIFEST
    elif fault == "self":  # an index of what leads to itself
        return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [dict(descriptor(b"{}", INDEX), digest="sha256:" + "cd" * 32)]}).encode(), INDEX
    elif fault == "many-layers":
        doc["layers"] *= 1001
    elif fault == "config-is-manifest":
        doc["config"] = descriptor(GOOD, doc["config"]["mediaType"])
    elif fault == "titled":
        doc["annotations"] = doc["layers"][0]["annotations"] = {"org.opencontainers.image.title": "../../../title", "org.opencontainers.image.ref.name": "../../ref",
                                                                "com.docker.compose.file": "../../../compose"}
    elif fault == "sha512":
        return by_sha512(doc)
    elif fault == "another":
        doc["annotations"] = {"another": "one"}
    elif fault == "index-of-others":  # an index that promises another document than the digest gives
        entry = descriptor(GOOD)
        entry["digest"] = "sha256:" + "ab" * 32
        OTHER_BLOBS[entry["digest"]] = GOOD
        return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode(), INDEX
    else:
        return GOOD, MANIFEST
    return json.dumps(doc).encode(), MANIFEST


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def flood(self, data):
        """As much of it as somebody takes; how much that was is noted."""
        sent = 0
        try:
            while sent < FLOOD:
                self.wfile.write(data)
                sent += len(data)
        except OSError:
            pass
        with LOCK, open(f"{DIR}/flood", "a", encoding="ascii") as log:
            print(sent, file=log)
        self.close_connection = True

    def wait_for_end(self, name):
        """How long the other side waits for us, in seconds, is noted in DIR/NAME."""
        begun = time.monotonic()
        select.select([self.connection], [], [], 20)
        with open(f"{DIR}/{name}", "w", encoding="ascii") as out:
            print(int(time.monotonic() - begun), file=out)
        self.close_connection = True

    def answer(self, status, data=b"", kind="application/json", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        if "/warns/" in self.path:  # three that are not for users, and one that is
            for text in ('110 - "stale"', '299 cache "of a cache"', '299 - "dated" "Wed, 01 Jan 2025 00:00:00 GMT"', '299 - "Your \\"plan\\" ends\x1b[2J soon"'):
                self.send_header("Warning", text)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def error(self, status, text, **headers):
        self.answer(status, json.dumps({"errors": [{"code": "X", "message": text}]}).encode(), **headers)

    def count(self, *key):
        with LOCK:
            SEEN[key] += 1
            return SEEN[key]

    def origin(self):
        return f"http{'s' if len(sys.argv) > 3 else ''}://127.0.0.1:{PORTS[0]}"

    def challenge(self, fault):
        """The 401 of repositories that want to know who asks; None: all is well."""
        had = self.headers.get("Authorization", "")
        realm = f"{self.origin()}/token"
        if self.host != "main":
            realm = {"realm-here": f"http://127.0.0.1:{PORTS[0]}/token", "realm-metadata": "http://169.254.169.254/token",
                     "realm-theirs": "http://auth.evil.test/token", "realm-ours": "http://auth.corp.test/token"}.get(fault, realm)
        realm = {"realm-file": "file:///etc/passwd", "realm-plain": f"http://127.0.0.1:{PORTS[1]}/token", "realm-user": f"http://x:y@127.0.0.1:{PORTS[0]}/token", "realm-long": "http://127.0.0.1/" + "a" * 20000,
                 "token-flood": realm + "-flood", "upload-picky": realm + "-picky", "token-break": realm + "-break", "token-html": realm + "-html", "token-number": realm + "-number", "token-expiry": realm + "-expiry", "token-past": realm + "-past", "token-loop": realm + "-loop", "token-turn": realm + "-turn"}.get(fault, realm)
        if fault == "basic-turn":  # another password from the third answer on
            password = "secret" if SEEN["turned",] < 2 else "fresh"
            good = had == "Basic " + base64.b64encode(f"anna:{password}".encode()).decode()
            return None if good and self.count("turned") else 'Basic realm="tests"'
        if fault == "token-turn" and "/blobs/" in self.path and had == "Bearer T1":  # it has expired
            had = ""
        # those that send elsewhere want to know who asks: only then there is something to lose
        if fault in ("basic", "redirect-other", "redirect-back", "redirect-once", "redirect-theirs", "upload-other", "upload-network", "upload-theirs", "upload-here"):
            return None if had == USER else 'Basic realm="tests"'
        if fault in ("token", "identity", "upload-picky") or fault.startswith(("realm-", "token-")):
            return None if had.startswith("Bearer T") else f'Bearer realm="{realm}",service="tests",scope="repository:all/of/it:*"'
        if fault == "header-break":
            return None if had else 'Bearer realm="' + "x" * 5000
        return None

    def token(self, path, query, body):
        form = urllib.parse.parse_qs(body.decode())
        if path == "/token-flood":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b'{"token":"')
            return self.flood(b"T" * 65536)
        if path == "/token-break":
            return self.answer(200, json.dumps({"token": "T\r\nX-Injected: 1"}).encode())
        if path == "/token-html":
            return self.answer(200, b"<html>please log in</html>", "text/html")
        if path in ("/token-number", "/token-expiry", "/token-past"):  # of these the last one may be used: it is asked for again when it is refused
            odd = {"/token-number": {"token": 5}, "/token-expiry": {"expires_in": "never"}, "/token-past": {"expires_in": -1 << 62, "issued_at": "1970-01-01T00:00:00Z"}}[path]
            return self.answer(200, json.dumps({"token": "Todd", **odd}).encode())
        if path == "/token-turn":  # another password from the second token on
            n = self.count(path)
            good = "Basic " + base64.b64encode(b"anna:secret" if n == 1 else b"anna:fresh").decode()
            return self.answer(200, json.dumps({"token": f"T{n}"}).encode()) if self.headers.get("Authorization") == good else self.answer(401)
        if path == "/token-picky" and len(urllib.parse.parse_qs(query)["scope"]) > 1:  # all or nothing
            return self.error(403, "not yours")
        if path == "/token-loop":
            return self.answer(302, Location=f"{self.origin()}/token-loop")
        if form:  # RFC 6749 6
            good = form.get("grant_type") == ["refresh_token"] and form.get("refresh_token") == ["refresh-me"]
            return self.answer(200, json.dumps({"access_token": "T" + form["scope"][0]}).encode()) if good else self.answer(401)
        had = self.headers.get("Authorization")
        if had and had != USER:
            return self.answer(401)
        return self.answer(200, json.dumps({"token": "T" + ",".join(urllib.parse.parse_qs(query).get("scope", []))}).encode())

    def serve(self):
        self.host = "main" if self.server.server_port == PORTS[0] else "other"
        target = urllib.parse.urlsplit(self.path)
        if target.netloc:
            self.host = target.netloc
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with LOCK, open(f"{DIR}/log", "a", encoding="utf-8") as log:
            print(self.command, self.host, target.path + ("?" + target.query if target.query else ""), self.headers.get("Authorization", "-").replace(" ", "="),
                  self.headers.get("Range", "-"), file=log)
        if self.command == "CONNECT":
            return self.answer(407 if "refuses" in self.path else 502)
        if target.path.startswith("/token"):
            return self.token(target.path, target.query, body)
        if target.path.startswith("/elsewhere/"):
            return self.elsewhere(*target.path.split("/")[2:])
        if target.path.startswith("/back/"):
            return self.answer(307, Location=f"{self.origin()}/elsewhere/{target.path.split('/')[2]}")
        if target.path.startswith("/upload/"):
            return self.take_upload(target, body)
        if target.path == "/v2/":
            wants = self.challenge("token" if self.host == "main" and os.path.exists(f"{DIR}/login") else "")
            return self.answer(401, WWW_Authenticate=wants) if wants else self.answer(200, b"{}")
        m = re.fullmatch(r"/v2/(.+?)/(blobs/uploads|blobs|manifests|tags|referrers)/(.*)", target.path)
        if not m:
            return self.error(404, "no such place")
        repo, kind, name = m.groups()
        fault = repo.split("/")[0]
        wants = self.challenge(fault)
        if wants:
            return self.answer(401, b"{}", WWW_Authenticate=wants)
        if re.fullmatch(r"status-\d+", fault):
            return self.error(int(fault.split("-")[1]), "as you\x1b[2Jwish")
        if kind == "blobs/uploads":
            return self.begin_upload(repo, fault)
        if kind in ("tags", "referrers"):
            return self.error(404, "no such place") if fault in ("upload-races", "upload-matches", "upload-null") else self.listing(repo, fault, kind, target.query)
        if kind == "manifests" and self.command == "PUT":
            if fault == "upload-matches":
                have = PUSHED.get((repo, name))
                if name.startswith("sha256-") and self.count(repo, "list") <= 2:  # another one was quicker
                    listed = json.loads(have)["manifests"] if have else []
                    listed.append(dict(descriptor(b'{"n":%d}' % SEEN[repo, "list"]), artifactType="application/vnd.another"))
                    PUSHED[repo, name] = have = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
                if self.headers.get("If-Match") not in (None, have and f'"{digest_of(have)}"') or (have and self.headers.get("If-None-Match") == "*"):
                    return self.error(412, "not what you know")
            PUSHED[repo, name] = body
            if fault == "upload-another":
                return self.answer(201, Docker_Content_Digest=digest_of(body + b" "))
            if fault == "upload-races" and name.startswith("sha256-") and self.count(repo, "list") <= 2:  # another one's takes its place
                entry = dict(descriptor(b'{"n":%d}' % SEEN[repo, "list"]), artifactType="application/vnd.another")
                PUSHED[repo, name] = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
            return self.answer(201)
        return self.manifest(repo, fault, name) if kind == "manifests" else self.blob(repo, fault, name)

    # --- blobs of an address that others sent us to ---

    def elsewhere(self, digest, once=None):
        """ONCE: it is good for one request, which breaks."""
        data = blob(digest)
        if once and self.count("elsewhere", once) > 1:
            return self.error(403, "this address has expired")
        if once == "1":
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return None
        first = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-")).group(1))
        if first:
            return self.answer(206, data[first:], "application/octet-stream", Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
        return self.answer(200, data, "application/octet-stream")

    # --- manifests ---

    def manifest(self, repo, fault, name):
        n = self.count(repo, self.command)
        if fault == "busy-seconds" and n == 1:
            return self.error(429, "slow down", Retry_After="1")
        if fault == "busy-date" and n == 1:
            return self.error(429, "slow down", Retry_After=email.utils.formatdate(time.time() + 2, usegmt=True))
        if fault == "busy-long":
            return self.error(429, "you have reached your pull rate limit", Retry_After="1000000000")
        if fault == "flaky" and n <= 2 or fault == "flaky-25" and n <= 25:
            return self.error(503, "not now")
        if fault == "hangs-up" and n <= 2:
            self.close_connection = True
            return self.connection.shutdown(2)
        if fault == "headers-many":
            self.send_response(200)
            self.flush_headers()
            return self.flood(b"X-Filler: " + b"y" * 1000 + b"\r\n")
        if fault == "header-long":
            self.send_response(200)
            self.flush_headers()
            self.wfile.write(b"X-Filler: ")
            return self.flood(b"y" * 65536)
        if fault == "manifest-flood":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b'{"schemaVersion": 2, "padding": "')
            return self.flood(b"x" * 65536)
        if fault == "length-lies":
            return self.answer(200, GOOD, MANIFEST, len(GOOD) - 20)
        if fault == "drips":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(60):
                self.wfile.write(b" ")
                time.sleep(0.5)
            return None
        if fault in ("creeps", "creeping-error"):  # just fast enough for what has no end
            self.send_response(200 if fault == "creeps" else 404)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            for _ in range(300):
                self.wfile.write(b" " * 100)
                time.sleep(0.1)
            return None
        if fault == "self" and ":" in name:
            return self.answer(307, Location=f"/v2/{repo}/manifests/latest")
        if fault == "upload-null" and name.startswith("sha256-"):
            PUSHED.setdefault((repo, name), b'{"schemaVersion": 2, "mediaType": "%s", "manifests": null}' % INDEX.encode())
        data = PUSHED.get((repo, name)) or (OTHER_BLOBS.get(name) if ":" in name and not fault.startswith(("another", "upload")) else None)
        kind = MANIFEST
        if data is None and fault.startswith("upload"):
            return self.answer(404)
        if data is None:
            data, kind = document(fault)
        elif b'"manifests"' in data:
            kind = INDEX
        return self.answer(200, data, kind, Docker_Content_Digest=digest_of(data), **({"ETag": f'"{digest_of(data)}"'} if fault == "upload-matches" else {}))

    # --- blobs ---

    def blob(self, repo, fault, digest):
        if fault.startswith("upload") and (repo, digest) not in PUSHED:
            return self.answer(404)
        data = PUSHED.get((repo, digest)) or blob(digest)
        first = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-")).group(1))
        if fault == "busy-many" and self.count(repo, digest) == 1:
            return self.error(429, "slow down")
        if digest != LAYER:
            return self.answer(200, data, "application/octet-stream")
        n = self.count(repo, "layer")
        there = {"redirect-other": f"http://localhost:{PORTS[1]}/elsewhere/{digest}", "redirect-loop": self.path, "redirect-file": "file:///etc/passwd",
                 "redirect-once": f"http://localhost:{PORTS[1]}/elsewhere/{digest}/{n}", "redirect-back": f"http://localhost:{PORTS[1]}/back/{digest}",
                 "redirect-user": f"http://x:y@127.0.0.1:{PORTS[1]}/elsewhere/{digest}", "redirect-empty": "", "redirect-plain": f"http://127.0.0.1:{PORTS[1]}/x",
                 "redirect-break": "/x\ty z", "redirect-here": f"http://127.0.0.1:{PORTS[0]}/elsewhere/{digest}",
                 "redirect-metadata": "http://169.254.169.254/latest/", "redirect-theirs": f"http://cdn.evil.test/elsewhere/{digest}"}.get(fault)
        if there is not None:
            return self.answer(307, Location=there)
        if fault in ("cut", "no-range", "other-range") and n <= 2:
            self.send_response(206 if first and fault != "no-range" else 200)
            part = data if fault == "no-range" else data[first:]
            self.send_header("Content-Length", str(len(part)))
            if first and fault != "no-range":
                self.send_header("Content-Range", f"bytes {first if fault == 'cut' else 0}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            self.wfile.write(part[: len(part) * 2 // 3])
            self.close_connection = True
            return None
        if fault in ("range-416", "changes") and n == 1:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", '"one"')
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return None
        if fault == "range-416" and "Range" in self.headers:
            return self.error(416, "no ranges here")
        if fault == "changes":  # into something else
            return self.answer(206, data[:first - 1:-1], "application/octet-stream", ETag='"two"', Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
        if fault == "stalls" and n == 1:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            return self.wait_for_end("stalled")
        if fault == "mute" and n == 1:
            return self.wait_for_end("muted")
        if fault == "blob-flood":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)
            return self.flood(b"\0" * 65536)
        if fault == "encoded":
            return self.answer(200, gzip.compress(data), "application/octet-stream", Content_Encoding="gzip")
        if fault == "empty":
            return self.answer(200, b"", "application/octet-stream")
        if fault == "retouched":  # another time in its gzip header: the same tar
            return self.answer(200, data[:4] + bytes([data[4] ^ 1]) + data[5:], "application/octet-stream")
        if fault == "swapped":
            return self.answer(200, data[::-1], "application/octet-stream")
        if fault == "missing":
            return self.error(404, "blob unknown")
        if first:
            return self.answer(206, data[first:], "application/octet-stream", Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
        return self.answer(200, data, "application/octet-stream")

    # --- uploads ---

    def begin_upload(self, repo, fault):
        there = {"upload-other": f"http://localhost:{PORTS[1]}/upload/{repo}", "upload-nosy": f"http://localhost:{PORTS[1]}/upload/{repo}", "upload-network": f"//localhost:{PORTS[1]}/upload/{repo}",
                 "upload-user": f"http://x:y@127.0.0.1:{PORTS[0]}/upload/{repo}", "upload-file": "file:///tmp/x", "upload-none": None,
                 "upload-relative": f"../../../../../upload/{repo}", "upload-query": f"/upload/{repo}?state=a%2Fb&x",
                 "upload-theirs": f"http://store.evil.test/upload/{repo}", "upload-here": f"http://127.0.0.1:{PORTS[0]}/upload/{repo}"}.get(fault, f"/upload/{repo}")
        if fault == "upload-moved":
            return self.answer(308, Location=f"/v2/good/x/{self.path[4:]}")
        if fault == "upload-mute":
            return self.wait_for_end("muted-upload")
        if fault == "upload-claims":  # to have what nobody has sent
            return self.answer(201, Docker_Content_Digest="sha256:" + "ab" * 32)
        if fault == "upload-nomount" and "mount=" in self.path:
            return self.error(403, "not yours")
        return self.answer(202, **({"Location": there} if there else {}))

    def take_upload(self, target, body):
        if "/upload-nosy/" in target.path and self.count(self.path) == 1:  # wants to hear what the registry never asked for
            return self.answer(401, WWW_Authenticate='Basic realm="tests"')
        digest = urllib.parse.parse_qs(target.query)["digest"][0]
        if digest != digest_of(body, digest.split(":")[0]):
            return self.error(400, "digest invalid")
        PUSHED[target.path[len("/upload/"):], digest] = body
        return self.answer(201, **({"Docker_Content_Digest": "sha256:" + "ab" * 32} if "/upload-changed/" in target.path else {}))

    # --- lists ---

    def listing(self, repo, fault, kind, query):
        page = int(urllib.parse.parse_qs(query).get("page", ["0"])[0])
        link = f'</v2/{repo}/{kind}/list?page=0>; rel="first", </v2/{repo}/{kind}/list?page={page + 1}>; rel="next"'
        if kind == "referrers":
            entries = [dict(descriptor(b'{"n":%d}' % i), artifactType=f"application/vnd.t{i % 2}") for i in range(page * 2, page * 2 + 2)]
            doc = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
            return self.answer(200, json.dumps(doc).encode(), INDEX, **({"Link": link.replace("/list", "/" + self.path.split("/")[-1].split("?")[0])} if page < 1 else {}))
        tags = [f"v{page}-{i}" for i in range(3)]
        if fault == "tags-flood":
            tags = [f"v{page}-{i}" for i in range(20000)]
        elif fault == "tags-other":
            link = f'<http://localhost:{PORTS[1]}/v2/{repo}/tags/list?page=1>; rel="next"'
        elif fault == "tags-odd":
            tags = ["good", "--force", "../../x"]
            link = ""
        elif fault == "tags-none":
            tags, link = None, ""
        elif fault != "tags-forever" and page == 2:
            link = ""
        return self.answer(200, json.dumps({"name": repo, "tags": tags}).encode(), **({"Link": link} if link else {}))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = serve


def main():
    servers = [PortServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    PORTS.extend(s.server_port for s in servers)
    if len(sys.argv) > 3:
        speak_tls(servers[0], *sys.argv[3:6])
    with open(f"{DIR}/ports.new", "w", encoding="ascii") as f:
        print(*PORTS, file=f)
    os.rename(f"{DIR}/ports.new", f"{DIR}/ports")
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    servers[0].serve_forever()


PORTS = []
main()
