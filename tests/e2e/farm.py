"""A farm of scripted upstream accounts on the running stack, and who of them got which call."""

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import anthropic
import httpx
import openai

from local.stack import Stack
from tests.e2e.lab import PATIENCE, SELDOM, Lab, eventually, open_lab

CHAT: Final = "gpt-4o-mini"
CLAUDE: Final = "claude-haiku-4-5"
CHARGE: Final = "0.0000054"
"""Of one call of CHAT: 4 tokens in at 0.15 and 8 out at 0.60 USD per million."""

CLAUDES_CHARGE: Final = "0.000044"
"""Of one call of CLAUDE: 4 tokens in at 1 and 8 out at 5 USD per million."""

FUNDS_USD: Final = "5"
HI: Final[Any] = [{"role": "user", "content": "hi"}]

Fields = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """A group and the accounts that serve it, by name; those come in the order they are tried."""

    accounts: dict[str, Fields]
    platform: str = "openai"
    group: Fields = field(default_factory=dict)
    ranked: bool = True


def closed_port() -> str:
    """An address on this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@dataclass
class Farm:
    """All scenes of one tenant. Groups, accounts and keys are known by the names of the scenes."""

    lab: Lab
    groups: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    # --- what staff does ----------------------------------------------------------------------

    def made(self, path: str, body: Fields) -> Any:
        """Create something over the admin API."""
        answer = self.lab.admin.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def change(self, path: str, body: Fields) -> None:
        """Patch onto the version there is."""
        version = self.lab.admin.get(path).headers["etag"]
        headers = {"if-match": version}
        self.lab.admin.patch(path, json=body, headers=headers).raise_for_status()

    def open(self, name: str, scene: Scene) -> None:
        """Make a scene: its group, its accounts and a key."""
        self.stage((name, scene))
        self.open_key(name, name)

    def stage(self, named: tuple[str, Scene]) -> None:
        """Make the group and the accounts of a scene."""
        name, scene = named
        body = {"name": f"{name} of {self.lab.credentials}", "platform": scene.platform}
        self.groups[name] = self.made("/groups", body | scene.group)["id"]
        for place, (account, fields) in enumerate(scene.accounts.items()):
            own = account_of(self.lab, account, scene, fields)
            priority = {"priority": 100 - place} if scene.ranked else {}
            body = own | priority | {"groups": [self.groups[name]]}
            self.accounts[account] = self.made("/accounts", body)["id"]

    def open_key(self, name: str, scene: str, **fields: Any) -> None:
        """One more key for the group of a scene."""
        body = {"group": self.groups[scene], **fields}
        made = self.made(f"/users/{self.lab.user}/keys", body)
        self.keys[name], self.secrets[name] = made["id"], made["secret"]

    def named(self, account: str) -> str:
        """What the scenes call an account."""
        return next(name for name, known in self.accounts.items() if known == account)

    def health(self, account: str) -> Any:
        """How an account is doing, as staff sees it."""
        return self.lab.get(f"/accounts/{self.accounts[account]}/health")

    def rests(self, account: str) -> list[str]:
        """What of an account rests."""
        return [rest["what"] for rest in self.health(account)["health"]]

    # --- what the upstream does ---------------------------------------------------------------

    def script(self, account: str, *behaviours: str, key: str = "") -> None:
        """What an account does with its next calls."""
        body = {"key": key or self.credential(account), "behaviours": list(behaviours)}
        self.lab.upstream.post("/_replay/script", json=body).raise_for_status()

    def release(self, account: str, count: int = 1_000) -> None:
        """Let the calls that wait at an account go on."""
        body = {"key": self.credential(account), "count": count}
        self.lab.upstream.post("/_replay/release", json=body).raise_for_status()

    def received(self, account: str) -> list[Fields]:
        """What reached an account, by the upstream's own log."""
        query = {"key": self.credential(account)}
        found = self.lab.upstream.get("/_replay/calls", params=query).json()["calls"]
        return list(found)

    def await_received(self, account: str, count: int) -> None:
        """Until an account has so many calls that are not over."""

        def open_calls() -> int:
            return sum(call["state"] == "open" for call in self.received(account))

        eventually(open_calls, lambda seen: seen == count)

    def credential(self, account: str) -> str:
        """What an account sends upstream; the key its scripts go by."""
        return credential(self.lab, account)

    # --- what callers do ----------------------------------------------------------------------

    def openai(self, key: str) -> openai.OpenAI:
        """OpenAI's SDK, which tries nothing twice by itself."""
        url = f"{self.lab.url}/v1"
        return openai.OpenAI(base_url=url, api_key=self.secrets[key], max_retries=0)

    def anthropic(self, key: str) -> anthropic.Anthropic:
        """Anthropic's SDK, likewise."""
        secret = self.secrets[key]
        return anthropic.Anthropic(base_url=self.lab.url, api_key=secret, max_retries=0)

    def call(self, key: str, session: str = "s") -> str:
        """One call of a session with OpenAI's SDK; its request id."""
        with self.openai(key) as client:
            answer = client.chat.completions.with_raw_response.create(
                model=CHAT, messages=HI, max_tokens=100, extra_headers={"x-session-id": session}
            )
        used = answer.parse().usage
        assert used is not None
        assert used.completion_tokens == 8
        return str(answer.headers["x-request-id"])

    def post(self, key: str, session: str = "s", **body: Any) -> httpx.Response:
        """The same without an SDK: any answer is as good."""
        headers = {"authorization": f"Bearer {self.secrets[key]}", "x-session-id": session}
        return httpx.post(
            f"{self.lab.url}/v1/chat/completions",
            json={"model": CHAT, "messages": HI, "max_tokens": 100, **body},
            headers=headers,
            timeout=PATIENCE,
        )

    @contextlib.contextmanager
    def stream(self, key: str, session: str = "s") -> Iterator[httpx.Response]:
        """A streamed call that has begun; leaving it hangs up."""
        headers = {"authorization": f"Bearer {self.secrets[key]}", "x-session-id": session}
        with (
            httpx.Client(timeout=PATIENCE) as client,
            client.stream(
                "POST",
                f"{self.lab.url}/v1/chat/completions",
                json={"model": CHAT, "messages": HI, "max_tokens": 100, "stream": True},
                headers=headers,
            ) as answer,
        ):
            assert answer.status_code == 200, answer.read()
            yield answer

    # --- what came of it ----------------------------------------------------------------------

    def receipt(self, request_id: str) -> Fields:
        """The one usage record of a call, as staff sees it."""
        return dict(self.lab.get(f"/receipts/{request_id}"))

    def tried(self, request_id: str) -> list[tuple[str, int, str]]:
        """Who was tried, with which status and error, by the call's record."""
        return [
            (self.named(each["account"]), each["status"], each["error"])
            for each in self.receipt(request_id)["attempts"]
        ]

    def trace(self, request_id: str) -> str:
        """Who was asked, in order."""
        return " ".join(name for name, _, _ in self.tried(request_id))

    def asked(self, key: str, session: str = "s") -> str:
        """Make a call; who was asked for it, in order."""
        return self.trace(self.call(key, session))

    @contextlib.contextmanager
    def one_relay(self, idlers: int = 1) -> Iterator[None]:
        """Calls made here, one after the other, all go to the same of the stack's two relays.

        What one relay learns the other hears up to five seconds later, so traces over several
        calls are those of one. A call goes to the relay that has the least to do, so some that do
        not end keep the other one busy.
        """
        with contextlib.ExitStack() as there:
            with contextlib.ExitStack() as here:
                for _ in range(idlers):
                    here.enter_context(self.held("idle-here"))
                    there.enter_context(self.held("idle-there"))
            yield

    @contextlib.contextmanager
    def held(self, scene: str) -> Iterator[None]:
        """A stream of an idle scene's only account that goes on until this is left."""
        self.script(scene, "step")
        with self.stream(scene) as stream:
            yield
            self.release(scene)
            stream.read()


def account_of(lab: Lab, name: str, scene: Scene, fields: Fields) -> Fields:
    """An account that the replay upstream plays, unless its fields say otherwise."""
    path = {"openai": "/v1", "anthropic": ""}[scene.platform]
    return {
        "name": f"{lab.credentials} {name}",
        "platform": scene.platform,
        "type": "apikey",
        "base_url": lab.upstream.base_url + path,
        "credentials": credential(lab, name),
        "models": [CHAT if scene.platform == "openai" else CLAUDE],
    } | fields


def credential(lab: Lab, account: str) -> str:
    """The API key of an account."""
    return f"{lab.credentials}-{account}"


def open_farm(stack: Stack, scenes: dict[str, Scene]) -> Farm:
    """Scenes that relays know."""
    farm = Farm(open_lab(stack, FUNDS_USD))
    idle = {name: Scene({name: {}}) for name in ("idle-here", "idle-there")}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(farm.stage, (idle | scenes).items()))
    for name in idle | scenes:
        farm.open_key(name, name)
    return farm


def await_published(farm: Farm) -> None:
    """Until both relays know every key and its group."""
    await_known(farm)
    with contextlib.ExitStack() as held:
        eventually(partial(holds, farm, held), bool, SELDOM)
        await_known(farm)


def holds(farm: Farm, held: contextlib.ExitStack) -> bool:
    """Whether the relay that has the least to do takes a call; if so it has more to do now."""
    with contextlib.suppress(AssertionError):
        held.enter_context(farm.held("idle-here"))
        return True
    return False


def await_known(farm: Farm) -> None:
    """Until the relay that has the least to do knows every key, the newest first."""
    for secret in reversed(farm.secrets.values()):
        eventually(partial(known, farm, secret), bool, SELDOM)


def known(farm: Farm, secret: str) -> bool:
    """Whether relays know a key and an account of its group."""
    headers = {"authorization": f"Bearer {secret}"}
    answer = httpx.get(f"{farm.lab.url}/v1/models", headers=headers, timeout=PATIENCE)
    return answer.status_code == 403 or (answer.is_success and bool(answer.json()["data"]))
