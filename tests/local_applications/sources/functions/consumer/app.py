"""Notes every record it gets, and fails those that ask for it."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

NOTES = Path(__file__).with_name("notes.jsonl")
OUTAGE = Path(__file__).with_name("outage")
SEEN: Counter[str] = Counter()


def handler(event: dict[str, Any], context: object) -> object:
    """Take every message of a queue, but a stream only up to the first record that fails."""
    if OUTAGE.exists():
        raise RuntimeError("away")
    failures = []
    for record in event.get("Records", []):
        if not done(record):
            failures.append({"itemIdentifier": identity(record)})
            if "dynamodb" in record:
                break
    return {"batchItemFailures": failures, "echo": event.get("echo")}


def identity(record: dict[str, Any]) -> str:
    """What Lambda calls the record when it fails."""
    stream = record.get("dynamodb")
    return str(stream["SequenceNumber"] if stream else record["messageId"])


def done(record: dict[str, Any]) -> bool:
    """Note a record; whether it is finished."""
    stream = record.get("dynamodb")
    name = stream["Keys"]["sk"]["S"] if stream else record["body"]
    SEEN[name] += 1
    if name == "fatal":
        os._exit(4)
    if name == "poison" or (name == "flaky" and SEEN[name] < 3):
        return False
    with NOTES.open("a", encoding="utf-8") as notes:
        notes.write(json.dumps({"name": name, "record": record}) + "\n")
    return True
