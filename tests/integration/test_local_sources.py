"""Event sources of the local stack on real stores: streams, queue, failures, restarts."""

import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from local.options import ROOT
from local.ports import free_port
from local.stack import Stack
from tests import local_applications

pytestmark = pytest.mark.stack

WITHIN: Final = 15.0


def start(folder: Path, emulator: str) -> Stack:
    template = folder / "template.yaml"
    return Stack(folder / ".local", template=template, emulator=emulator, arguments=["--no-seed"])


def client(stack: Stack, service: str) -> Any:
    """A client as any tool would make it from the stack's variables."""
    known = stack.environment
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=known.get(f"AWS_ENDPOINT_URL_{service.upper()}", known["AWS_ENDPOINT_URL"]),
        aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        region_name=known["AWS_REGION"],
    )


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def put(stack: Stack, *names: str, state: str = "final") -> None:
    dynamodb = client(stack, "dynamodb")
    for name in names:
        item = {
            "pk": {"S": "u"},
            "sk": {"S": name},
            "state": {"S": state},
            "raw": {"B": b"\x00\xff"},
        }
        dynamodb.put_item(TableName=stack.environment["TOLLGATE_USAGE_TABLE"], Item=item)


def noted(folder: Path) -> list[str]:
    return [note["name"] for note in local_applications.notes(folder)]


def eventually(truth: Callable[[], bool]) -> bool:
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        if truth():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module", params=["ministack", "moto"])
def emulator(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, emulator: str) -> Path:
    folder = tmp_path_factory.mktemp(emulator)
    local_applications.copy("sources", folder)
    return folder


@pytest.fixture(scope="module")
def stack(folder: Path, emulator: str) -> Iterator[Stack]:
    with start(folder, emulator) as stack:
        yield stack


def test_stream_records_arrive_in_order_filtered_and_poison_goes_to_the_bucket(
    stack: Stack, folder: Path
) -> None:
    put(stack, "a", "b", "flaky", "c", "poison", "d")
    put(stack, "draft", state="draft")
    put(stack, "e")

    assert eventually(lambda: noted(folder)[-1:] == ["e"])
    assert noted(folder) == ["a", "b", "flaky", "c", "d", "e"]

    s3 = client(stack, "s3")
    (entry,) = s3.list_objects_v2(Bucket="tollgate-bucket")["Contents"]
    assert entry["Key"].startswith("aws/lambda/Consumer.Settle/")
    report = json.loads(s3.get_object(Bucket="tollgate-bucket", Key=entry["Key"])["Body"].read())
    assert report["requestContext"]["approximateInvokeCount"] == 3
    (given_up,) = report["payload"]["Records"]
    assert given_up["dynamodb"]["NewImage"]["sk"] == {"S": "poison"}


def test_records_look_as_lambda_shows_them(stack: Stack, folder: Path) -> None:
    put(stack, "shape")

    assert eventually(lambda: "shape" in noted(folder))
    record = local_applications.notes(folder)[-1]["record"]
    assert (record["eventName"], record["eventSource"]) == ("INSERT", "aws:dynamodb")
    assert ":table/tollgate-usage/stream/" in record["eventSourceARN"]
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "u"}, "sk": {"S": "shape"}}
    assert base64.b64decode(record["dynamodb"]["NewImage"]["raw"]["B"]) == b"\x00\xff"
    assert abs(record["dynamodb"]["ApproximateCreationDateTime"] - time.time()) < 60


def test_a_crash_of_the_consumer_costs_one_record_and_no_other(stack: Stack, folder: Path) -> None:
    put(stack, "before", "fatal", "after")

    assert eventually(lambda: "after" in noted(folder))
    assert "before" in noted(folder)


def test_queued_messages_are_delivered_and_poison_becomes_a_dead_letter(
    stack: Stack, folder: Path
) -> None:
    sqs = client(stack, "sqs")
    url = stack.environment["TOLLGATE_QUEUE_URL"]
    sqs.send_message(QueueUrl=url, MessageBody="message")
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    dead = sqs.get_queue_url(QueueName="tollgate-dead")["QueueUrl"]
    letters: list[str] = []

    def is_dead() -> bool:
        letters.extend(
            each["Body"] for each in sqs.receive_message(QueueUrl=dead).get("Messages", [])
        )
        return bool(letters)

    assert eventually(is_dead)
    assert letters == ["poison"]
    assert "message" in noted(folder)


def test_the_functions_can_be_called_by_name(stack: Stack) -> None:
    answer = client(stack, "lambda").invoke(FunctionName="tollgate-consumer", Payload=b'{"echo":7}')

    assert json.loads(answer["Payload"].read())["echo"] == 7


def test_the_pepper_and_the_key_are_there(stack: Stack) -> None:
    name = f"{stack.environment['TOLLGATE_PEPPER_PARAMETER']}/1"
    parameter = client(stack, "ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    kms, key = client(stack, "kms"), stack.environment["TOLLGATE_KMS_KEY"]

    sealed = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]

    assert len(base64.b64decode(parameter["Value"])) == 48
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})["Plaintext"] == b"x"


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The URL of stores that live longer than any stack."""
    port = free_port()
    command = [sys.executable, "-m", "local.emulator.moto_server", str(port)]
    with subprocess.Popen(command, cwd=ROOT) as server:
        assert eventually(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def test_with_stores_elsewhere_the_stream_is_read_on_from_the_checkpoint(
    tmp_path: Path, elsewhere: str
) -> None:
    local_applications.copy("sources", tmp_path)
    with start(tmp_path, elsewhere) as first:
        put(first, "one", "two")
        assert eventually(lambda: noted(tmp_path) == ["one", "two"])
    put(first, "meanwhile")

    with start(tmp_path, elsewhere) as second:
        put(second, "three")
        assert eventually(lambda: "three" in noted(tmp_path))

    assert noted(tmp_path) == ["one", "two", "meanwhile", "three"]


def test_after_a_clean_restart_state_and_place_in_the_stream_are_kept(tmp_path: Path) -> None:
    local_applications.copy("sources", tmp_path)
    with start(tmp_path, "ministack") as first:
        put(first, "one", "two")
        assert eventually(lambda: noted(tmp_path) == ["one", "two"])
        key = first.environment["TOLLGATE_KMS_KEY"]

    with start(tmp_path, "ministack") as second:
        table = second.environment["TOLLGATE_USAGE_TABLE"]
        assert client(second, "dynamodb").scan(TableName=table)["Count"] == 2
        assert second.environment["TOLLGATE_KMS_KEY"] == key
        put(second, "three")
        assert eventually(lambda: "three" in noted(tmp_path))

    assert noted(tmp_path) == ["one", "two", "three"]


def test_records_that_were_not_delivered_before_a_stop_are_delivered_after_it(
    tmp_path: Path,
) -> None:
    template = local_applications.copy("sources", tmp_path)
    patient = template.read_text("utf-8").replace(
        "MaximumRetryAttempts: 2", "MaximumRetryAttempts: -1"
    )
    template.write_text(patient, "utf-8")
    local_applications.set_outage(tmp_path, away=True)
    with start(tmp_path, "ministack") as first:
        put(first, "one", "two")
    assert noted(tmp_path) == []

    local_applications.set_outage(tmp_path, away=False)
    with start(tmp_path, "ministack"):
        assert eventually(lambda: noted(tmp_path) == ["one", "two"])
