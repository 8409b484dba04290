"""Our Signature Version 4 equals botocore's on any request of the JSON protocol."""

import time
from typing import Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.sigv4 import Credentials
from tollgate.store.sigv4 import Signer, credentials_in

WORDS: Final = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-"), min_size=1)
SECRETS: Final = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def expected(
    credentials: Credentials, url: str, headers: dict[str, str], body: bytes, scope: tuple[str, str]
) -> str:
    """What botocore puts into `Authorization` for these headers."""
    signer = SigV4Auth(BotocoreCredentials(*credentials), *scope)
    request = AWSRequest(method="POST", url=url, data=body, headers=headers)
    request.context["timestamp"] = headers["X-Amz-Date"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signed = signer.signed_headers(signer.headers_to_sign(request))
    scoped = f"{credentials.access_key}/{signer.credential_scope(request)}"
    return f"AWS4-HMAC-SHA256 Credential={scoped}, SignedHeaders={signed}, Signature={signature}"


def parsed(lines: str) -> dict[str, str]:
    """The header lines as a mapping."""
    return dict(line.split(": ", 1) for line in lines.split("\r\n") if line)


@given(
    credentials=st.builds(Credentials, WORDS, SECRETS, st.just("") | SECRETS),
    service=st.sampled_from(["dynamodb", "kms", "sqs", "ssm"]),
    host=st.builds(lambda name, port: f"{name}.example{port}", WORDS, st.sampled_from(["", ":80"])),
    region=WORDS,
    target=WORDS,
    body=st.binary(),
    now=st.integers(0, 4_000_000_000),
)
def test_our_signature_is_botocores(
    credentials: Credentials,
    service: str,
    host: str,
    region: str,
    target: str,
    body: bytes,
    now: int,
) -> None:
    signer = Signer(service, region, host, "application/x-amz-json-1.0")
    headers = parsed(signer.headers(credentials, target, body, now))
    authorization = headers.pop("Authorization")

    assert headers["X-Amz-Date"] == time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    assert headers["X-Amz-Target"] == target
    assert headers.get("X-Amz-Security-Token", "") == credentials.token
    assert authorization == expected(
        credentials, f"https://{host}/", headers, body, (service, region)
    )


def test_the_day_key_follows_the_day_and_the_secret() -> None:
    used = Signer("dynamodb", "us-east-1", "host", "application/x-amz-json-1.0")
    for secret in ("one", "two"):
        for day in (0, 1, 0):
            now = 1_700_000_000 + 86_400 * day
            fresh = Signer("dynamodb", "us-east-1", "host", "application/x-amz-json-1.0")
            credentials = Credentials("AKID", secret)
            assert used.headers(credentials, "t", b"", now) == fresh.headers(
                credentials, "t", b"", now
            )


def test_credentials_are_read_each_time() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "one"}
    read = credentials_in(environment)
    assert read() == Credentials("AKID", "one", "")
    environment |= {"AWS_SECRET_ACCESS_KEY": "two", "AWS_SESSION_TOKEN": "token"}
    assert read() == Credentials("AKID", "two", "token")
