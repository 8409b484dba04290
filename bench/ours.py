"""How our relay is started for a measurement: the deployed code, with billing on."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Final

from bench.imports import CODE
from bench.prepared import API_KEY, prepare
from bench.running import Command, Running
from bench.targets import ROOT, Ground, Target, function, python

FOLDER: Final = ROOT / "functions" / "relay"
PATHS: Final = (FOLDER, ROOT / "layers" / "tollgate", ROOT)
LAMBDA: Final = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_NAME": "tollgate-relay",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "LAMBDA_TASK_ROOT": str(FOLDER),
    "_HANDLER": "app.handler",
    "TOLLGATE_KMS_KEY": "alias/bench",
    "TOLLGATE_LOCAL": "1",
}


def environment(ground: Ground, client: str) -> dict[str, str]:
    """The function's environment; `client` is the DynamoDB client."""
    cloud = f"http://127.0.0.1:{ground.cloud}"
    found = ":".join(str(path) for path in PATHS)
    chosen = {
        "AWS_ENDPOINT_URL": cloud,
        "TOLLGATE_DYNAMODB_CLIENT": client,
        "TOLLGATE_QUEUE_URL": f"{cloud}/queue",
    }
    return {**LAMBDA, **chosen, "PYTHONPATH": found}


@contextmanager
def cloud(ground: Ground) -> Iterator[None]:
    """The prepared stand-in for AWS."""
    command = python("-m", "bench.cloud", "--port", str(ground.cloud))
    running = Running(command, ground.folder / "cloud.txt")
    try:
        running.wait_for(ground.cloud)
        prepare(ground.cloud, ground.upstream, int(time.time()))
        yield
    finally:
        running.stop()


def aws_calls(ground: Ground) -> int:
    """Requests the stand-in has answered."""
    connection = HTTPConnection("127.0.0.1", ground.cloud, timeout=10)
    connection.request("GET", "/")
    counts: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return sum(counts.values())


def tollgate(name: str, client: str) -> Target:
    """Our relay with one of its DynamoDB clients."""

    def command(ground: Ground) -> Command:
        words = (sys.executable, "-P", "-m", "tollgate.runtime")
        return function(ground, words, environment(ground, client))

    def imported(ground: Ground) -> Command:
        words = ("-P", "-c", CODE, "tollgate.runtime.start", "app")
        return python(*words, more=environment(ground, client))

    return Target(
        name,
        command,
        headers=(f"authorization: Bearer {API_KEY}",),
        children_only=True,
        support=cloud,
        imported=imported,
        aws_calls=aws_calls,
    )


OURS: Final = tollgate("tollgate", "lean")
OURS_BOTO3: Final = tollgate("tollgate, boto3", "boto3")
