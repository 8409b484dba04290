"""How access tokens are asked for at Google: where, with what, and what the answers mean."""

import base64
import json
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.gateway import Scripted
from tollgate.domain.catalog import Account
from tollgate.domain.credentials import RefreshToken, ServiceAccount
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.grants import (
    Asking,
    Grant,
    GrantRefused,
    read_grant,
    refresh_form,
    token_address,
    unsigned,
)
from tollgate.services.grants import Grants, signature
from tollgate.upstream.client import Upstream

GOOGLE = "https://oauth2.googleapis.com/token"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
EC = ec.generate_private_key(ec.SECP256R1())
EC_PEM = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SERVICE = ServiceAccount("svc@p.iam.gserviceaccount.com", PEM)
PERSON = RefreshToken("1//first", "client-1", "shh")
ACCOUNT = Account("acc_1", "one", "gemini", "service_account", "", {})


def service(token_uri: str) -> ServiceAccount:
    return ServiceAccount("svc@p.iam.gserviceaccount.com", PEM, token_uri)


LOOPBACK = "http://127.0.0.1:8790/token"
STAND_IN = "http://127.0.0.1:8790/base"


@pytest.mark.parametrize(
    ("asking", "base_url", "local", "address"),
    [
        pytest.param(SERVICE, "", False, GOOGLE, id="a service account's own, Google's"),
        pytest.param(
            service("https://www.googleapis.com/oauth2/v4/token"),
            "",
            False,
            "https://www.googleapis.com/oauth2/v4/token",
            id="an older one of Google's",
        ),
        pytest.param(PERSON, "", False, GOOGLE, id="people's: always Google's"),
        pytest.param(PERSON, STAND_IN, False, GOOGLE, id="whatever its base is"),
        pytest.param(PERSON, "https://evil.example.com", True, GOOGLE, id="also on one's machine"),
        pytest.param(
            PERSON, STAND_IN, True, "http://127.0.0.1:8790/token", id="a stand-in gives tokens"
        ),
        pytest.param(service(LOOPBACK), "", True, LOOPBACK, id="a stand-in's service account"),
        pytest.param(
            service("http://localhost:1/t"), "", True, "http://localhost:1/t", id="by its name"
        ),
    ],
)
def test_tokens_come_from_google_or_from_ones_own_machine(
    asking: Asking, base_url: str, local: bool, address: str
) -> None:
    assert token_address(asking, base_url, local=local) == address


@pytest.mark.parametrize(
    ("uri", "local"),
    [
        pytest.param("https://evil.example.com/token", False, id="somewhere else"),
        pytest.param("https://evil.example.com/token", True, id="somewhere else, locally"),
        pytest.param("https://oauth2.googleapis.com.evil.example/token", False, id="a look-alike"),
        pytest.param("http://oauth2.googleapis.com/token", False, id="without TLS"),
        pytest.param("https://oauth2.googleapis.com/token?x=1", False, id="with a query"),
        pytest.param(LOOPBACK, False, id="loopback, deployed"),
        pytest.param("http://169.254.169.254/token", True, id="link local"),
        pytest.param("http://[::1", True, id="no URL"),
    ],
)
def test_tokens_come_from_nowhere_else(uri: str, local: bool) -> None:
    with pytest.raises(UpstreamUnavailable, match="a place that gives no tokens"):
        token_address(service(uri), "", local=local)


@pytest.mark.parametrize(
    ("told", "grant"),
    [
        pytest.param(
            {"access_token": "ya29.a", "expires_in": 3_599, "refresh_token": "1//b"},
            Grant("ya29.a", 3_599, "1//b"),
            id="with a new refresh token",
        ),
        pytest.param(
            {"access_token": "a", "expires_in": 1}, Grant("a", 60), id="a minute at least"
        ),
        pytest.param(
            {"access_token": "a", "expires_in": 10**9}, Grant("a", 86_400), id="a day at most"
        ),
        pytest.param({"access_token": "a"}, Grant("a", 3_600), id="an hour where it is not said"),
        pytest.param({"access_token": "a", "expires_in": True}, Grant("a", 3_600), id="no number"),
    ],
)
def test_a_grant_is_read(told: dict[str, object], grant: Grant) -> None:
    assert read_grant(200, json.dumps(told).encode()) == grant


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        pytest.param(400, b'{"error":"invalid_grant"}', True, id="invalid_grant"),
        pytest.param(401, b'{"error":"invalid_client"}', True, id="invalid_client"),
        pytest.param(400, b'{"error":"unauthorized_client"}', True, id="unauthorized_client"),
        pytest.param(400, b'{"error":"invalid_request"}', False, id="another error"),
        pytest.param(401, b'{"error":{"message":"x"}}', False, id="an error that is an object"),
        pytest.param(503, b"<html>", False, id="503"),
        pytest.param(200, b"[]", False, id="no object"),
        pytest.param(200, b"{}", False, id="no token"),
        pytest.param(200, b'{"access_token":null}', False, id="null"),
        pytest.param(200, b'{"access_token":"a b"}', False, id="a token no header holds"),
        pytest.param(
            200, b'{"access_token":"a","refresh_token":"\\n"}', False, id="nor its successor"
        ),
    ],
)
def test_no_grant_is_refused_for_good_or_for_now(status: int, body: bytes, refused: bool) -> None:
    with pytest.raises(UpstreamUnavailable) as failed:
        read_grant(status, body)
    assert isinstance(failed.value, GrantRefused) is refused


def test_a_refresh_names_the_client_and_the_newest_token() -> None:
    assert parse_qs(refresh_form(PERSON, "1//newest").decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["client-1"],
        "client_secret": ["shh"],
        "refresh_token": ["1//newest"],
    }
    assert b"client_secret" not in refresh_form(RefreshToken("r", "c"), "r")


def part(text: bytes) -> dict[str, object]:
    """One part of a JWT."""
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(text + b"=="))
    return found


def test_a_service_account_signs_who_it_is_for_an_hour() -> None:
    text = unsigned(SERVICE, GOOGLE, 1_795_348_800)
    head, claims = text.split(b".")
    assert part(head) == {"alg": "RS256", "typ": "JWT"}
    assert part(claims) == {
        "iss": "svc@p.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1_795_348_770,
        "exp": 1_795_352_370,
    }
    KEY.public_key().verify(signature(SERVICE, text), text, padding.PKCS1v15(), SHA256())


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="none"),
        pytest.param(EC_PEM, id="of another kind"),
    ],
)
def test_a_key_that_cannot_sign_makes_the_account_unavailable(pem: str) -> None:
    with pytest.raises(UpstreamUnavailable, match="private key"):
        signature(ServiceAccount("svc@p", pem), b"x")


def grants(upstream: Scripted) -> Grants:
    return Grants(Upstream(transport=upstream), lambda: 1_795_348_800_000, local=False)


def test_a_service_accounts_assertion_is_exchanged() -> None:
    told = {"access_token": "ya29.s", "expires_in": 3_600}
    upstream = Scripted(lambda request: httpx.Response(200, json=told))
    assert grants(upstream).ask(ACCOUNT, SERVICE, "", None) == Grant("ya29.s", 3_600)
    (request,) = upstream.requests
    assert str(request.url) == GOOGLE
    form = parse_qs(request.content.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    text, _, signed = form["assertion"][0].encode().rpartition(b".")
    signed = base64.urlsafe_b64decode(signed + b"==")
    KEY.public_key().verify(signed, text, padding.PKCS1v15(), SHA256())


def test_a_refresh_token_is_exchanged() -> None:
    told = {"access_token": "ya29.p", "expires_in": 3_600, "refresh_token": "1//second"}
    upstream = Scripted(lambda request: httpx.Response(200, json=told))
    granted = grants(upstream).ask(ACCOUNT, PERSON, "1//first", None)
    assert granted == Grant("ya29.p", 3_600, "1//second")


def test_a_broken_connection_only_makes_the_account_unavailable() -> None:
    def breaks(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silent")

    with pytest.raises(UpstreamUnavailable, match="got no access token"):
        grants(Scripted(breaks)).ask(ACCOUNT, PERSON, "1//first", None)
