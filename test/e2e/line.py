# SPDX-License-Identifier: Apache-2.0
"""line - a slow network between a client and a node, that can break."""

import socket
import threading
import time


class SlowLine:
    """Passes connections on to a port, what clients send at so many bytes a second; bytes counts it."""

    def __init__(self, port, rate=24 << 20):
        self.target, self.rate, self.bytes, self.down = port, rate, 0, False
        self.server = socket.create_server(("127.0.0.1", 0))
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
            threading.Thread(target=self.carry, args=(client, node, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(node, client, False), daemon=True).start()

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
