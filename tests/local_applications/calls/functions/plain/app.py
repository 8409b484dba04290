"""A buffered function: answers, sleeps, crashes."""

import base64
import json
import os
import time
from typing import Any


def handler(event: dict[str, Any], context: object) -> object:
    """Do what the path says."""
    path = event["path"]
    if path == "/api/slow":
        time.sleep(60)
    if path == "/api/crash":
        os._exit(3)
    if path == "/api/bad":
        return ["not", "an", "answer"]
    if path == "/api/pid":
        return {"statusCode": 200, "body": str(os.getpid())}
    if path == "/api/binary":
        body = base64.b64encode(bytes(range(256))).decode()
        headers = {"Content-Type": "image/png"}
        return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": True}
    environment = os.environ  # noqa: TID251 - a function reads its settings there
    return {
        "statusCode": 201,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": json.dumps(
            {"word": environment["TOLLGATE_WORD"], "stage": environment["TOLLGATE_STAGE"]}
        ),
    }
