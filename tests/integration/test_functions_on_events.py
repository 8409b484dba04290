"""The functions as they are deployed, given each of their sample events over moto."""

import importlib.util
import json
import random
from types import ModuleType
from typing import Any, Final

import boto3
import pytest

from tests.dynamodb_tables import Index
from tests.gateway import Plenty
from tests.locked_moto import REGION, create_table
from tests.template import ROOT
from tollgate.store.boto3_dynamodb import Boto3Dynamo
from tollgate.store.wallet import Wallets

USER: Final = "usr_01m3c8k2v9d4q7xz"
NOW_MS: Final = 1_795_348_800_000
BUCKET: Final = "tollgate-bucket"
LEDGER: Final = {"ledger_by_time": Index("ledger_user", "ledger_at", range_type="N")}


@pytest.fixture
def dynamo(moto: None, monkeypatch: pytest.MonkeyPatch) -> Boto3Dynamo:
    """All tables, queue, bucket, key and pepper, with one wallet; and the functions' variables."""
    client = boto3.client("dynamodb", region_name=REGION)
    for table in ("catalog", "usage", "rollups", "state", "orders"):
        create_table(client, f"tollgate-{table}")
    create_table(client, "tollgate-wallets", LEDGER)
    boto3.client("s3", region_name=REGION).create_bucket(Bucket=BUCKET)
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="tollgate-work")
    key = boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["Arn"]
    boto3.client("ssm", region_name=REGION).put_parameter(
        Name="/tollgate/pepper/1", Value="p" * 64, Type="SecureString"
    )
    for name, value in {
        "AWS_REGION": REGION,
        "TOLLGATE_DYNAMODB_CLIENT": "boto3",
        "TOLLGATE_QUEUE_URL": queue["QueueUrl"],
        "TOLLGATE_BUCKET": BUCKET,
        "TOLLGATE_KMS_KEY": key,
        "TOLLGATE_ALLOWED_ORIGINS": "https://app.example.com",
    }.items():
        monkeypatch.setenv(name, value)
    port = Boto3Dynamo(client, lambda failed: None)
    Wallets(port, "tollgate-wallets", random.Random(1).randrange, lambda: NOW_MS).create(USER)
    return port


def function(name: str) -> ModuleType:
    """A function's module, read afresh as a new process would."""
    path = ROOT / "functions" / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"app_of_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def event(path: str) -> dict[str, Any]:
    """A sample event."""
    found: dict[str, Any] = json.loads((ROOT / "events" / f"{path}.json").read_text("utf-8"))
    return found


@pytest.mark.usefixtures("dynamo")
@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        pytest.param("root", 200, b'{"name":"tollgate"}\n', id="root"),
        pytest.param("healthz", 200, b"ready\n", id="healthz"),
        pytest.param("preflight", 204, b"", id="preflight"),
        pytest.param("models", 401, b'"invalid_api_key"', id="models"),
        pytest.param("chat_stream", 401, b'"code":"invalid_api_key"', id="chat_stream"),
        pytest.param("embeddings", 401, b'"code":"invalid_api_key"', id="embeddings"),
        pytest.param("transcription", 401, b'"code":"invalid_api_key"', id="transcription"),
        pytest.param("images", 401, b'"code":"invalid_api_key"', id="images"),
        pytest.param("messages", 401, b'"authentication_error"', id="messages"),
        pytest.param("gemini", 401, b'"UNAUTHENTICATED"', id="gemini"),
    ],
)
def test_the_relay_answers_its_events(name: str, status: int, told: bytes) -> None:
    """The keys of the events are in no catalog here: they are refused, each in its dialect."""
    answer = function("relay").handler(event(f"relay/{name}"), Plenty())
    assert answer["status"] == status
    assert told in b"".join(answer["body"])


def test_every_event_of_the_relay_is_tried() -> None:
    tried = {"root", "healthz", "preflight", "models", "chat_stream", "embeddings"}
    tried |= {"messages", "gemini", "transcription", "images"}
    assert {path.stem for path in (ROOT / "events/relay").glob("*.json")} == tried


def items(dynamo: Boto3Dynamo, table: str) -> list[dict[str, Any]]:
    """Everything in a table."""
    found: list[dict[str, Any]] = dynamo.call("Scan", {"TableName": f"tollgate-{table}"})["Items"]
    return found


def test_the_aggregator_settles_its_batch(dynamo: Boto3Dynamo) -> None:
    answer = function("billing_aggregator").handler(event("billing_aggregator/usage_batch"), None)
    assert answer == {"batchItemFailures": []}
    marks = [item for item in items(dynamo, "rollups") if item["pk"]["S"].startswith("active#")]
    assert [mark["sk"]["S"] for mark in marks] == [USER]


@pytest.mark.usefixtures("dynamo")
def test_the_aggregator_publishes_its_batch() -> None:
    answer = function("billing_aggregator").handler(event("billing_aggregator/catalog_batch"), None)
    assert set(answer) == {"batchItemFailures"}


@pytest.mark.usefixtures("dynamo")
@pytest.mark.parametrize(
    ("job", "result"),
    [
        pytest.param("sweep", 0, id="sweep"),
        pytest.param("sweep_all", 0, id="sweep_all"),
        pytest.param("close_hours", [], id="close_hours"),
        pytest.param("reconcile", 0, id="reconcile"),
        pytest.param("jobs", 0, id="jobs"),
        pytest.param("accounts", 0, id="accounts"),
    ],
)
def test_the_janitor_does_its_jobs(job: str, result: Any) -> None:
    answer = function("janitor").handler(event(f"janitor/{job}"), None)
    assert answer == {"job": job, "result": result}


def test_the_janitor_empties_its_queue(dynamo: Boto3Dynamo) -> None:
    answer = function("janitor").handler(event("janitor/queue_message"), None)
    assert answer == {"batchItemFailures": []}
    (stored,) = items(dynamo, "usage")
    assert (stored["state"]["S"], stored["charge"]["N"]) == ("final", "1350000")


@pytest.mark.usefixtures("dynamo")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("no JSON", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"type": "dance"}', id="of a type nobody takes"),
        pytest.param('{"type": "sweep", "user": "usr_nobody"}', id="of a user without a wallet"),
        pytest.param('{"type": "record", "record": {}}', id="a record without anything"),
    ],
)
def test_a_message_nobody_can_work_on_is_kept_and_forgotten(body: str) -> None:
    queued = event("janitor/queue_message")
    queued["Records"] = [queued["Records"][0] | {"body": body}]
    assert function("janitor").handler(queued, None) == {"batchItemFailures": []}
    bucket = boto3.client("s3", region_name=REGION)
    (kept,) = bucket.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert kept["Key"] == f"poison/{queued['Records'][0]['messageId']}.json"
    told = json.loads(bucket.get_object(Bucket=BUCKET, Key=kept["Key"])["Body"].read())
    assert told["message"]["body"] == body


@pytest.mark.usefixtures("dynamo")
def test_a_record_that_contradicts_the_one_that_is_there_is_kept_for_people() -> None:
    janitor = function("janitor")
    queued = event("janitor/queue_message")
    janitor.handler(queued, None)
    other = queued["Records"][1]
    message = json.loads(other["body"])
    message["record"]["charge"] += 1
    queued["Records"] = [other | {"body": json.dumps(message)}]
    assert janitor.handler(queued, None) == {"batchItemFailures": []}
    bucket = boto3.client("s3", region_name=REGION)
    assert len(bucket.list_objects_v2(Bucket=BUCKET)["Contents"]) == 1
