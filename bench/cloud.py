"""AWS as far as a relay needs it: answers at once, remembers what was put, decides nothing.

    python -m bench.cloud --port 9300

DynamoDB's reads and `PutItem` work on a dictionary, and `UpdateItem` gives the image that was
put, unchanged. What a call then costs is the relay's own side alone. `GET /` counts operations.
"""

import argparse
import asyncio
import json
import signal
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from local.replay.listener import run
from local.replay.wire import Request, json_answer, take

Json = dict[str, Any]
Place = tuple[str, str, str]

DATA_KEY: Final = bytes(range(32))
"""What every wrapped data key unwraps to."""


class Cloud:
    """Tables and parameters in memory; `counts` says what was asked for."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._items: dict[Place, Json] = {}
        self._parameters: dict[str, str] = {}
        self._acts: Mapping[str, Callable[[Json], Json]] = {
            "GetItem": self._get,
            "BatchGetItem": self._get_many,
            "PutItem": self._put,
            "UpdateItem": self._update,
            "PutParameter": self._put_parameter,
            "GetParametersByPath": self._parameters_below,
            "Decrypt": lambda _: {"Plaintext": b64encode(DATA_KEY).decode()},
        }

    def answer(self, request: Request) -> bytes:
        """Carry out one request; what is not known is accepted as it is."""
        if request.method == "GET":
            return json_answer(200, self.counts)
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        self.counts[operation] += 1
        act = self._acts.get(operation)
        return json_answer(200, act(json.loads(request.body)) if act else {})

    def _get(self, asked: Json) -> Json:
        item = self._items.get(_place(asked["TableName"], asked["Key"]))
        return {"Item": item} if item else {}

    def _get_many(self, asked: Json) -> Json:
        found = {
            table: [item for key in wanted["Keys"] if (item := self._items.get(_place(table, key)))]
            for table, wanted in asked["RequestItems"].items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def _put(self, asked: Json) -> Json:
        if "ConditionExpression" not in asked:  # a usage record: nobody reads it here
            self._items[_place(asked["TableName"], asked["Item"])] = asked["Item"]
        return {}

    def _update(self, asked: Json) -> Json:
        return {"Attributes": self._items.get(_place(asked["TableName"], asked["Key"]), {})}

    def _put_parameter(self, asked: Json) -> Json:
        self._parameters[asked["Name"]] = asked["Value"]
        return {"Version": 1}

    def _parameters_below(self, asked: Json) -> Json:
        below = asked["Path"].rstrip("/") + "/"
        found = {name: value for name, value in self._parameters.items() if name.startswith(below)}
        return {"Parameters": [{"Name": name, "Value": value} for name, value in found.items()]}


def _place(table: str, key: Json) -> Place:
    return table, key["pk"]["S"], key["sk"]["S"]


class Connection(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        while True:
            request, self._buffer = take(self._buffer)
            if request is None:
                return
            self._transport.write(self._cloud.answer(request))


async def live(port: int) -> None:
    """Serve until told to stop."""
    loop, cloud, stop = asyncio.get_running_loop(), Cloud(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Connection(cloud), "127.0.0.1", port)
    await stop.wait()
    server.close()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m bench.cloud", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    run(live(parser.parse_args().port))


if __name__ == "__main__":
    main()
