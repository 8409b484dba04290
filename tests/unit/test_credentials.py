"""What account credentials of each type are, and which texts are refused, and in which words."""

import json
from typing import Any

import pytest

from tollgate.domain.catalog import Account
from tollgate.domain.credentials import (
    ApiKeys,
    BedrockKeys,
    Credentials,
    CredentialsUnreadable,
    RefreshToken,
    ServiceAccount,
    kept_text,
    read_credentials,
    read_proxy_credentials,
)

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBg+/kq==\n-----END PRIVATE KEY-----\n"
KEY_FILE = {
    "type": "service_account",
    "project_id": "my-project-1",
    "private_key_id": "b3c5",
    "private_key": PEM,
    "client_email": "relay@my-project-1.iam.gserviceaccount.com",
    "client_id": "1184",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "universe_domain": "googleapis.com",
}
AWS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "wJalr/+XUt="}
REFRESH = {"refresh_token": "1//0g-refresh", "client_id": "id.apps.googleusercontent.com"}
SECRET_TEXT = "s3cret-canary"


def account(kind: str, auth_mode: str = "") -> Account:
    return Account("acc_1", "n", "openai", kind, "https://x.example", {}, auth_mode=auth_mode)


def without(parts: dict[str, Any], *names: str) -> str:
    return json.dumps({name: part for name, part in parts.items() if name not in names})


def changed(parts: dict[str, Any], **more: Any) -> str:
    return json.dumps(parts | more)


@pytest.mark.parametrize(
    ("kind", "auth_mode", "text", "expected"),
    [
        pytest.param("apikey", "", "sk-1", ApiKeys(("sk-1",)), id="one API key"),
        pytest.param(
            "apikey",
            "",
            "sk-1\r\n  sk-2 \n\nsk-3\n",
            ApiKeys(("sk-1", "sk-2", "sk-3")),
            id="several, with the ends of lines of a form",
        ),
        pytest.param(
            "bedrock",
            "",
            json.dumps(AWS),
            BedrockKeys("AKIAEXAMPLE", "wJalr/+XUt=", ""),
            id="no mode means signing",
        ),
        pytest.param(
            "bedrock",
            "sigv4",
            changed(AWS, aws_session_token="tok"),
            BedrockKeys("AKIAEXAMPLE", "wJalr/+XUt=", "tok"),
            id="keys of a session",
        ),
        pytest.param(
            "bedrock",
            "sigv4",
            changed(AWS, aws_session_token=""),
            BedrockKeys("AKIAEXAMPLE", "wJalr/+XUt=", ""),
            id="an empty session token is none",
        ),
        pytest.param(
            "bedrock", "apikey", '{"api_key": "ABSK1"}', ApiKeys(("ABSK1",)), id="a Bedrock key"
        ),
        pytest.param(
            "service_account",
            "",
            json.dumps(KEY_FILE, indent=2),
            ServiceAccount(
                "relay@my-project-1.iam.gserviceaccount.com",
                PEM,
                "https://oauth2.googleapis.com/token",
                "my-project-1",
            ),
            id="Google's key file as it is downloaded",
        ),
        pytest.param(
            "service_account",
            "",
            without(KEY_FILE, "type", "token_uri", "project_id"),
            ServiceAccount(
                "relay@my-project-1.iam.gserviceaccount.com",
                PEM,
                "https://oauth2.googleapis.com/token",
                "",
            ),
            id="only what a token takes",
        ),
        pytest.param(
            "oauth",
            "",
            json.dumps(REFRESH),
            RefreshToken("1//0g-refresh", "id.apps.googleusercontent.com", ""),
            id="a public client",
        ),
        pytest.param(
            "oauth",
            "",
            changed(REFRESH, client_secret="GOCSPX-1"),
            RefreshToken("1//0g-refresh", "id.apps.googleusercontent.com", "GOCSPX-1"),
            id="a client with a secret",
        ),
    ],
)
def test_credentials_are_read_by_type(
    kind: str, auth_mode: str, text: str, expected: Credentials
) -> None:
    assert read_credentials(account(kind, auth_mode), text) == expected


@pytest.mark.parametrize(
    ("kind", "text", "part", "message"),
    [
        pytest.param("apikey", "", "", "there is no API key in them", id="nothing"),
        pytest.param("apikey", " \n\t\n", "", "there is no API key in them", id="empty lines"),
        pytest.param(
            "apikey",
            f"sk-1\nsk 2 {SECRET_TEXT}",
            "",
            "API key 2 has characters that no header can hold",
            id="a space within",
        ),
        pytest.param(
            "apikey",
            f"{SECRET_TEXT}\x00",
            "",
            "API key 1 has characters that no header can hold",
            id="a control character",
        ),
        pytest.param(
            "apikey",
            f"{SECRET_TEXT}é",
            "",
            "API key 1 has characters that no header can hold",
            id="no ASCII",
        ),
        pytest.param(
            "apikey", f"a\n{SECRET_TEXT}\na", "", "API key 3 is there twice", id="one twice"
        ),
        pytest.param(
            "apikey",
            "\n".join(f"sk-{number}" for number in range(51)),
            "",
            "at most 50 API keys; there are 51",
            id="too many",
        ),
        pytest.param("bedrock", SECRET_TEXT, "", "they must be a JSON object", id="no JSON"),
        pytest.param("bedrock", "[]", "", "they must be a JSON object", id="a list"),
        pytest.param("bedrock", "[" * 5000, "", "they must be a JSON object", id="a deep list"),
        pytest.param(
            "oauth",
            f'{{"client_id": "a", "client_id": "{SECRET_TEXT}"}}',
            "",
            "a field is there twice",
            id="a field twice",
        ),
        pytest.param(
            "bedrock",
            without(AWS, "aws_access_key_id"),
            "aws_access_key_id",
            "it is missing",
            id="no access key id",
        ),
        pytest.param(
            "bedrock",
            changed(AWS, aws_secret_access_key=None),
            "aws_secret_access_key",
            "it is missing",
            id="no secret access key",
        ),
        pytest.param(
            "bedrock",
            changed(AWS, aws_secret_access_key=f"{SECRET_TEXT}\r\nx: y"),
            "aws_secret_access_key",
            "it has characters that no header can hold",
            id="a line end in a key",
        ),
        pytest.param(
            "bedrock",
            changed(AWS, aws_session_token=5),
            "aws_session_token",
            "it must be a text of at most 8192",
            id="a number",
        ),
        pytest.param(
            "bedrock",
            changed(AWS, aws_session_token="x" * 8193),
            "aws_session_token",
            "it must be a text of at most 8192",
            id="a text too long",
        ),
        pytest.param(
            "service_account",
            changed(KEY_FILE, type="authorized_user"),
            "type",
            "it must be 'service_account'",
            id="another kind of Google file",
        ),
        pytest.param(
            "service_account",
            changed(KEY_FILE, private_key=SECRET_TEXT),
            "private_key",
            "it must be a private key in PEM",
            id="no PEM",
        ),
        pytest.param(
            "service_account",
            changed(KEY_FILE, private_key=PEM.replace("PRIVATE", "PUBLIC")),
            "private_key",
            "it must be a private key in PEM",
            id="a public key",
        ),
        pytest.param(
            "service_account",
            changed(KEY_FILE, project_id="../x"),
            "project_id",
            "it must be a project's id",
            id="a path for a project",
        ),
        pytest.param(
            "service_account",
            without(KEY_FILE, "client_email"),
            "client_email",
            "it is missing",
            id="nobody's key",
        ),
        pytest.param(
            "oauth",
            without(REFRESH, "refresh_token"),
            "refresh_token",
            "it is missing",
            id="no refresh token",
        ),
        pytest.param(
            "oauth", without(REFRESH, "client_id"), "client_id", "it is missing", id="no client"
        ),
        pytest.param(
            "cookie", SECRET_TEXT, "", "no account type takes these credentials", id="no such type"
        ),
    ],
)
def test_what_is_refused_is_named_and_never_quoted(
    kind: str, text: str, part: str, message: str
) -> None:
    with pytest.raises(CredentialsUnreadable) as refused:
        read_credentials(account(kind), text)
    assert (refused.value.part, refused.value.message) == (part, message)
    assert SECRET_TEXT not in repr(refused.value) + repr(refused.value.__cause__)


def test_a_bedrock_key_is_no_key_pair() -> None:
    with pytest.raises(CredentialsUnreadable) as refused:
        read_credentials(account("bedrock", "apikey"), json.dumps(AWS))
    assert (refused.value.part, refused.value.message) == ("api_key", "it is missing")


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(ApiKeys((SECRET_TEXT,)), id="API keys"),
        pytest.param(BedrockKeys("id", SECRET_TEXT, SECRET_TEXT), id="AWS keys"),
        pytest.param(ServiceAccount("mail", SECRET_TEXT), id="a service account"),
        pytest.param(RefreshToken(SECRET_TEXT, "id", SECRET_TEXT), id="a refresh token"),
    ],
)
def test_a_log_of_credentials_shows_no_secret(credentials: Credentials) -> None:
    assert SECRET_TEXT not in repr(credentials)


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        pytest.param("apikey", " a\r\n\nb ", "a\nb", id="one API key on each line"),
        pytest.param("bedrock", '{"api_key": "a"}', '{"api_key": "a"}', id="a Bedrock key"),
        pytest.param("oauth", json.dumps(REFRESH), json.dumps(REFRESH), id="JSON as it came"),
    ],
)
def test_what_is_kept_is_in_one_spelling(kind: str, text: str, kept: str) -> None:
    assert kept_text(account(kind, "apikey"), text) == kept


@pytest.mark.parametrize("text", ["user:pass", "user:", "u:p:q"])
def test_a_proxy_takes_a_user_and_a_password(text: str) -> None:
    assert read_proxy_credentials(text) == text


@pytest.mark.parametrize("text", ["", "user", ":pass", "us er:pass", "user:pass\r\nx: y", "ü:p"])
def test_what_a_proxy_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(CredentialsUnreadable, match="they must be user:password, without spaces"):
        read_proxy_credentials(text)
