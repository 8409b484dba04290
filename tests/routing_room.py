"""A group of scripted upstream accounts, and the trace of which of them got which call."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from tests.gateway import ACCOUNTS, CHAT, GROUP, USAGE, Gateway, Seen, chat_answer
from tollgate.domain.catalog import Account
from tollgate.domain.record import UsageRecord
from tollgate.services.speech import Speak

Script = int | httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]
"""What an account answers: a status, a whole answer, or none at all."""

OK: Script = 200


def account(name: str, **fields: Any) -> Account:
    """An account whose host bears its name."""
    url = f"https://{name}.example.com"
    return replace(ACCOUNTS[0], id=name, name=name, base_url=url, **fields)


def ranked(*names: str, **fields: Any) -> list[Account]:
    """Accounts that are tried in this order: each of a lower priority than the one before."""
    return [
        account(name, **{"priority": len(names) - place, **fields})
        for place, name in enumerate(names)
    ]


class Farm:
    """Accounts that answer by their scripts: one entry a call, the last one for ever.

    `trace` tells who was asked, in order; `times` when, in milliseconds since the start.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        scripts: Mapping[str, Sequence[Script]] | None = None,
        group: Mapping[str, Any] | None = None,
        keys: str = "upstream-secret",
        speak: Mapping[str, Speak] | None = None,
        **fields: Any,
    ) -> None:
        self.scripts = {name: list(script) for name, script in (scripts or {}).items()}
        self.asked: list[tuple[str, int]] = []
        self.sent: list[httpx.Request] = []
        part = replace(GROUP, accounts=tuple(accounts), **(group or {}))
        self.gateway = Gateway(
            self._serve,
            group=part,
            open_secret=lambda account: keys,
            speak=lambda gateway: speak or {},
            **fields,
        )
        self.began = self.gateway.now

    def call(self, session: str = "s", **fields: Any) -> Seen:
        """One call of a session."""
        return self.gateway.post("/v1/chat/completions", {**self.body(session), **fields})

    def stream(self, session: str = "s") -> Seen:
        """One streamed call, not read yet."""
        body = {**self.body(session), "stream": True}
        return self.gateway.send(self.gateway.event("/v1/chat/completions", body))

    def body(self, session: str) -> dict[str, Any]:
        return {**CHAT, "prompt_cache_key": session}

    def trace(self) -> str:
        """Who was asked since the last look, in order."""
        names = " ".join(name for name, _ in self.asked)
        self.asked.clear()
        return names

    def times(self) -> list[int]:
        """When each was asked since the last look."""
        found = [at for _, at in self.asked]
        self.asked.clear()
        return found

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.gateway.now += int(seconds * 1_000)

    def newest(self) -> UsageRecord:
        """The record of the call that began last."""
        return max(self.gateway.all_records(), key=lambda each: (each.started, each.hold))

    def facts(self) -> dict[str, dict[str, int]]:
        """What the shared item says, times in milliseconds from now."""
        item = self.gateway.dynamo.item("state", "health", "health")
        if item is None:
            return {}
        now = self.gateway.now
        return {
            name: {
                fact: int(value["N"]) - (now if int(value["N"]) > 10**12 else 0)
                for fact, value in facts["M"].items()
            }
            for name, facts in item["accounts"]["M"].items()
        }

    def writes(self) -> int:
        """How often the shared item was written."""
        item = self.gateway.dynamo.item("state", "health", "health")
        return int(item["version"]["N"]) if item else 0

    def _serve(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host.partition(".")[0]
        self.asked.append((name, self.gateway.now - self.began))
        self.sent.append(request)
        script = self.scripts.get(name, [OK])
        play = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(play, Exception):
            raise play
        if callable(play):
            return play(request)
        if isinstance(play, int):
            return answered(play)
        return httpx.Response(play.status_code, headers=play.headers, content=play.content)


def answered(status: int) -> httpx.Response:
    """A plain answer of a status."""
    return chat_answer(USAGE) if status == 200 else httpx.Response(status, text="no")


def refusing(status: int, text: str = "no", **headers: str) -> httpx.Response:
    """A refusal with a text and headers (`retry_after` for `retry-after`)."""
    return httpx.Response(
        status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        text=text,
    )


def error_code(seen: Seen) -> str:
    """The code of a refusal as the caller sees it."""
    return str(json.loads(seen.body)["error"]["code"])
