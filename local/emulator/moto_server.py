"""moto behind one loopback port and one lock: `python -m local.emulator.moto_server <port>`.

moto oversells when threads reach it together, so requests pass one at a time. Nothing is kept.
"""

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber

SCOPE: Final = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
ONE_AT_A_TIME: Final = threading.Lock()
STUBBER: Final = BotocoreStubber()


def aws_host(authorization: str, target: str) -> str:
    """The host at AWS that a signed request would have gone to; empty when it is not signed."""
    scope = SCOPE.search(authorization)
    if not scope:
        return ""
    service = "streams.dynamodb" if target.startswith("DynamoDBStreams") else scope["service"]
    return f"{service}.{scope['region']}.amazonaws.com"


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests out of moto."""

    protocol_version = "HTTP/1.1"

    def serve(self) -> None:
        """Answer one request, whatever its method."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = aws_host(self.headers.get("Authorization", ""), self.headers.get("X-Amz-Target", ""))
        with ONE_AT_A_TIME:
            answer = STUBBER.process_request(self._as_prepared(host, body)) if host else None
        status, headers, content = answer or (200, {}, "")
        self._reply(status, headers, content.encode() if isinstance(content, str) else content)

    def _as_prepared(self, host: str, body: bytes) -> AWSPreparedRequest:
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            headers[name] = value
        return AWSPreparedRequest(self.command, f"http://{host}{self.path}", headers, body, False)

    def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """One line per request would drown everything else."""


for verb in ("GET", "HEAD", "POST", "PUT", "DELETE"):
    setattr(Handler, f"do_{verb}", Handler.serve)


def main() -> None:
    """Serve until killed."""
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
