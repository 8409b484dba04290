"""Whether an upstream account works: one small real call, or the list of the models it serves.

Neither is held, recorded or charged, and neither touches the account's health. Of what an
upstream says, staff read a cleaned line: never a secret, never what names our account there.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tollgate.dialects import Route, Wire, load
from tollgate.domain.bedrock_models import ALIASES
from tollgate.domain.catalog import Account
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import TollgateError, UpstreamFailed, ValidationFailed
from tollgate.domain.patterns import translate
from tollgate.domain.resolution import Candidate
from tollgate.services.beginnings import OWN_NAMES
from tollgate.services.speech import Failure, Outgoing, Saying, Speak, Speech, Spoken, heard
from tollgate.upstream.client import Answer, Upstream
from tollgate.upstream.proxies import Proxy

PATIENCE_MS: Final = 20_000
ANSWER_BYTES: Final = 2 * 1024 * 1024
LONGEST_LINE: Final = 300
LONGEST_SAID: Final = 100
MOST_MODELS: Final = 1_000
SHORTEST_SECRET: Final = 4
"""What is shorter tells nothing, and is in any text."""

HALF_SHOWN: Final = re.compile(r"[\w-]*\*{2,}[\w*-]*", re.ASCII)
"""A key as some vendors quote it, its end in clear."""

TALK: Final = "Say hello in one word."
DIALECTS: Final[Mapping[str, str]] = {
    "openai": "openai_chat",
    "anthropic": "anthropic_messages",
    "gemini": "gemini",
    "antigravity": "gemini",
}
QUESTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "openai_chat": {"messages": [{"role": "user", "content": TALK}]},
    "openai_embeddings": {"input": TALK},
    "anthropic_messages": {"max_tokens": 16, "messages": [{"role": "user", "content": TALK}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": TALK}]}]},
}
LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "openai": ("/models", ""),
    "anthropic": ("/v1/models", "limit=1000"),
    "gemini": ("/v1beta/models", "pageSize=1000"),
}
"""Where a platform lists its models: path below the base URL, and query."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An account with its secrets open; `key` is which of its API keys is used, from 0 on."""

    account: Account
    secret: str = field(repr=False)
    proxy: str = field(default="", repr=False)
    key: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one call: `status` 0 when there was no answer, `said` its first words.

    `error` is a cleaned line of what went wrong, "" when nothing did. `ms` is until its end.
    """

    model: str
    upstream_model: str
    status: int
    ms: int
    said: str = ""
    error: str = ""


class AccountChecks:
    """Asks upstreams; `clock` is in epoch ms, `speak` as the relay speaks to each type."""

    def __init__(
        self, upstream: Upstream, speak: Mapping[str, Speak], clock: Callable[[], int]
    ) -> None:
        self._upstream = upstream
        self._speak = speak
        self._clock = clock

    def call(self, opened: Opened, model: str) -> Trial:
        """One small call for a model, or for the first that the account lists.

        Raises:
            ValidationFailed: no model is named or listed, or no such API key is there.
        """
        account = checked(opened).account
        name = model or first_model(account)
        wire_name = translate(account.model_mapping, name)
        began = self._clock()
        status, said, error = 0, "", ""
        try:
            status, body = self._asked(opened, name, wire_name, began + PATIENCE_MS)
            said, error = (words(body), "") if status < 300 else ("", complaint(body, opened))
        except TollgateError as failed:
            error = cleaned(failed.message, opened)
        return Trial(name, wire_name, status, self._clock() - began, said, error)

    def models(self, opened: Opened) -> tuple[str, ...]:
        """The names an upstream serves, in its own order; those of Bedrock are the known aliases.

        Raises:
            ValidationFailed: an account of this type cannot be asked.
            UpstreamFailed: it gave no list.
        """
        account = checked(opened).account
        if account.type == "bedrock":
            return tuple(ALIASES)
        if account.type != "apikey":
            raise ValidationFailed(
                f"type: the models of an account of type {account.type} cannot be listed; "
                "write them into models",
                param="type",
            )
        path, query = LISTS[account.platform]
        outgoing = self._outgoing(DIALECTS[account.platform], account.platform)
        proxy = Proxy(account.proxy, opened.proxy) if account.proxy else None
        asked = Saying(
            outgoing, candidate(account, ""), Wire(path, b"", query), opened.secret, opened.key
        )
        target = replace(self._speak["apikey"](asked).target, method="GET", proxy=proxy)
        try:
            status, body = self._read(self._upstream.send(target, PATIENCE_MS / 1_000))
        except TollgateError as failed:
            raise UpstreamFailed(cleaned(failed.message, opened)) from failed
        if status >= 300:
            raise UpstreamFailed(f"the upstream answered {status}: {complaint(body, opened)}")
        return listed(body)

    def _asked(self, opened: Opened, name: str, wire_name: str, until: int) -> tuple[int, bytes]:
        """Status and body of the call; once more where the account's type says so at once."""
        speech = Speech(lambda _: opened.secret, self._speak, lambda _: opened.proxy)
        outgoing = replace(self._outgoing(dialect_of(opened.account, name), name), until=until)
        spoken = speech.said(outgoing, candidate(opened.account, name, wire_name), opened.key)
        status, body = self._sent(spoken, until)
        again = after(spoken, Failure(status, {}, body)) if status >= 300 else None
        return (status, body) if again is None else self._sent(again, until)

    def _sent(self, spoken: Spoken, until: int) -> tuple[int, bytes]:
        answer = self._upstream.send(spoken.target, (until - self._clock()) / 1_000)
        return self._read(heard(answer, spoken))

    def _read(self, answer: Answer) -> tuple[int, bytes]:
        try:
            return answer.status, answer.read(ANSWER_BYTES)
        finally:
            answer.close()

    def _outgoing(self, name: str, model: str) -> Outgoing:
        """The call as the relay would read it from a caller of that dialect."""
        dialect = load(name)
        body = json.dumps(
            {"model": model, **QUESTIONS[name]} if name != "gemini" else QUESTIONS[name]
        )
        call = dialect.read_call(plain_route(dialect.routes), {"model": model}, {}, body.encode())
        return Outgoing(dialect, call, {}, self._clock() + PATIENCE_MS)


def checked(opened: Opened) -> Opened:
    """Refuse a key that the account does not have."""
    if opened.key >= opened.account.keys:
        raise ValidationFailed(f"key: the account has {opened.account.keys}", param="key")
    return opened


def first_model(account: Account) -> str:
    """The first name without a wildcard that an account lists.

    Raises:
        ValidationFailed: there is none.
    """
    names = (*account.models, *account.model_mapping)
    found = next((name for name in names if not name.endswith("*")), None)
    if found is None:
        raise ValidationFailed("model: name one; the account lists none", param="model")
    return found


def dialect_of(account: Account, model: str) -> str:
    """In which words an account is asked for a model."""
    embeds = account.platform == "openai" and "embed" in model.casefold()
    return "openai_embeddings" if embeds else DIALECTS[account.platform]


def plain_route(routes: tuple[Route, ...]) -> Route:
    """The way in for a whole answer."""
    return next(r for r in routes if r.metered and not r.stream)


def candidate(account: Account, model: str, wire_name: str = "") -> Candidate:
    """The account as a candidate for a call that nobody is charged for."""
    free = PriceSnapshot("official", "", 0, model)
    return Candidate(account, "", model, wire_name or model, (model,), free, free, None)


def after(spoken: Spoken, failure: Failure) -> Spoken | None:
    """What the account is sent next, where its type says so and there is nothing to wait for."""
    reaction = None if spoken.react is None else spoken.react(failure)
    return None if reaction is None or reaction.wait_ms else reaction.again


# --- reading answers ------------------------------------------------------------------------------


def value_of(body: bytes) -> Any:
    """The JSON of a body; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def texts(value: Any) -> Iterator[str]:
    """Every text of an answer under one of the names that texts have."""
    if isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name in {"content", "text"} and isinstance(part, str):
                yield part
            elif isinstance(part, dict | list):
                yield from texts(part)


def words(body: bytes) -> str:
    """The first words of an answer."""
    return line(" ".join(texts(value_of(body))))[:LONGEST_SAID]


def listed(body: bytes) -> tuple[str, ...]:
    """The names in a list of models, as OpenAI, Anthropic or Gemini write it.

    Raises:
        UpstreamFailed: it is none.
    """
    value = value_of(body)
    rows = value.get("data", value.get("models")) if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise UpstreamFailed("the upstream's answer is no list of models")
    named = (row.get("id") or row.get("name") for row in rows if isinstance(row, dict))
    names = (line(name.removeprefix("models/")) for name in named if isinstance(name, str))
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_MODELS]


def complaint(body: bytes, opened: Opened) -> str:
    """What an upstream complains of, in one cleaned line."""
    value = value_of(body)
    value = value[0] if isinstance(value, list) and value else value
    error = value.get("error", value) if isinstance(value, dict) else None
    said = (error.get("message") or error.get("Message")) if isinstance(error, dict) else error
    if isinstance(said, str) and said:
        return cleaned(said, opened)
    return "an answer without a message" if body else "an empty answer"


def cleaned(text: str, opened: Opened) -> str:
    """A line without secrets and without what names our account at the vendor."""
    for secret in secrets_of(opened):
        text = text.replace(secret, "***")
    text = OWN_NAMES.sub(b"***", text.encode()).decode(errors="replace")
    return line(HALF_SHOWN.sub("***", text))[:LONGEST_LINE]


def secrets_of(opened: Opened) -> list[str]:
    """Every text of an account's secrets, the longest first."""
    value = value_of(opened.secret.encode())
    parts = value.values() if isinstance(value, dict) else opened.secret.split("\n")
    found = {part for part in parts if isinstance(part, str)}
    found |= {opened.proxy, opened.proxy.partition(":")[2]}
    return sorted((each for each in found if len(each) >= SHORTEST_SECRET), key=len, reverse=True)


def line(text: str) -> str:
    """A text in one line, without characters that are not to be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
