"""How an account on Vertex AI is spoken to: Gemini and Messages as they are, by other paths.

The account's platform says whose models it serves: Google's own, or Anthropic's.
"""

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from tollgate.dialects._vertex import (
    COUNTING,
    GEMINI_METHODS,
    as_anthropic,
    messages_body,
    messages_method,
)
from tollgate.domain.credentials import ServiceAccount
from tollgate.domain.errors import UnsupportedEndpoint, UpstreamUnavailable
from tollgate.services.speech import Failure, React, Reaction, Saying, Speak, Spoken
from tollgate.services.tokens import Owner, Tokens, owner_of
from tollgate.upstream.client import Target

KEY_HEADERS: Final = frozenset({"x-api-key", "x-goog-api-key", "authorization"})
GLOBAL: Final = "global"
UNAUTHORIZED: Final = 401


def speaking(tokens: Tokens) -> Speak:
    """Speaks to Vertex accounts with access tokens."""

    def speak(saying: Saying) -> Spoken:
        return spoken(saying, tokens)

    return speak


def spoken(saying: Saying, tokens: Tokens) -> Spoken:
    """The request of one attempt.

    Raises:
        InvalidRequest: the call cannot be said so.
        UnsupportedEndpoint: the account has no such method.
        UpstreamUnavailable: it has no access token.
    """
    owner = owner_of(saying.account, saying.secret, saying.proxy)
    method, body = said(saying)
    url = f"{saying.account.base_url}/v1/{place_of(saying, owner)}/{method}"
    access = tokens.access(owner)
    headers = own_headers(saying) | {"authorization": f"Bearer {access}"}
    query = f"?{saying.wire.query}" if is_gemini(saying) and saying.wire.query else ""
    project, gemini = project_of(saying, owner), is_gemini(saying)
    once = Spoken(
        Target(url + query, headers, body),
        retell=lambda failure: retold(failure, project, gemini=gemini),
    )
    return replace(once, react=renewing(tokens, owner, access, once))


def said(saying: Saying) -> tuple[str, bytes]:
    """The publisher's model with its method, and the body it takes.

    Raises:
        InvalidRequest: the call cannot be said so.
        UnsupportedEndpoint: there is no such method.
    """
    call, model = saying.outgoing.call, quote(saying.candidate.upstream_model, safe="@")
    if is_gemini(saying):
        action = call.path["action"]
        if action not in GEMINI_METHODS:
            raise UnsupportedEndpoint("the upstream of this model cannot do this")
        return f"publishers/google/models/{model}:{action}", saying.wire.body
    if saying.outgoing.dialect.name != "anthropic_messages":
        raise UnsupportedEndpoint("the upstream of this model cannot do this")
    counting = call.operation == "count_tokens"
    body = messages_body(saying.wire.body, counting=counting)
    method = messages_method(stream=call.stream)
    return f"publishers/anthropic/models/{COUNTING if counting else model}:{method}", body


def is_gemini(saying: Saying) -> bool:
    """Whether the caller speaks Gemini's format."""
    return saying.outgoing.dialect.name == "gemini"


def place_of(saying: Saying, owner: Owner) -> str:
    """Whose project is used, and where.

    Raises:
        UpstreamUnavailable: neither the account nor its credentials name a project.
    """
    project = project_of(saying, owner)
    if not project:
        raise UpstreamUnavailable("an account names no project")
    region = quote(saying.account.region or GLOBAL, safe="")
    return f"projects/{quote(project, safe=':')}/locations/{region}"


def project_of(saying: Saying, owner: Owner) -> str:
    """The account's project, else its credentials'."""
    named = owner.asking.project_id if isinstance(owner.asking, ServiceAccount) else ""
    return saying.account.project or named


def own_headers(saying: Saying) -> dict[str, str]:
    """The caller's headers that go on, without any key."""
    headers = saying.outgoing.dialect.upstream_headers(saying.outgoing.headers, "")
    kept = {name: value for name, value in headers.items() if name not in KEY_HEADERS}
    return kept | dict(saying.wire.headers)


def renewing(tokens: Tokens, owner: Owner, access: str, once: Spoken) -> React:
    """Has the same account asked once more, with a new token, where one was refused."""

    def react(failure: Failure) -> Reaction | None:
        if failure.status != UNAUTHORIZED:
            return None
        fresh = tokens.renewed(owner, access)
        if fresh is None:
            return Reaction()
        headers = {**once.target.headers, "authorization": f"Bearer {fresh}"}
        return Reaction(replace(once, target=replace(once.target, headers=headers)))

    return react


def retold(failure: Failure, project: str, *, gemini: bool) -> Failure:
    """A refusal as the caller's vendor words it, without the project's name (never empty)."""
    body = failure.body.replace(project.encode(), b"***")
    return replace(failure, body=body if gemini else as_anthropic(failure.status, body))
