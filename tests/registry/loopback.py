# SPDX-License-Identifier: Apache-2.0
"""What the servers of the tests share: a port of the loopback, and TLS that wants certificates which CA signed."""
import http.server
import socketserver
import ssl


class PortServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):  # without the look-up of our own name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request, client_address):
        pass


def speak_tls(server, cert, key, ca):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    tls.load_verify_locations(ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    server.socket = tls.wrap_socket(server.socket, server_side=True)
