"""What an upstream account's opened secret holds, by the account's type, and which texts are none.

An account that speaks with API keys keeps one on each line; every other type keeps a JSON object.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tollgate.domain.catalog import Account

if TYPE_CHECKING:  # as a relay, which reads credentials too, would take 30 ms to load them
    from tollgate.domain.definitions import AccountDefinition

MOST_KEYS: Final = 50
LONGEST_PART: Final = 8_192
GOOGLE_TOKENS: Final = "https://oauth2.googleapis.com/token"
IN_HEADER: Final = re.compile(r"[\x21-\x7e]+")
"""What a header can hold without meaning something else, and no key has a space."""

PROJECT: Final = re.compile(r"[a-z0-9.:-]{1,100}")
PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN (RSA )?PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END (RSA )?PRIVATE KEY-----\n?"
)


class CredentialsUnreadable(ValueError):
    """They are not what the account's type takes. The message tells why, and never what they say.

    Args:
        part: which field of theirs is at fault; "" for all of them.
    """

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.part = part


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """One or several API keys of one account; a header can hold each of them."""

    keys: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class BedrockKeys:
    """What AWS calls are signed with; `session_token` is empty for lasting keys."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A Google service account: `private_key` is PEM, `token_uri` where its tokens come from."""

    client_email: str
    private_key: str = field(repr=False)
    token_uri: str = GOOGLE_TOKENS
    project_id: str = ""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What access tokens are asked for with; `client_secret` is empty where there is none."""

    refresh_token: str = field(repr=False)
    client_id: str
    client_secret: str = field(default="", repr=False)


Credentials = ApiKeys | BedrockKeys | ServiceAccount | RefreshToken


def read_credentials(account: "Account | AccountDefinition", text: str) -> Credentials:
    """The credentials of an account, opened; by its type, and its `auth_mode` for Bedrock.

    Raises:
        CredentialsUnreadable: it is of another form, or of a type that is not known.
    """
    if account.type == "bedrock":
        return read_bedrock_key(text) if account.auth_mode == "apikey" else read_bedrock(text)
    reader = READERS.get(account.type)
    if reader is None:
        raise CredentialsUnreadable("no account type takes these credentials")
    return reader(text)


def kept_text(account: "Account | AccountDefinition", text: str) -> str:
    """What is sealed of an account's credentials: API keys stand one on each line.

    Raises:
        CredentialsUnreadable: as `read_credentials`.
    """
    read = read_credentials(account, text)
    if account.type == "apikey" and isinstance(read, ApiKeys):
        return "\n".join(read.keys)
    return text


def read_api_keys(text: str) -> ApiKeys:
    """One API key on each line; empty lines and the spaces around a key count for nothing.

    Raises:
        CredentialsUnreadable: none, too many, one twice, or one that no header can hold.
    """
    keys = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not keys:
        raise CredentialsUnreadable("there is no API key in them")
    if len(keys) > MOST_KEYS:
        raise CredentialsUnreadable(f"at most {MOST_KEYS} API keys; there are {len(keys)}")
    seen: set[str] = set()
    for number, key in enumerate(keys, 1):
        if not IN_HEADER.fullmatch(key):
            raise CredentialsUnreadable(f"API key {number} has characters that no header can hold")
        if key in seen:
            raise CredentialsUnreadable(f"API key {number} is there twice")
        seen.add(key)
    return ApiKeys(keys)


def read_bedrock(text: str) -> BedrockKeys:
    """An AWS key pair.

    Raises:
        CredentialsUnreadable: it is none.
    """
    parts = Parts(text)
    return BedrockKeys(
        access_key_id=parts.header("aws_access_key_id"),
        secret_access_key=parts.header("aws_secret_access_key"),
        session_token=parts.header("aws_session_token", ""),
    )


def read_bedrock_key(text: str) -> ApiKeys:
    """A Bedrock API key, which is sent as it is instead of signing.

    Raises:
        CredentialsUnreadable: it is none.
    """
    return ApiKeys((Parts(text).header("api_key"),))


def read_service_account(text: str) -> ServiceAccount:
    """Google's key file, as it is downloaded.

    Raises:
        CredentialsUnreadable: it is none.
    """
    parts = Parts(text)
    if parts.said("type", "service_account") != "service_account":
        raise CredentialsUnreadable("it must be 'service_account'", "type")
    private_key = parts.said("private_key")
    if not PRIVATE_KEY.fullmatch(private_key):
        raise CredentialsUnreadable("it must be a private key in PEM", "private_key")
    project = parts.said("project_id", "")
    if project and not PROJECT.fullmatch(project):
        raise CredentialsUnreadable("it must be a project's id", "project_id")
    return ServiceAccount(
        client_email=parts.header("client_email"),
        private_key=private_key,
        token_uri=parts.header("token_uri", GOOGLE_TOKENS),
        project_id=project,
    )


def read_refresh_token(text: str) -> RefreshToken:
    """A refresh token and the client it was given to.

    Raises:
        CredentialsUnreadable: it is none.
    """
    parts = Parts(text)
    return RefreshToken(
        refresh_token=parts.header("refresh_token"),
        client_id=parts.header("client_id"),
        client_secret=parts.header("client_secret", ""),
    )


def read_proxy_credentials(text: str) -> str:
    """What a proxy asks for, `user:password`.

    Raises:
        CredentialsUnreadable: it is of another form.
    """
    if not IN_HEADER.fullmatch(text) or not text.partition(":")[0] or ":" not in text:
        raise CredentialsUnreadable("they must be user:password, without spaces")
    return text


READERS: Final[Mapping[str, Callable[[str], Credentials]]] = {
    "apikey": read_api_keys,
    "service_account": read_service_account,
    "oauth": read_refresh_token,
}


class Parts:
    """The fields of credentials that are a JSON object; others than those asked for are ignored.

    Raises:
        CredentialsUnreadable: the text is no object, or says a field twice.
    """

    def __init__(self, text: str) -> None:
        try:
            parts = json.loads(text, object_pairs_hook=once)
        except (ValueError, RecursionError) as error:
            told = error.message if isinstance(error, CredentialsUnreadable) else NO_OBJECT
            raise CredentialsUnreadable(told) from None  # the cause would quote the secret
        if not isinstance(parts, dict):
            raise CredentialsUnreadable(NO_OBJECT)
        self._parts: Mapping[str, Any] = parts

    def said(self, name: str, otherwise: str | None = None) -> str:
        """A text; `otherwise` where it is absent, null or empty, unless it must be there."""
        value = self._parts.get(name)
        if value is None or value == "":
            if otherwise is None:
                raise CredentialsUnreadable("it is missing", name)
            return otherwise
        if not isinstance(value, str) or len(value) > LONGEST_PART:
            raise CredentialsUnreadable(f"it must be a text of at most {LONGEST_PART}", name)
        return value

    def header(self, name: str, otherwise: str | None = None) -> str:
        """A text that a header can hold."""
        value = self.said(name, otherwise)
        if value and not IN_HEADER.fullmatch(value):
            raise CredentialsUnreadable("it has characters that no header can hold", name)
        return value


NO_OBJECT: Final = "they must be a JSON object"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose every name is there once."""
    parts = dict(pairs)
    if len(parts) != len(pairs):
        raise CredentialsUnreadable("a field is there twice")
    return parts
