"""The least a Python Lambda can do to relay a stream: no key, no price, no hold, no record.

One loop, one call at a time, `http.client` on both sides. What our relay costs more than this is
the price of knowing who calls and what it costs.
"""

import http.client
import json
import os
from typing import Any, Final

PATH: Final = "/2018-06-01/runtime/invocation/"
FORWARDED: Final = ("content-type", "authorization", "accept")
PIECE: Final = 65536


def main() -> None:
    """Serve calls until the platform ends the process."""
    platform = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])  # noqa: TID251 - a whole process
    upstream = http.client.HTTPConnection(os.environ["FLOOR_UPSTREAM"])  # noqa: TID251 - a whole process
    while True:
        platform.request("GET", f"{PATH}next")
        given = platform.getresponse()
        call = given.headers["Lambda-Runtime-Aws-Request-Id"]
        relay(platform, call, ask(upstream, json.loads(given.read())))


def ask(upstream: http.client.HTTPConnection, event: dict[str, Any]) -> http.client.HTTPResponse:
    """Send the caller's request on."""
    headers = {name: event["headers"][name] for name in FORWARDED if name in event["headers"]}
    upstream.request(event["httpMethod"], event["path"], event["body"].encode(), headers)
    return upstream.getresponse()


def relay(
    platform: http.client.HTTPConnection, call: str, answer: http.client.HTTPResponse
) -> None:
    """Send the upstream's answer back, piece by piece as it comes."""
    platform.putrequest("POST", f"{PATH}{call}/response", skip_accept_encoding=True)
    platform.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    platform.putheader("Content-Type", "application/vnd.awslambda.http-integration-response")
    platform.putheader("Transfer-Encoding", "chunked")
    platform.endheaders()
    kind = {"content-type": answer.headers["content-type"]}
    opening = json.dumps({"statusCode": answer.status, "headers": kind}).encode() + bytes(8)
    while piece := answer.read1(PIECE):
        content, opening = opening + piece, b""
        platform.send(b"%x\r\n%b\r\n" % (len(content), content))
    answer.close()
    platform.send(b"0\r\n\r\n")
    platform.getresponse().read()


if __name__ == "__main__":
    main()
