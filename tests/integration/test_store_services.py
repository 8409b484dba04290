"""KMS, SSM and SQS behind boto3 and behind the lean client do the same on moto."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from tests.locked_moto import REGION
from tests.store_clients import PATIENT, at_once, lean_service, over_boto3
from tollgate.store.aws_json import KMS, SQS, SSM, AwsService
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.dynamodb import RequestRejected
from tollgate.store.kms import KmsKey
from tollgate.store.pepper import Peppers
from tollgate.store.queue import LARGEST_MESSAGE, MessageTooLarge, Queue
from tollgate.store.secrets import Place, Secrets

APIS: Final = {"kms": KMS, "ssm": SSM, "sqs": SQS}
Opener = Callable[[str], AwsService]


@pytest.fixture
def owner(moto_url: str) -> Iterator[Callable[[str], Any]]:
    """Makes the plain boto3 client of a service, for what the operator does."""
    with ExitStack() as opened:

        def client(service: str) -> Any:
            made = boto3_client(service, REGION, moto_url, read_timeout=PATIENT)
            opened.callback(made.close)
            return made

        yield client


@pytest.fixture(params=["boto3", "lean"])
def service(request: pytest.FixtureRequest, moto_url: str) -> Iterator[Opener]:
    """Makes the client of a service by its name."""
    with ExitStack() as opened:
        if request.param == "lean":
            yield lambda name: lean_service(APIS[name], moto_url)
        else:
            yield lambda name: over_boto3(moto_url, opened, service=name)


def test_a_secret_sealed_by_admin_opens_in_the_relay(
    service: Opener, owner: Callable[[str], Any]
) -> None:
    key = owner("kms").create_key()["KeyMetadata"]["KeyId"]
    admin, relay = (Secrets(KmsKey(service("kms"), key), lambda: 0.0, os.urandom) for _ in range(2))
    place = Place("accounts#acc_1", "secret", 1)
    sealed = admin.seal("sk-upstream", place, admin.new_data_key(1))
    assert relay.open(sealed, place) == "sk-upstream"


def test_kms_refuses_another_context(service: Opener, owner: Callable[[str], Any]) -> None:
    key = owner("kms").create_key()["KeyMetadata"]["KeyId"]
    kms = KmsKey(service("kms"), key)
    fresh = kms.new_key({"generation": "1"})
    assert kms.unwrap(fresh.wrapped, {"generation": "1"}) == fresh.plain
    assert len(fresh.plain) == 32
    with pytest.raises(RequestRejected) as rejection:
        kms.unwrap(fresh.wrapped, {"generation": "2"})
    assert rejection.value.code == "InvalidCiphertextException"


def test_peppers_come_from_below_the_path(service: Opener, owner: Callable[[str], Any]) -> None:
    parameters = owner("ssm")
    for name, value in {"/stack/pepper/1": "o" * 32, "/stack/pepper/2": "n" * 32}.items():
        parameters.put_parameter(Name=name, Value=value, Type="SecureString")
    assert Peppers(service("ssm"), "/stack/pepper", lambda: 0.0).newest() == (2, b"n" * 32)


def test_a_message_reaches_the_queue(service: Opener, owner: Callable[[str], Any]) -> None:
    sqs = owner("sqs")
    url = sqs.create_queue(QueueName="tollgate")["QueueUrl"]
    Queue(service("sqs"), url).send({"kind": "sweep", "user": "usr_é"})
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == '{"kind":"sweep","user":"usr_é"}'


def test_a_message_that_never_fits_is_not_tried(service: Opener) -> None:
    with pytest.raises(MessageTooLarge):
        Queue(service("sqs"), "none").send({"a": "x" * LARGEST_MESSAGE})


def test_a_queue_that_is_not_there_is_told(service: Opener, owner: Callable[[str], Any]) -> None:
    url = owner("sqs").create_queue(QueueName="tollgate")["QueueUrl"]
    with pytest.raises(RequestRejected):
        Queue(service("sqs"), url + "-gone").send({})


def test_an_object_is_read_back_through_boto3(moto: None) -> None:
    client = boto3_client("s3", REGION)
    bucket = Boto3Dynamo(client, at_once)
    bucket.call("CreateBucket", {"Bucket": "tollgate"})
    bucket.call("PutObject", {"Bucket": "tollgate", "Key": "poison", "Body": b"<not json>"})
    answer = bucket.call("GetObject", {"Bucket": "tollgate", "Key": "poison"})
    assert answer["Body"].read() == b"<not json>"
    client.close()
