# SPDX-License-Identifier: MIT
"""A name server on loopback that knows A records of a few names."""
import socket
import struct
import threading


class DnsServer:
    def __init__(self, names):
        self.names = names  # name -> addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                question, peer = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(question), peer)
            except OSError:
                return

    def _answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode().lower())
            at += 1 + question[at]
        kind = struct.unpack(">H", question[at + 1:at + 3])[0]
        known = self.names.get(".".join(labels))
        addresses = known if known and kind == 1 else []
        flags = 0x8180 if known else 0x8183
        head = question[:2] + struct.pack(">HHHHH", flags, 1, len(addresses), 0, 0)
        records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) +
                           socket.inet_aton(address) for address in addresses)
        return head + question[12:at + 5] + records
