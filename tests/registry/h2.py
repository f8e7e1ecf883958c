#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""h2.py CERT KEY UPSTREAM DIR: an HTTP/2 proxy before the one at 127.0.0.1:UPSTREAM that looks at nothing but frames, and does at
every second request from the third on, whatever connection it comes on, the next of what servers do to connections. Its port is in DIR/h2.port,
what it did in DIR/h2.faults."""
import os
import socket
import ssl
import struct
import sys
import threading

CERT, KEY, UPSTREAM, DIR = sys.argv[1:5]
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
ACK, END_STREAM_AND_HEADERS = 1, 5
REFUSED_STREAM, INTERNAL_ERROR, NO_ERROR = 7, 2, 0
STATUS_421 = b"\x08\x03421"  # :status as a literal (RFC 7541 6.2.2)
FAULTS = ["refused", "misdirected", "away", "broken"]
FIRST, STEP = 3, 2
LOCK = threading.Lock()
SEEN = [0]


def next_fault():
    with LOCK:
        SEEN[0] += 1
        if not FAULTS or SEEN[0] < FIRST or (SEEN[0] - FIRST) % STEP:
            return None
        with open(f"{DIR}/h2.faults", "a", encoding="ascii") as f:
            print(FAULTS[0], file=f)
        return FAULTS.pop(0)


def frame(kind, flags, stream, body):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def read(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def frames(sock):
    """Without tables that headers are kept in: those of a request that is held back would be missed in them."""
    while True:
        head = read(sock, 9)
        kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
        body = read(sock, int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            body += struct.pack(">HI", 1, 0)
        yield kind, flags, stream, body


class Connection:
    def __init__(self, client):
        self.client, self.lock, self.over, self.breaks = client, threading.Lock(), set(), set()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.set_alpn_protocols(["h2"])
        self.server = tls.wrap_socket(socket.create_connection(("127.0.0.1", int(UPSTREAM))))
        threading.Thread(target=self.pass_on, args=(self.answers,), daemon=True).start()
        self.pass_on(self.requests)

    def pass_on(self, what):
        try:
            what()
        except (EOFError, OSError):
            pass
        for sock in (self.client, self.server):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def tell(self, *what):
        with self.lock:
            self.client.sendall(frame(*what))

    def requests(self):
        self.server.sendall(read(self.client, len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
        last = 0
        for kind, flags, stream, body in frames(self.client):
            fault = next_fault() if kind == HEADERS else None
            if fault == "refused":
                self.tell(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))
            elif fault == "misdirected":
                self.tell(HEADERS, END_STREAM_AND_HEADERS, stream, STATUS_421)
            elif fault == "away":
                self.tell(GOAWAY, 0, 0, struct.pack(">II", last, NO_ERROR))
            elif fault == "broken":
                self.breaks.add(stream)
            if fault in ("refused", "misdirected", "away"):
                self.over.add(stream)
            if stream not in self.over:
                last = max(last, stream)
                self.server.sendall(frame(kind, flags, stream, body))

    def answers(self):
        for kind, flags, stream, body in frames(self.server):
            if kind == DATA and stream in self.breaks:
                self.tell(DATA, 0, stream, body[:10])
                self.tell(RST_STREAM, 0, stream, struct.pack(">I", INTERNAL_ERROR))
                self.over.add(stream)
                self.breaks.remove(stream)
            elif stream not in self.over:
                self.tell(kind, flags, stream, body)


def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERT, KEY)
    tls.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))
    with open(f"{DIR}/h2.port.new", "w", encoding="ascii") as f:
        print(listener.getsockname()[1], file=f)
    os.rename(f"{DIR}/h2.port.new", f"{DIR}/h2.port")
    while True:
        client = listener.accept()[0]
        try:
            threading.Thread(target=Connection, args=(tls.wrap_socket(client, server_side=True),), daemon=True).start()
        except OSError:
            pass


main()
