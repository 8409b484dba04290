"""How a stream record looks inside an event: DynamoDB's JSON with binary values in base 64."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Record = dict[str, Any]


def sequence(record: Mapping[str, Any]) -> str:
    """The record's place in its shard."""
    return str(record["dynamodb"]["SequenceNumber"])


def created(record: Mapping[str, Any]) -> float:
    """When the change was made, in seconds since 1970."""
    return float(record["dynamodb"]["ApproximateCreationDateTime"])


def as_event(record: Mapping[str, Any], stream: str) -> Record:
    """A record as boto3 reads it → as Lambda hands it over."""
    plain: Record = _plain(record)
    return {**plain, "eventSource": "aws:dynamodb", "eventSourceARN": stream}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    return value
