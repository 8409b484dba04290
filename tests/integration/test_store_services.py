"""KMS, SSM and SQS behind boto3 and behind the lean client do the same on moto."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import httpx
import pytest

from tests.locked_moto import REGION
from tests.scripted_endpoint import Behaviour, answer, drop, raw, scripted_endpoint
from tests.store_clients import PATIENT, at_once, lean_service, over_boto3
from tollgate.store.aws_json import KMS, SQS, SSM, AwsService
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.bucket import PART_BYTES, Bucket, NoBucket
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
    assert answer["Body"] == b"<not json>"
    client.close()


@pytest.fixture
def bucket(moto: None) -> Iterator[Bucket]:
    """The bucket as admin and janitor have it."""
    client = boto3_client("s3", REGION)
    client.create_bucket(Bucket="tollgate")
    yield Bucket(Boto3Dynamo(client, at_once), "tollgate")
    client.close()


def test_an_object_of_several_pieces_is_put_together_once(bucket: Bucket) -> None:
    key, pieces = "exports/job_1/usage.csv", (b"a" * PART_BYTES, b"b")
    upload = bucket.begin(key)
    bucket.part(key, upload, 1, b"another janitor's")
    tags = [bucket.part(key, upload, n, body) for n, body in enumerate(pieces, 1)]
    bucket.finish(key, upload, tags)
    bucket.finish(key, upload, tags)
    assert bucket.get(key) == b"".join(pieces)


def test_a_link_leads_to_the_bucket_of_its_region(aws_environment: None) -> None:
    client = boto3_client("s3", "eu-central-1")
    link = httpx.URL(Bucket(Boto3Dynamo(client, at_once), "tollgate").link("exports/x", "x", 9))
    assert link.host == "tollgate.s3.eu-central-1.amazonaws.com"
    client.close()


def test_a_link_says_what_it_gives_for_how_long_and_under_which_name(bucket: Bucket) -> None:
    link = httpx.URL(bucket.link("exports/job_1/part-1", "usage.csv", 900))
    assert (link.host, link.path) == ("tollgate.s3.amazonaws.com", "/exports/job_1/part-1")
    signed = dict(link.params)
    assert signed["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert signed["X-Amz-Expires"] == "900"
    assert signed["response-content-disposition"] == 'attachment; filename="usage.csv"'


def test_pieces_that_do_not_fit_are_told(bucket: Bucket) -> None:
    upload = bucket.begin("exports/x")
    with pytest.raises(RequestRejected) as rejected:
        bucket.finish("exports/x", upload, ['"another"'])
    assert rejected.value.code == "InvalidPart"


def test_an_object_that_is_not_there_is_told(bucket: Bucket) -> None:
    with pytest.raises(RequestRejected) as rejected:
        bucket.get("exports/nothing")
    assert rejected.value.code == "NoSuchKey"


@pytest.mark.usefixtures("aws_environment")
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), id="a cut body"),
        pytest.param(drop, id="no answer"),
        pytest.param(answer(503, b"<Error><Code>SlowDown</Code></Error>"), id="slow down"),
    ],
)
def test_an_object_that_does_not_come_whole_is_asked_for_again(behaviour: Behaviour) -> None:
    with scripted_endpoint(behaviour, answer(200, b"whole")) as endpoint, ExitStack() as opened:
        bucket = Bucket(over_boto3(endpoint.url, opened, PATIENT, "s3"), "tollgate")
        assert bucket.get("exports/x") == b"whole"


def test_a_process_without_a_bucket_says_so() -> None:
    with pytest.raises(NoBucket):
        Bucket(None, "tollgate").keep("poison", "x", {})
