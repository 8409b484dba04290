"""How the lean client keeps its connections, reads HTTP, and speaks to AWS's other services."""

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.scripted_endpoint import Behaviour, answer, drop, raw, refuse, scripted_endpoint
from tests.store_clients import IMPATIENT, NOW, at_once, caller, lean, lean_service
from tollgate.domain.sigv4 import Credentials
from tollgate.store.aws_json import KMS, SQS, AwsJson, Caller
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, Throttled
from tollgate.store.keep_alive import LONGEST_IDLE, Place, trusted_context
from tollgate.store.lean_dynamodb import LeanDynamo

OK = answer(200, {})


def get(dynamo: LeanDynamo) -> dict[str, Any]:
    """Any request."""
    return dynamo.call("GetItem", {"TableName": "T"})


def test_one_connection_serves_many_calls() -> None:
    with scripted_endpoint(OK, OK, OK) as endpoint:
        dynamo = lean(endpoint.url)
        for _ in range(3):
            get(dynamo)
        assert (endpoint.connections, len(endpoint.deliveries)) == (1, 3)


def test_each_thread_has_its_own_connection() -> None:
    with scripted_endpoint(OK, OK) as endpoint:
        dynamo = lean(endpoint.url)
        get(dynamo)
        thread = Thread(target=get, args=(dynamo,))
        thread.start()
        thread.join()
        assert endpoint.connections == 2


def test_a_connection_the_server_closed_is_not_used_again() -> None:
    def answer_and_leave(connection: socket.socket) -> bool:
        OK(connection)
        return False

    with scripted_endpoint(answer_and_leave, OK) as endpoint:
        dynamo = lean(endpoint.url)
        get(dynamo)
        while not endpoint.closed:
            pass
        get(dynamo)
        assert (endpoint.connections, len(endpoint.deliveries)) == (2, 2)


def test_a_connection_that_is_announced_to_close_is_closed() -> None:
    with scripted_endpoint(answer(200, {}, "Connection: close"), OK) as endpoint:
        dynamo = lean(endpoint.url)
        get(dynamo)
        get(dynamo)
        assert endpoint.connections == 2


@pytest.mark.parametrize(
    ("idle", "connections"), [(LONGEST_IDLE, 1), (LONGEST_IDLE + 1, 2), (-1, 2)]
)
def test_a_connection_that_idled_too_long_is_replaced(idle: float, connections: int) -> None:
    now = [NOW]
    with scripted_endpoint(OK, OK) as endpoint:
        dynamo = LeanDynamo(caller(endpoint.url, clock=lambda: now[0]))
        get(dynamo)
        now[0] += idle
        get(dynamo)
        assert endpoint.connections == connections


def test_a_failure_costs_its_connection_and_not_the_next_call() -> None:
    with scripted_endpoint(OK, drop, OK) as endpoint:
        dynamo = lean(endpoint.url)
        get(dynamo)
        with pytest.raises(OutcomeUnknown):
            get(dynamo)
        get(dynamo)
        assert (endpoint.connections, len(endpoint.deliveries)) == (2, 3)


BODY = b'{"Item":{"pk":{"S":"p"}}}'


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length:25\r\n\r\n" + BODY, id="lower case"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\n" + BODY[:5] + b"\r\n14;x=y\r\n" + BODY[5:] + b"\r\n0\r\n\r\n",
            id="chunks",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 25\r\n\r\n" + BODY, id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200\r\nContent-Length: 25\r\n\r\n" + BODY, id="no reason phrase"),
    ],
)
@pytest.mark.parametrize("pieces", [False, True], ids=["at once", "byte by byte"])
def test_an_answer_is_read_whole_however_it_comes(content: bytes, pieces: bool) -> None:
    def send(connection: socket.socket) -> bool:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(content)) if pieces else ():
            connection.sendall(content[at : at + 1])
        if not pieces:
            connection.sendall(content)
        return False

    with scripted_endpoint(send) as endpoint:
        assert get(lean(endpoint.url)) == {"Item": {"pk": {"S": "p"}}}


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n\r\n{}"), id="no length"),
        pytest.param(raw(b"HTTP/1.1 2xx OK\r\nContent-Length: 2\r\n\r\n{}"), id="no status"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}"), id="too much"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), id="no chunk"
        ),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), id="an endless head"),
        pytest.param(raw(b"\r\n\r\n"), id="nothing"),
    ],
)
def test_what_is_no_answer_leaves_the_outcome_unknown(behaviour: Behaviour) -> None:
    with scripted_endpoint(behaviour) as endpoint, pytest.raises(OutcomeUnknown):
        get(lean(endpoint.url))


def test_an_answer_without_a_body_is_empty() -> None:
    empty = raw(b"HTTP/1.1 204 No Content\r\n\r\n")
    with scripted_endpoint(empty) as endpoint, pytest.raises(RequestRejected) as rejection:
        get(lean(endpoint.url))
    assert rejection.value.code == "204"


def test_bytes_are_sent_as_base64_and_text_as_it_is() -> None:
    with scripted_endpoint(OK) as endpoint:
        item = {"pk": {"S": "é"}, "b": {"B": b"\x00\xff"}, "s": {"BS": [bytearray(b"\x01")]}}
        lean(endpoint.url).call("PutItem", {"TableName": "T", "Item": item})
        assert json.loads(endpoint.deliveries[0]) == {
            "TableName": "T",
            "Item": {"pk": {"S": "é"}, "b": {"B": "AP8="}, "s": {"BS": ["AQ=="]}},
        }


@pytest.mark.parametrize("number", [float("nan"), {1, 2}, object()])
def test_what_has_no_json_is_a_mistake_and_is_never_sent(number: object) -> None:
    with scripted_endpoint() as endpoint:
        with pytest.raises((TypeError, ValueError)):
            lean(endpoint.url).call("PutItem", {"TableName": "T", "Item": {"n": number}})
        assert endpoint.deliveries == []


def test_other_services_speak_the_same_protocol() -> None:
    with scripted_endpoint(answer(200, {"MessageId": "1"})) as endpoint:
        request = {"QueueUrl": "q", "MessageBody": "b"}
        assert lean_service(SQS, endpoint.url).call("SendMessage", request) == {"MessageId": "1"}


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (refuse(400, "ThrottlingException"), Throttled),
        (refuse(500, "DependencyTimeoutException"), OutcomeUnknown),
        (refuse(400, "InvalidCiphertextException"), RequestRejected),
        (answer(403, [], "Connection: close"), RequestRejected),
    ],
)
def test_other_services_fail_in_the_same_words(
    behaviour: Behaviour, error: type[Exception]
) -> None:
    with scripted_endpoint(behaviour) as endpoint, pytest.raises(error):
        lean_service(KMS, endpoint.url).call("Decrypt", {})


@pytest.mark.parametrize(
    ("region", "endpoint", "place", "host"),
    [
        pytest.param(
            "eu-west-1",
            None,
            Place("kms.eu-west-1.amazonaws.com", 443, True),
            "kms.eu-west-1.amazonaws.com",
            id="AWS",
        ),
        pytest.param(
            "cn-north-1",
            None,
            Place("kms.cn-north-1.amazonaws.com.cn", 443, True),
            "kms.cn-north-1.amazonaws.com.cn",
            id="AWS in China",
        ),
        pytest.param(
            "us-east-1",
            "http://127.0.0.1:4566",
            Place("127.0.0.1", 4566, False),
            "127.0.0.1:4566",
            id="a stand-in",
        ),
        pytest.param(
            "us-east-1", "https://aws.test", Place("aws.test", 443, True), "aws.test", id="by TLS"
        ),
        pytest.param(
            "us-east-1", "http://aws.test", Place("aws.test", 80, False), "aws.test", id="in clear"
        ),
    ],
)
def test_a_service_is_found(region: str, endpoint: str | None, place: Place, host: str) -> None:
    shared = Caller(region, lambda: Credentials("", ""), lambda: NOW, at_once, endpoint)
    assert shared.place_of("kms") == (place, host)


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's TLS with a certificate for 127.0.0.1 that clients of this test trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path / "server.pem"
    pem = Encoding.PEM
    secret = key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    trusted_context.cache_clear()
    yield server
    trusted_context.cache_clear()


def test_one_tls_connection_serves_many_calls(certified: ssl.SSLContext) -> None:
    with scripted_endpoint(OK, OK, OK, tls=certified) as endpoint:
        dynamo = lean(endpoint.url)
        for _ in range(3):
            get(dynamo)
        assert (endpoint.connections, len(endpoint.deliveries)) == (1, 3)


def test_a_certificate_of_a_stranger_is_refused(certified: ssl.SSLContext) -> None:
    with scripted_endpoint(tls=certified) as endpoint:
        elsewhere = lean(endpoint.url.replace("127.0.0.1", "localhost"))
        with pytest.raises(OutcomeUnknown, match="certificate"):
            get(elsewhere)
        assert endpoint.deliveries == []


def test_a_server_that_speaks_no_tls_is_not_spoken_to() -> None:
    with scripted_endpoint() as endpoint:
        secure_url = endpoint.url.replace("http:", "https:")
        secure = AwsJson(KMS, caller(secure_url, timeout=IMPATIENT))
        with pytest.raises(OutcomeUnknown):
            secure.call("Decrypt", {})
        assert endpoint.deliveries == []
