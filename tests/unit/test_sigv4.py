"""Our signatures are botocore's, whatever the path holds."""

from typing import Final
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.sigv4 import Credentials, Unsigned, signed, stamp_of

WORDS: Final = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-"), min_size=1)
SECRETS: Final = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
IDS: Final = st.text(
    st.sampled_from("abcXYZ0189.:/-_~ %+&=?#@!*'(),;ü€"), min_size=1, max_size=40
).filter(lambda text: text not in {".", ".."})
"""Ids of models, and much that is none."""


def theirs(
    request: Unsigned, credentials: Credentials, region: str, headers: dict[str, str]
) -> str:
    """What botocore puts into `Authorization`, the path being sent as it is."""
    signer = SigV4Auth(BotocoreCredentials(*credentials), "bedrock", region)
    asked = AWSRequest(
        method=request.method,
        url=f"https://{request.headers['host']}{request.path}",
        data=request.body,
        headers={name: value for name, value in headers.items() if name != "authorization"},
    )
    asked.context["timestamp"] = headers["x-amz-date"]
    canonical = signer.canonical_request(asked)
    signature = signer.signature(signer.string_to_sign(asked, canonical), asked)
    names = signer.signed_headers(signer.headers_to_sign(asked))
    scope = f"{credentials.access_key}/{signer.credential_scope(asked)}"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"


@given(
    model=IDS,
    action=st.sampled_from(["invoke", "invoke-with-response-stream"]),
    credentials=st.builds(Credentials, WORDS, SECRETS, st.just("") | SECRETS),
    region=WORDS,
    body=st.binary(),
    accept=st.sampled_from(["application/json", "a,  b ", "application/vnd.amazon.eventstream"]),
    now=st.integers(0, 4_000_000_000),
)
def test_our_signature_is_botocores(
    model: str,
    action: str,
    credentials: Credentials,
    region: str,
    body: bytes,
    accept: str,
    now: int,
) -> None:
    headers = {
        "host": f"bedrock-runtime.{region}.amazonaws.com",
        "content-type": "application/json",
        "accept": accept,
    }
    request = Unsigned(f"/model/{quote(model, safe='')}/{action}", body, headers)
    found = signed(request, credentials, region, "bedrock", now)
    assert found["x-amz-date"] == stamp_of(now)
    assert found.get("x-amz-security-token", "") == credentials.token
    assert found["authorization"] == theirs(request, credentials, region, found)


def test_a_signature_typed_out() -> None:
    request = Unsigned(
        "/model/us.anthropic.claude-opus-4-5-20251101-v1%3A0/invoke",
        b"{}",
        {"host": "bedrock-runtime.us-east-1.amazonaws.com"},
    )
    found = signed(request, Credentials("AKID", "secret"), "us-east-1", "bedrock", 1_795_348_800)
    assert found["x-amz-date"] == "20261122T120000Z"
    assert found["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/bedrock/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature="
    )
