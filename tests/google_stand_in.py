"""A gateway whose accounts at Google are played by the replay upstream, in this process."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.replay.control import Control
from local.replay.plan import make
from local.replay.wire import Request
from tests.gateway import Chunks, Gateway
from tests.unit.test_store_secrets import FakeKms, secrets_of
from tollgate.domain.catalog import Account, GroupPart
from tollgate.domain.health import FAULTY, FOR_EVER
from tollgate.services.google import open_google
from tollgate.services.speech import Speak
from tollgate.services.tokens import Surroundings
from tollgate.settings import Settings
from tollgate.store.clients import Aws
from tollgate.store.credentials import place_of
from tollgate.upstream.client import Upstream

KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def person(refresh: str) -> str:
    """The credentials of an antigravity account."""
    return json.dumps({"refresh_token": refresh, "client_id": "client-1"})


SERVICE = json.dumps(
    {
        "type": "service_account",
        "client_email": "svc@file-project.iam.gserviceaccount.com",
        "private_key": PEM,
        "project_id": "file-project",
    }
)


@dataclass
class Google:
    """The stand-in. `behaviours` are knobs by the end of a path, one for each call in turn."""

    behaviours: dict[str, list[str]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._control = Control(1)

    def serve(self, request: httpx.Request) -> httpx.Response:
        """Answer as the replay upstream does."""
        self.asked.append(request)
        target = request.url.raw_path.decode()
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        head = "\r\n".join([f"POST {target} HTTP/1.1", *lines, ""]).encode()
        asked = Request("POST", target, head, request.content)
        knobs = "+".join(filter(None, (self._control.scripted(asked), self._behaviour(asked.path))))
        plan = make(asked, knobs, lambda: 1_800_000_000)
        first, *rest = plan.head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in rest if ": " in line)
        for name in ("transfer-encoding", "content-length"):
            headers.pop(name, None)
        status = int(first.split(" ")[1])
        return httpx.Response(status, headers=headers, stream=Chunks(iter(plan.pieces)))

    def _behaviour(self, path: str) -> str:
        waiting = next((b for end, b in self.behaviours.items() if path.endswith(end)), [])
        return waiting.pop(0) if waiting else ""

    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [request.url.path.rpartition("/")[2] for request in self.asked]

    def bodies(self, end: str) -> list[Any]:
        """The bodies of what was asked at paths that end so."""
        found = [r.content for r in self.asked if r.url.path.endswith(end)]
        return [parse_qs(body.decode()) if end == "/token" else json.loads(body) for body in found]


SEALING = secrets_of(FakeKms(), [0.0])
DATA_KEY = SEALING.new_data_key(1)


def sealed(account: Account) -> Account:
    """The account with a secret, as tokens are sealed by its data key."""
    return replace(account, secret=SEALING.seal("-", place_of(account.id, 1), DATA_KEY))


def gateway(google: Google, group: GroupPart, secrets: Mapping[str, str], **more: Any) -> Gateway:
    """A gateway with one group of accounts, whose secrets are given by id."""
    known = replace(group, accounts=tuple(sealed(account) for account in group.accounts))
    return Gateway(
        google.serve,
        group=known,
        open_secret=lambda account: secrets[account.id],
        speak=speaking(google),
        **more,
    )


def speaking(google: Google) -> Callable[[Gateway], Mapping[str, Speak]]:
    """How the gateway's accounts at Google are spoken to."""

    def speak(gateway: Gateway) -> Mapping[str, Speak]:
        health = gateway.roster.health
        around = Surroundings(
            gateway.clock,
            gateway.sleep,
            lambda account: health.block(account, FAULTY, FOR_EVER),
            lambda account, error: gateway.logged.append(account),
        )
        nothing: Any = None
        aws = Aws(gateway.dynamo, SEALING, nothing, nothing, nothing)
        settings, upstream = Settings(state_table="state"), Upstream(transport=gateway.upstream)
        return open_google(aws, settings, upstream, health, around).speak

    return speak
