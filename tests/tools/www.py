#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of a directory over HTTP, and servers that behave badly. www.py DIRECTORY PORTFILE

/NAME          as it is, with ETag and Last-Modified
/plain/NAME    without validators
/to/NAME       a redirect to /NAME
/loop, /file   redirects to itself, to file:///etc/passwd
/broken/NAME   ends early the first time
/busy/NAME     503, always
/empty/NAME    204
/dated/NAME?T  last modified at T, in whatever form
"""
import email.utils
import http.server
import os
import sys
import urllib.parse

top, portfile = sys.argv[1:]
broken = set()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, status, headers=(), body=b"", cut=0):
        print(self.command, self.path, status, flush=True)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])

    def do_GET(self):
        path = urllib.parse.unquote(self.path.split("?")[0])
        kind = path.split("/")[1]
        if kind == "to":
            return self.answer(302, [("Location", path[3:])])
        if kind == "loop":
            return self.answer(302, [("Location", "/loop")])
        if kind == "file":
            return self.answer(302, [("Location", "file:///etc/passwd")])
        if kind == "busy":
            return self.answer(503)
        if kind == "empty":
            return self.answer(204)
        name = os.path.join(top, os.path.basename(path))
        if not os.path.isfile(name):
            return self.answer(404)
        body = open(name, "rb").read()
        if kind == "plain":
            return self.answer(200, body=body)
        if kind == "dated":
            return self.answer(200, [("Last-Modified", urllib.parse.unquote(self.path.split("?")[1]))], body)
        if kind == "broken" and path not in broken:
            broken.add(path)
            self.close_connection = True
            return self.answer(200, body=body, cut=3)
        mtime = os.stat(name).st_mtime
        tag = '"%d-%d"' % (mtime, len(body))
        if self.headers.get("If-None-Match") == tag:
            return self.answer(304, [("ETag", tag)])
        when = email.utils.formatdate(mtime, usegmt=True)
        return self.answer(200, [("ETag", tag), ("Last-Modified", when)], body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(portfile + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(portfile + ".new", portfile)
server.serve_forever()
