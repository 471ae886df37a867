# SPDX-License-Identifier: Apache-2.0
"""line - a slow network between a client and a node, that can break, and a node's answers that somebody falsifies."""

import http.client
import http.server

import socket
import threading
import time


class SlowLine:
    """Passes connections on to a port, what clients send at so many bytes a second, or with answers what the node sends;
    bytes counts it."""

    def __init__(self, port, rate=24 << 20, answers=False, listen=0):
        self.target, self.rate, self.bytes, self.down, self.answers = port, rate, 0, False, answers
        self.server = socket.create_server(("127.0.0.1", listen))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
                if self.down:
                    client.close()
                    continue
                node = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.open += [client, node]
            threading.Thread(target=self.carry, args=(client, node, not self.answers), daemon=True).start()
            threading.Thread(target=self.carry, args=(node, client, self.answers), daemon=True).start()

    def carry(self, source, target, slowly):
        try:
            while data := source.recv(128 << 10):
                if slowly:
                    self.bytes += len(data)
                    time.sleep(len(data) / self.rate)
                target.sendall(data)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """The line breaks in the middle of whatever it carries."""
        self.down = True
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def close(self):
        self.cut()
        self.server.close()


class Liar:
    """Answers like a node, but for one byte in every range of a file from `honest` ranges on; asked counts ranges."""

    def __init__(self, port, honest):
        liar = self
        self.asked, self.lies, lock = 0, 0, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                node = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                node.request("GET", self.path)
                answer = node.getresponse()
                body = bytearray(answer.read())
                node.close()
                if "/files/" in self.path and answer.status == 200:
                    with lock:
                        liar.asked += 1
                        if liar.asked > honest:
                            body[len(body) // 2] ^= 1
                            liar.lies += 1
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
