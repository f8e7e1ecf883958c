#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""wire.py LAYOUT DIR CERTS: what can be wrong below the answers of a registry. Each fault has a port of its own, which DIR/wire lists as NAME PORT; the port
'good' serves the one image of the LAYOUT over HTTP/2. Of CERTS, which has NAME.pem and NAME.key, most ports use 'server'.

The ports proxy-https and proxy-socks lead to one more 'good' each, whatever is asked for, for the user 'anna' with the password 'pro xy'; DIR/proxied has
what was asked for. 'takes-nothing' lets uploads over HTTP/2 begin, and has no room for them; 'changes' has another certificate for each connection but the
first; 'key-update' and 'renegotiates' take new keys in the middle of each body.

HTTP/2 is written by hand (RFC 9113, 7541): a library would not send such frames. What was asked for is not looked at there: the manifest comes until it was
sent once, then the config, then the layer. DIR/flood has for each endless answer how many bytes of it were taken; after FLOOD of them nothing more comes."""
import base64
import ctypes
import gzip
import json
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
import warnings

LAYOUT, DIR, CERTS = sys.argv[1:4]
warnings.simplefilter("ignore", DeprecationWarning)  # of old versions of TLS
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
FLOOD = 16 << 20
KINDS = ["application/vnd.oci.image.manifest.v1+json"] + ["application/octet-stream"] * 2


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs/sha256", digest.split(":")[1]), "rb") as f:
        return f.read()


with open(os.path.join(LAYOUT, "index.json"), "rb") as f:
    MANIFEST = blob(json.load(f)["manifests"][0]["digest"])
DOC = json.loads(MANIFEST)
BODIES = [MANIFEST, blob(DOC["config"]["digest"]), blob(DOC["layers"][0]["digest"])]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def number(n):
    if n < 127:
        return bytes([n])
    out, n = [127], n - 127
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n])


def header(name, value):
    return b"\0" + number(len(name)) + name.encode() + number(len(value)) + value.encode()


def head(status, **more):
    return header(":status", str(status)) + b"".join(header(k.replace("_", "-"), str(v)) for k, v in more.items())


def flood(s, name, data):
    sent = 0
    try:
        while sent < FLOOD:
            s.sendall(data)
            sent += len(data)
        select.select([s], [], [], 20)
    except OSError:
        pass
    with open(f"{DIR}/flood", "a", encoding="ascii") as log:
        print(name, sent, file=log)
    raise OSError("over")


# What is sent for a request, of (stream); a list is endless.
H2 = {
    "h2-continuation": lambda i: [frame(HEADERS, 0, i, head(200)), frame(CONTINUATION, 0, i, header("x-f", "y" * 8000))],
    "h2-empty-continuation": lambda i: [frame(HEADERS, 0, i, head(200)), frame(CONTINUATION, 0, i) * 1000],
    # one large header, and thousands of references to it
    "h2-references": lambda i: [frame(HEADERS, 0, i, head(200) + b"\x40" + number(3) + b"x-f" + number(4000) + b"y" * 4000), frame(CONTINUATION, 0, i, b"\xbe" * 16000)],
    "h2-informational": lambda i: [b"", frame(HEADERS, 4, i, head(103, link="x" * 100)) * 100],
    "h2-trailers": lambda i: [frame(HEADERS, 4, i, head(200)), frame(HEADERS, 4, i, header("x-t", "y" * 1000))],
    "h2-push": lambda i: frame(PUSH, 4, i, struct.pack(">I", 2) + b"\x82\x87\x84"),
    "h2-ping": lambda i: [b"", frame(PING, 0, 0, b"12345678") * 1000],
    "h2-settings": lambda i: [b"", frame(SETTINGS, 0, 0) * 1000],
    "h2-priority": lambda i: [b"", frame(PRIORITY, 0, i + 2, struct.pack(">IB", 1, 1)) * 1000],
    "h2-unknown": lambda i: [b"", frame(200, 0, i, b"z" * 16000)],
    "h2-empty-data": lambda i: [frame(HEADERS, 4, i, head(200)), frame(DATA, 0, i) * 1000],
    "h2-padding": lambda i: [frame(HEADERS, 4, i, head(200)), frame(DATA, 8, i, b"\xff" + b"\0" * 255) * 60],
    "h2-data": lambda i: [frame(HEADERS, 4, i, head(200)), frame(DATA, 0, i, b" " * 16384)],
    "h2-stranger": lambda i: frame(HEADERS, 4, 99, head(200)),
    "h2-window": lambda i: frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF)) * 2,
    "h2-oversized": lambda i: frame(DATA, 0, i, b"x" * (1 << 20)),
    "h2-no-status": lambda i: frame(HEADERS, 5, i, header("x-a", "b")),
    "h2-compression": lambda i: frame(HEADERS, 4, i, b"\xff" * 7),
    "h2-line-break": lambda i: frame(HEADERS, 5, i, head(200, x_a="b\r\nDocker-Content-Digest: x")),
    "h2-text": lambda i: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "h2-length": lambda i: frame(HEADERS, 4, i, head(200, content_length="5")) + frame(DATA, 1, i, MANIFEST),
    "h2-half": lambda i: frame(HEADERS, 4, i, head(200, content_length=len(MANIFEST))) + frame(DATA, 0, i, MANIFEST[:100]),
    "h2-refused": lambda i: frame(RST, 0, i, struct.pack(">I", 7)),
}
# The port 'breaks' serves the image, but first breaks off so: of (stream), after the first bytes of a manifest or of what is missing of the layer
PART = 200
BREAKS = [
    [lambda i: frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)), lambda i: frame(GOAWAY, 0, 0, struct.pack(">II", i, 2)), lambda i: frame(RST, 0, i, struct.pack(">I", 2))],
    [],
    [lambda i: frame(GOAWAY, 0, 0, struct.pack(">II", i, 2)), lambda i: frame(RST, 0, i, struct.pack(">I", 2))],
]
# HTTP/1: what is sent for the request of a manifest, as above; drips: byte by byte
OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b" " * (16 << 20), 9)
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
H1 = {
    "h1-informational": lambda: [b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100],
    "h1-trailers": lambda: [CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-T: " + b"y" * 1000 + b"\r\n"],
    "h1-chunk-length": lambda: [CHUNKED, b"0" * 65536],
    "h1-chunk-huge": lambda: CHUNKED + b"fffffffffffffffffff\r\n{}",
    "h1-two-lengths": lambda: OK + b"Content-Length: 2\r\nContent-Length: 300\r\n\r\n{}",
    "h1-negative": lambda: OK + b"Content-Length: -1\r\n\r\n{}",
    "h1-cut": lambda: OK + b"Content-Length: 500000\r\n\r\n" + MANIFEST,
    "h1-status": lambda: b"HTTP/1.1 99999 x\r\nContent-Length: 2\r\n\r\n{}",
    "h1-nonsense": lambda: b"\0" * 1000,
    "h1-encoded": lambda: OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + BOMB,
    "h1-switch": lambda: b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + b"x" * 100,
}
# TLS: (certificate, what its context is given)
TLS = {
    "tls-expired": ("expired", {}),
    "tls-other-name": ("other", {}),
    "tls-unknown": ("stranger", {}),
    "tls-old": ("server", {"maximum_version": ssl.TLSVersion.TLSv1_1, "minimum_version": ssl.TLSVersion.TLSv1}),
    "tls-client": ("server", {"verify_mode": ssl.CERT_REQUIRED}),
}


def context(name, alpn=(), **settings):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.load_cert_chain(f"{CERTS}/{name}.pem", f"{CERTS}/{name}.key")
    for key, value in settings.items():
        setattr(tls, key, value)
    if alpn:
        tls.set_alpn_protocols(alpn)
    return tls


def exact(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise OSError("end")
        data += more
    return data


def send(s, name, data):
    if not isinstance(data, list):
        return s.sendall(data)
    s.sendall(data[0])
    return flood(s, name, data[1])


class OpenSSL:
    """What Python's own module does not do: new keys on a connection of TLS 1.3, or of 1.2."""

    def __init__(self, s, renegotiates):
        self.lib, self.socket, self.renegotiates = ctypes.CDLL("libssl.so.3"), s, renegotiates
        for function in ("TLS_server_method", "SSL_CTX_new", "SSL_new"):
            getattr(self.lib, function).restype = ctypes.c_void_p
        tls = ctypes.c_void_p(self.lib.SSL_CTX_new(ctypes.c_void_p(self.lib.TLS_server_method())))
        self.lib.SSL_CTX_use_certificate_chain_file(tls, f"{CERTS}/server.pem".encode())
        self.lib.SSL_CTX_use_PrivateKey_file(tls, f"{CERTS}/server.key".encode(), 1)
        self.lib.SSL_CTX_ctrl(tls, 124, 0x0303 if renegotiates else 0x0304, None)  # SSL_CTRL_SET_MAX_PROTO_VERSION
        self.ssl = ctypes.c_void_p(self.lib.SSL_new(tls))
        self.lib.SSL_set_fd(self.ssl, s.fileno())
        self.check(self.lib.SSL_accept(self.ssl))

    def check(self, result):
        if result <= 0:
            raise OSError("TLS")
        return result

    def recv(self, n):
        data = ctypes.create_string_buffer(n)
        n = self.check(self.lib.SSL_read(self.ssl, data, n))
        return data.raw[:n]

    def sendall(self, data):
        self.check(self.lib.SSL_write(self.ssl, data, len(data)))

    def new_keys(self):
        self.check(self.lib.SSL_renegotiate(self.ssl) if self.renegotiates else self.lib.SSL_key_update(self.ssl, 1))
        self.check(self.lib.SSL_do_handshake(self.ssl))


class Port:
    """One fault; STAGE is how much of the image was sent, HAD how much of the layer."""

    def __init__(self, name):
        self.name, self.stage, self.had = name, 0, 0
        self.breaks = [list(b) for b in BREAKS] if name == "breaks" else [[]] * 3
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        if name in TLS:
            self.tls = context(TLS[name][0], **TLS[name][1])
        else:
            self.tls = context("server", ["http/1.1"] if name.startswith(("h1-", "changes")) else ["h2"])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, s):
        try:
            s.settimeout(30)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.name in ("key-update", "renegotiates"):
                s.setblocking(True)
                return self.image(OpenSSL(s, self.name == "renegotiates"))
            self.connections += 1
            if self.name == "changes" and self.connections > 1:
                self.tls = context("stranger", ["http/1.1"])
            with self.tls.wrap_socket(s, server_side=True, do_handshake_on_connect=False) as s:
                self.greet(s)
                self.image(s) if self.name == "changes" else self.http1(s) if self.name.startswith(("h1-", "tls-")) else self.http2(s)
        except OSError:
            pass
        return None

    @staticmethod
    def greet(s):
        """Who closes with something unread resets the connection, and the alert may be lost: the client has sent its request already."""
        try:
            s.do_handshake()
        except ssl.SSLError:
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
            raise

    def image(self, s):
        """All of it over HTTP/1."""
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                more = s.recv(65536)
                if not more:
                    return
                request += more
            path = request.split()[1].decode()
            i = 0 if "/manifests/" in path else 1 if path.endswith(DOC["config"]["digest"]) else 2
            body, half = BODIES[i], len(BODIES[i]) // 2
            s.sendall(OK + f"Content-Type: {KINDS[i]}\r\nContent-Length: {len(body)}\r\n{'Connection: close' if self.name == 'changes' else 'X: y'}\r\n\r\n".encode() + body[:half])
            if self.name != "changes":
                s.new_keys()
            s.sendall(body[half:])
            if self.name == "changes":
                return

    def http1(self, s):
        while b"\r\n\r\n" not in s.recv(65536):
            pass
        if self.name == "h1-drips":
            for c in OK + b"X-Drip: " + b"y" * 200:
                s.sendall(bytes([c]))
                time.sleep(0.1)
        elif self.name in H1:
            send(s, self.name, H1[self.name]())

    def http2(self, s):
        exact(s, 24)
        s.sendall(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0) if self.name == "takes-nothing" else b""))
        while True:
            h = exact(s, 9)
            payload, kind, flags, stream = exact(s, int.from_bytes(h[:3], "big")), h[3], h[4], int.from_bytes(h[5:], "big")
            if kind == SETTINGS and not flags & 1:
                s.sendall(frame(SETTINGS, 1, 0))
            elif kind == PING and not flags & 1:
                s.sendall(frame(PING, 1, 0, payload))
            elif kind == HEADERS:
                self.take_upload(s, stream, payload, flags) if self.name == "takes-nothing" else self.answer(s, stream)

    def take_upload(self, s, stream, payload, flags):
        if payload[0] == 0x83:  # POST, of the static table
            # an empty body needs room too
            s.sendall(frame(WINDOW, 0, stream, struct.pack(">I", 1000)) + frame(HEADERS, 5, stream, head(202, location="/upload")))
        elif flags & 1:  # nothing follows: it asks for what is there
            s.sendall(frame(HEADERS, 5, stream, head(404)))

    def answer(self, s, stream):
        if self.name in H2:
            return send(s, self.name, H2[self.name](stream))
        body = BODIES[self.stage]
        more = {"content_range": f"bytes {self.had}-{len(body) - 1}/{len(body)}"} if self.had else {}
        body = body[self.had :]
        begin = frame(HEADERS, 4, stream, head(206 if self.had else 200, content_type=KINDS[self.stage], content_length=len(body), **more))
        if self.breaks[self.stage]:
            last = self.breaks[self.stage].pop(0)(stream)
            if last[3] == RST:  # what came with it is lost or not, as it happens
                return s.sendall(last)
            s.sendall(begin + frame(DATA, 0, stream, body[:PART]) + last)
            self.had += PART if self.stage == 2 else 0
            raise OSError("over")
        data = [body[i : i + 16384] for i in range(0, len(body), 16384)]
        s.sendall(begin + b"".join(frame(DATA, part is data[-1], stream, part) for part in data))
        self.stage += 1
        return None


class Proxy(Port):
    def __init__(self, name):
        super().__init__(name)
        self.tls, self.target = context("server"), Port("good")

    def serve(self, s):
        try:
            s.settimeout(30)
            if self.name == "proxy-https":
                s = self.tls.wrap_socket(s, server_side=True)
            asked = self.socks(s) if self.name == "proxy-socks" else self.connect(s)
            with open(f"{DIR}/proxied", "a", encoding="ascii") as log:
                print(self.name, asked, file=log)
            if asked:
                self.pump(s, socket.create_connection(self.target.listener.getsockname()))
            s.close()
        except OSError:
            pass

    def connect(self, s):
        request = b""
        while b"\r\n\r\n" not in request:
            request += s.recv(65536)
        good = b"Proxy-Authorization: Basic " + base64.b64encode(b"anna:pro xy") in request
        s.sendall(b"HTTP/1.1 " + (b"200 OK" if good else b"407 no\r\nContent-Length: 0") + b"\r\n\r\n")
        return request.split()[1].decode() if good else ""

    def socks(self, s):
        """RFC 1928, 1929"""
        exact(s, exact(s, 2)[1])
        s.sendall(b"\5\2")
        exact(s, 1)
        good = exact(s, exact(s, 1)[0]) == b"anna"
        good = exact(s, exact(s, 1)[0]) == b"pro xy" and good
        s.sendall(b"\1" + (b"\0" if good else b"\1"))
        if not good:
            return ""
        host = exact(s, 5)[4]
        asked = f"{exact(s, host).decode()}:{struct.unpack('>H', exact(s, 2))[0]}"
        s.sendall(b"\5\0\0\1" + b"\0" * 6)
        return asked

    def pump(self, one, other):
        while True:
            ready = [s for s in (one, other) if isinstance(s, ssl.SSLSocket) and s.pending()] or select.select([one, other], [], [], 30)[0]
            for s in ready:
                data = s.recv(65536)
                if not data:
                    return
                (other if s is one else one).sendall(data)
            if not ready:
                return


NAMES = list(H2) + list(H1) + ["h1-drips"] + list(TLS) + ["breaks", "good", "takes-nothing", "changes", "key-update", "renegotiates"]
with open(f"{DIR}/wire.new", "w", encoding="ascii") as out:
    for name in NAMES:
        print(name, Port(name).listener.getsockname()[1], file=out)
    for name in ("proxy-https", "proxy-socks"):
        print(name, Proxy(name).listener.getsockname()[1], file=out)
os.rename(f"{DIR}/wire.new", f"{DIR}/wire")
threading.Event().wait()
