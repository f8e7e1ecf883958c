#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dns.py COMMAND...: runs it beside a name server at 127.0.0.1:53 which knows that there is no absent.test, and fails for any other name."""
import socket
import subprocess
import sys
import threading

NO_NAME, FAILURE = b"\x81\x83", b"\x81\x82"  # RFC 1035 4.1.1: an answer with these codes


def serve(s):
    while True:
        query, who = s.recvfrom(512)
        s.sendto(query[:2] + (NO_NAME if b"\6absent\4test" in query else FAILURE) + query[4:6] + bytes(6) + query[12:], who)


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
threading.Thread(target=serve, args=(server,), daemon=True).start()
sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
