#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts N small images, localhost/image-0 and so on, into a store that mica has made. Usage: many-images.py STORE N"""
import hashlib
import json
import os
import sys


def put(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


store, count = sys.argv[1], int(sys.argv[2])
blobs = os.path.join(store, "blobs", "sha256")
oci = "application/vnd.oci.image."
layer = dict(put(b"x" * 1000), mediaType=oci + "layer.v1.tar+gzip")
steps = [{"created": "2026-01-01T00:00:00Z", "created_by": "RUN a command of some length, number %d" % k} for k in range(8)]
lines = []
for i in range(count):
    config = {
        "created": "2026-01-%02dT%02d:%02d:00Z" % (1 + i % 28, i // 60 % 24, i % 60),
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["sh"], "Labels": {"number": str(i), "parity": "odd" if i % 2 else "even"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(b"%d" % k).hexdigest() for k in range(5)]},
        "history": steps,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": oci + "manifest.v1+json",
        "config": dict(put(json.dumps(config).encode()), mediaType=oci + "config.v1+json"),
        "layers": [layer] * 5,
    }
    d = put(json.dumps(manifest).encode())
    lines.append({"mediaType": oci + "manifest.v1+json", "digest": d["digest"], "size": d["size"],
                  "annotations": {"org.opencontainers.image.ref.name": "localhost/image-%d:latest" % i}})
with open(os.path.join(store, "index.json"), "w") as f:
    f.write('{"schemaVersion":2,"mediaType":"%sindex.v1+json","manifests":[\n' % oci)
    f.write(",\n".join(json.dumps(line, separators=(",", ":")) for line in lines) + "\n]}")
