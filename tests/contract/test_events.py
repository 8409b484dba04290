"""Every event under `events/<function>/` is one its function can get, and none is missing."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest

from local.events import filters
from scripts.sam_local import invocation
from tests import template
from tollgate.domain.api_keys import admin_token_id, user_of
from tollgate.services.recording import read_message
from tollgate.services.sweeping import swept_user
from tollgate.store.stream import read_change
from tollgate.store.usage_item import read_record

EVENTS: Final = sorted((template.ROOT / "events").glob("*/*.json"))
FOLDERS: Final = {template.folder(name): name for name in template.of_type(template.FUNCTION)}


def read(path: Path) -> dict[str, Any]:
    """The event in a file."""
    event: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return event


def kind(event: dict[str, Any]) -> str:
    """Which event source of the template sends this; ScheduleV2 when nothing says otherwise."""
    if "httpMethod" in event:
        return "Api"
    if "Records" in event:
        return {"aws:dynamodb": "DynamoDB", "aws:sqs": "SQS"}[event["Records"][0]["eventSource"]]
    return "ScheduleV2"


def of_kind(wanted: str) -> list[Any]:
    """One case for each event of a kind, named after its file."""
    return [
        pytest.param(
            FOLDERS.get(path.parent.name), read(path), id=f"{path.parent.name}/{path.stem}"
        )
        for path in EVENTS
        if kind(read(path)) == wanted
    ]


def sources(function: str, wanted: str) -> dict[str, dict[str, Any]]:
    """Event name → properties of the sources of one kind that a function has."""
    return {name: found for owner, name, found in template.events_of(wanted) if owner == function}


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_event_lies_in_the_folder_of_its_function(path: Path) -> None:
    assert path.parent.name in FOLDERS
    command = invocation(str(path.relative_to(template.ROOT)))
    assert command[3] == FOLDERS[path.parent.name]


# --- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "event"), of_kind("Api"))
def test_a_request_comes_by_a_route_of_its_function(function: str, event: dict[str, Any]) -> None:
    routes = {found["Path"]: found["Method"] for found in sources(function, "Api").values()}
    assert routes[event["resource"]] in {"ANY", event["httpMethod"]}
    stem, greedy, _ = event["resource"].partition("{proxy+}")
    tail = {"proxy": event["path"].removeprefix(stem)} if greedy else None
    assert event["path"].startswith(stem)
    assert event["pathParameters"] == tail


@pytest.mark.parametrize(("function", "event"), of_kind("Api"))
def test_a_request_says_the_same_everywhere(function: str, event: dict[str, Any]) -> None:
    context = event["requestContext"]
    assert (context["resourcePath"], context["httpMethod"]) == (
        event["resource"],
        event["httpMethod"],
    )
    assert context["path"] == f"/{context['stage']}{event['path']}"
    assert {"requestId", "identity", "requestTimeEpoch", "apiId", "accountId"} <= set(context)
    assert event["multiValueHeaders"] == {name: [v] for name, v in event["headers"].items()}
    queries = event["queryStringParameters"], event["multiValueQueryStringParameters"]
    assert queries[1] == (queries[0] and {name: [value] for name, value in queries[0].items()})
    media_type = event["headers"].get("Content-Type", "").partition(";")[0]
    binary = media_type in template.properties("Api")["BinaryMediaTypes"]
    assert event["isBase64Encoded"] is binary
    if binary:
        assert base64.b64decode(event["body"], validate=True)
    else:
        assert event["body"] is None or isinstance(json.loads(event["body"]), dict)


@pytest.mark.parametrize(("function", "event"), of_kind("Api"))
def test_a_key_in_a_request_has_the_form_of_ours(function: str, event: dict[str, Any]) -> None:
    headers = {name.lower(): value for name, value in event["headers"].items()}
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    for key in filter(None, (bearer, headers.get("x-api-key"), headers.get("x-goog-api-key"))):
        known = admin_token_id(key) if function == "Admin" else user_of(key)
        assert known is not None


# --- batches ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "event"), of_kind("DynamoDB"))
def test_a_stream_batch_passes_the_filter_of_its_mapping(
    function: str, event: dict[str, Any]
) -> None:
    for record in event["Records"]:
        table = record["eventSourceARN"].split(":table/tollgate-")[1].split("/")[0].capitalize()
        (mapping,) = [
            found
            for found in sources(function, "DynamoDB").values()
            if found["Stream"] == {"Fn::GetAtt": [table, "StreamArn"]}
        ]
        assert filters.passes(record, filters.read(mapping["FilterCriteria"]))
        view = template.properties(table)["StreamSpecification"]["StreamViewType"]
        assert record["dynamodb"]["StreamViewType"] == view
        images = {"NewImage"} if view == "NEW_IMAGE" else {"NewImage", "OldImage"}
        assert {name for name in record["dynamodb"] if name.endswith("Image")} <= images


@pytest.mark.parametrize(("function", "event"), of_kind("DynamoDB"))
def test_a_stream_record_names_its_item(function: str, event: dict[str, Any]) -> None:
    sequences = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    assert sequences == sorted(set(sequences))
    for record in event["Records"]:
        change = read_change(record)
        assert set(change.keys) == {"pk", "sk"}
        for image in filter(None, (change.old, change.new)):
            assert image | change.keys == image
        if change.new is not None and "hold" in change.new:
            assert read_record(change.new).user == "usr_01m3c8k2v9d4q7xz"


@pytest.mark.parametrize(("function", "event"), of_kind("SQS"))
def test_a_queued_message_is_one_the_code_sends(function: str, event: dict[str, Any]) -> None:
    assert sources(function, "SQS")
    types = []
    for record in event["Records"]:
        message = json.loads(record["body"])
        types.append(message["type"])
        reads: Any = {"sweep": swept_user, "record": read_message}[message["type"]]
        assert reads(message)
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()  # noqa: S324 - SQS's own checksum
    assert types == ["sweep", "record"]


# --- nothing is missing -----------------------------------------------------------------------


def test_every_schedule_has_its_event() -> None:
    declared = [
        (owner, json.loads(found["Input"])) for owner, _, found in template.events_of("ScheduleV2")
    ]
    assert [(case.values[0], case.values[1]) for case in of_kind("ScheduleV2")] == sorted(
        declared, key=lambda pair: pair[1]["job"]
    )


@pytest.mark.parametrize("wanted", ["Api", "DynamoDB", "SQS"])
def test_every_event_source_has_an_event(wanted: str) -> None:
    owners = {owner for owner, _, _ in template.events_of(wanted)}
    assert {case.values[0] for case in of_kind(wanted)} == owners


def test_every_stream_and_dialect_has_its_event() -> None:
    names = {f"{path.parent.name}/{path.stem}" for path in EVENTS}
    assert {
        *("relay/chat_stream", "relay/messages", "relay/gemini", "relay/embeddings"),
        *("relay/transcription", "relay/images"),
        *("relay/models", "relay/healthz", "admin/list_users", "portal/sign_in"),
        *("billing_aggregator/usage_batch", "billing_aggregator/catalog_batch"),
    } <= names
