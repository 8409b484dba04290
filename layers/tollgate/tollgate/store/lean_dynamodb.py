"""Puts a lean signed client behind the port: DynamoDB for the hot path, without boto3.

Decides only what DynamoDB adds to the JSON protocol: binary values are `bytes` on our side.
"""

import json
from base64 import b64decode
from typing import Any

from tollgate.store.aws_json import DYNAMODB, AwsJson, Caller


class LeanDynamo(AwsJson):
    """The port over a kept-alive connection per thread."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(DYNAMODB, caller)

    def decoded(self, body: bytes) -> Any:
        """The answer with binary values as `bytes`; most answers have none and are not walked."""
        answer = json.loads(body)
        return _with_bytes(answer) if b'"B"' in body or b'"BS"' in body else answer


def _with_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_bytes(member) for member in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "B" and isinstance(content, str):
            return {"B": b64decode(content)}
        if kind == "BS" and isinstance(content, list):
            return {"BS": [b64decode(member) for member in content]}
    return {name: _with_bytes(member) for name, member in value.items()}
