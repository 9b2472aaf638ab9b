"""A mail server that counts: it speaks as much SMTP as a client needs, and keeps the raw copies it has accepted."""

import email
import email.policy
import socketserver
import threading
from collections import Counter


class _Session(socketserver.StreamRequestHandler):
    server: "MailServer"

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                self._say("221 goodbye")
                return
            if verb == b"DATA":
                self._take()
            else:
                self._say("250 fine")

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if line:  # a client that dies in the middle has sent nothing
            self.server.copies.append(b"".join(lines))
            self._say("250 accepted")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on a free port of the loopback while the block runs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.port: int = self.server_address[1]
        self.copies: list[bytes] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def message_ids(self) -> Counter[str]:
        """Count the accepted copies of each mail."""
        parsed = (email.message_from_bytes(copy, policy=email.policy.default) for copy in self.copies)
        return Counter(str(message["Message-ID"]) for message in parsed)
