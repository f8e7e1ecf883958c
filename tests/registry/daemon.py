#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""daemon.py SOCKET DIR CERT KEY CA: what of the Docker Engine API moves images. "GET /images/NAME/get" sends DIR/NAME.tar with underscores for the slashes and colons of NAME, of which
"NAME.cut" beside it lets only the first half arrive; "POST /images/load" writes DIR/loaded.tar, and says what DIR/refuse or DIR/fail holds: the first at once,
the second afterwards. It is at two ports too, SOCKET.ports: a plain one, and one with TLS that wants certificates of CA. Each request is a line of DIR/log, and whether its body came to its end."""
import http.server
import os
import re
import socketserver
import sys
import threading
import urllib.parse

from loopback import PortServer, speak_tls

SOCKET, DIR, CERT, KEY, CA = sys.argv[1:]


def said(name):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def log(self, *words):
        with open(f"{DIR}/log", "a", encoding="utf-8") as f:
            print(self.command, *words, file=f)

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_GET(self):
        name = urllib.parse.unquote(re.fullmatch(r"/images/(.*)/get", self.path).group(1))
        self.log(name)
        path = os.path.join(DIR, re.sub("[/:]", "_", name) + ".tar")
        if not os.path.exists(path):
            self.answer(404, '{"message":"No such image: %s\\u001b[2J"}' % name)
            return
        with open(path, "rb") as f:
            data = f.read()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-tar")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        cut = os.path.exists(path[:-4] + ".cut")
        self.chunk(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        if said("refuse"):
            self.log("refused")
            self.close_connection = True
            self.answer(500, said("refuse"))
            while self.rfile.read1(65536):  # who sends on when it is closed may not see the answer
                pass
            return
        with open(f"{DIR}/loaded.tar", "wb") as f:
            while size := int(self.rfile.readline().strip() or b"-1", 16):
                data = self.rfile.read(size) if size > 0 else b""
                if len(data) < size or size < 0 or self.rfile.read(2) != b"\r\n":
                    self.log("broken")
                    self.close_connection = True
                    return
                f.write(data)
        self.rfile.readline()
        self.log("whole", self.path, self.headers.get("Content-Type", "-"), self.headers.get("Authorization", "-"))
        self.answer(200, said("fail") or '{"stream":"Loaded image: x\\n"}\n')


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)

    def handle_error(self, request, client_address):
        pass


ports = [PortServer(("127.0.0.1", 0), Handler) for _ in range(2)]
speak_tls(ports[1], CERT, KEY, CA)
for server in ports:
    threading.Thread(target=server.serve_forever, daemon=True).start()
with open(f"{SOCKET}.ports", "w", encoding="ascii") as out:
    print(*(server.server_port for server in ports), file=out)
Server(SOCKET, Handler).serve_forever()
