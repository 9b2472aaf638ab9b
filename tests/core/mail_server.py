"""A mail server of a test's own: it refuses addresses, or says one of its lines so slowly that it never ends."""

import re
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

DRIP_SECONDS = 0.02
BANNER, END = "BANNER", "END"  # what is said first, and after the mail's last line


class _Session(socketserver.StreamRequestHandler):
    server: "MailServer"

    def setup(self) -> None:
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def handle(self) -> None:
        self._say(BANNER, "220 ready")
        while line := self.rfile.readline().decode():
            verb = line[:4].upper().strip()
            if verb == "DATA":
                self._say(verb, "354 go on")
                self._take()
            elif verb == "QUIT":
                self._say(verb, "221 goodbye")
                return
            else:
                self._say(verb, self._answer(line))

    def _answer(self, line: str) -> str:
        address = re.search(r"<(.*)>", line)
        if not line.upper().startswith("RCPT") or address is None:
            return "250 fine"
        self.server.asked[address[1]] += 1
        return self.server.refusals.get(address[1], "250 fine")

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if line:
            self.server.copies.append(b"".join(lines))
            self._say(END, "250 accepted")

    def _say(self, verb: str, line: str) -> None:
        if verb == self.server.drips_at:
            self._drip(line[:3] + "-")
        self.wfile.write(f"{line}\r\n".encode())

    def _drip(self, start: str) -> None:
        """Say a line that goes on until the test or the client has had enough of it."""
        self.wfile.write(start.encode())
        try:
            while not self.server.is_over.wait(DRIP_SECONDS):
                self.wfile.write(b".")
                self.server.dripped += 1
            self.wfile.write(b"\r\n")
        except OSError:
            self.server.was_left.set()


class MailServer(socketserver.ThreadingTCPServer):
    """`refusals` has the answer by address, `asked` how often each was named, `copies` the mails that were taken."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        super().__init__(("127.0.0.1", 0), _Session)
        self.port: int = self.server_address[1]
        self.refusals: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.copies: list[bytes] = []
        self.drips_at, self.dripped = "", 0
        self.is_over, self.was_left = threading.Event(), threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    with MailServer(tls) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.is_over.set()
        server.shutdown()
