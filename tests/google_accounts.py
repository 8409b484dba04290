"""Accounts at Google without Google: their secrets, tokens out of a list, calls as they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tollgate.dialects import Route, load
from tollgate.domain.catalog import Account
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.health import Cause, Facts
from tollgate.domain.resolution import Candidate
from tollgate.services.speech import Outgoing, Saying
from tollgate.services.tokens import Owner, Tokens

NOW = 1_795_348_800_000
PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
SERVICE = json.dumps(
    {
        "type": "service_account",
        "client_email": "svc@file-project.iam.gserviceaccount.com",
        "private_key": PEM,
        "project_id": "file-project",
    }
)
PERSON = json.dumps({"refresh_token": "1//r", "client_id": "c", "client_secret": "s"})

VERTEX = Account(
    "acc_v",
    "vertex",
    "gemini",
    "service_account",
    "https://europe-west4-aiplatform.googleapis.com",
    {"version": 1},
    region="europe-west4",
)
ANTIGRAVITY = Account(
    "acc_a",
    "anti",
    "antigravity",
    "oauth",
    "https://cloudcode-pa.googleapis.com",
    {"version": 1},
    project="proj-7",
    overages=True,
)


class ListedTokens(Tokens):
    """Gives "ya29.1"; a refused token's successor is the next number, "" when there is none."""

    def __init__(self, *, last: int = 9) -> None:
        self.last = last
        self.number = 1

    def access(self, owner: Owner) -> str:
        if self.number > self.last:
            raise UpstreamUnavailable("no token")
        return f"ya29.{self.number}"

    def drop(self, owner: Owner, access: str) -> None:
        self.number += access == f"ya29.{self.number}"


@dataclass
class KnownHealth:
    """Facts as a test says; what is written down is kept."""

    known: dict[str, int] = field(default_factory=dict)
    blocked: list[tuple[str, str, int, Cause]] = field(default_factory=list)

    def facts(self, account: str) -> Facts:
        return self.known

    def block(self, account: str, fact: str, until: int, cause: Cause = Cause.UNKNOWN) -> None:
        self.blocked.append((account, fact, until, cause))


def route_of(dialect: str, pattern: str) -> Route:
    """The route of a dialect whose pattern ends so."""
    return next(r for r in load(dialect).routes if r.pattern.endswith(pattern))


def gemini_call(action: str, body: Mapping[str, Any] | bytes, query: str = "") -> Outgoing:
    """A call in Gemini's format."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    route = route_of("gemini", f":{action}")
    call = load("gemini").read_call(route, {"model": "gemini-pro"}, {}, text, query)
    return Outgoing(load("gemini"), call, {"accept": "*/*"}, NOW + 60_000)


def messages_call(body: Mapping[str, Any], pattern: str = "/messages") -> Outgoing:
    """A call in Anthropic's format."""
    headers = {"anthropic-beta": "context-1", "anthropic-version": "2023-06-01", "x-api-key": "sk"}
    route, text = route_of("anthropic_messages", pattern), json.dumps(body).encode()
    dialect = load("anthropic_messages")
    return Outgoing(dialect, dialect.read_call(route, {}, headers, text), headers, NOW + 60_000)


def saying(outgoing: Outgoing, account: Account, secret: str, model: str = "up-1") -> Saying:
    """A call on its way to an account, under a name of its own."""
    snapshot = PriceSnapshot("official", "m", 1, "m")
    candidate = Candidate(account, "", "m", model, ("m",), snapshot, snapshot, None)
    wire = outgoing.dialect.write_call(outgoing.call, model)
    return Saying(outgoing, candidate, wire, secret)
