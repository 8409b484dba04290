"""Three hundred streams at once while one account in three dies: all end legally, money adds up."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from local.reconcile import reconciliation
from local.stack import Stack
from tests.e2e.evidence import records
from tests.e2e.farm import CHAT, CLAUDE, FUNDS_USD, HI, Farm, Scene, await_published, open_farm
from tests.e2e.lab import Api, eventually
from tests.e2e.shop import nanos
from tollgate.domain.holds import parse_hold_id, request_id

pytestmark = pytest.mark.stack

STREAMS: Final = 300
LATER: Final = 30
"""Streams that begin when the accounts are dead."""

PLACES: Final = 90
"""Of each account: more than its share of the streams, so that all take one and none waits."""

RESIDENT: Final = 160 * 2**20
"""Bytes that a relay with half of the streams may have in memory."""

WHOLE: Final = {"openai": 5_400, "anthropic": 44_000}
"""Nanos for the 4 tokens in and 8 out of a stream that was read to its end."""


BROKEN: Final = {"openai": 6_150, "anthropic": 9_000}
"""What was delivered of one that broke, as estimated: 25 tokens in, since nobody told, and 4 out;
4 in, as the vendor told at the beginning, and 1 out."""

NARROW: Final = [f"{platform}-{name}" for platform in WHOLE for name in ("0", "1", "dying")]


@dataclass(frozen=True)
class Speech:
    """Where a dialect's calls go, what is heard of them after three more pieces than the first,
    and how its streams end: as they should, or broken.
    """

    path: str
    model: str
    begun: bytes
    end: bytes
    error: bytes


SPEECHES: Final = {
    "openai": Speech("/v1/chat/completions", CHAT, b'" is"', b"data: [DONE]", b'data: {"error":'),
    "anthropic": Speech("/v1/messages", CLAUDE, b'"This"', b"event: message_stop", b"event: error"),
}


@dataclass
class Heard:
    """One caller's stream: what came of it so far."""

    platform: str
    status: int = 0
    text: bytes = b""
    request_id: str = ""

    @property
    def begun(self) -> bool:
        """Whether all was heard that the upstream has said in the beginning."""
        return SPEECHES[self.platform].begun in self.text

    @property
    def ended(self) -> str:
        """How it ended: nothing may follow an end."""
        speech = SPEECHES[self.platform]
        last = self.text.rstrip(b"\n").rpartition(b"\n\n")[2]
        ends = (self.text.count(speech.end), self.text.count(speech.error))
        if last.startswith(speech.end) and ends == (1, 0):
            return "finished"
        if last.startswith(speech.error) and ends == (0, 1):
            return "failed"
        return f"illegally: {last!r}"


class Mortal(Api):
    """A second replay upstream, as a process of its own that can be killed."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        assert child.stdout is not None
        super().__init__(child.stdout.readline().split()[-1])
        self.kill = child.kill


@contextmanager
def mortal() -> Iterator[Mortal]:
    command = [sys.executable, "-m", "local.replay", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield Mortal(child)
        finally:
            child.kill()


def scenes(mortal: Mortal) -> dict[str, Scene]:
    """Three accounts for each dialect, of which one is at the upstream that dies."""
    found = {}
    for platform, path in (("openai", "/v1"), ("anthropic", "")):
        places: dict[str, Any] = {"concurrency": PLACES}
        dying = places | {"base_url": mortal.base_url + path}
        accounts = {f"{platform}-0": places, f"{platform}-1": places, f"{platform}-dying": dying}
        found[platform] = Scene(accounts, platform, ranked=False)
    return found


class Crowd:
    """Callers, each with a session and a stream of their own."""

    def __init__(self, farm: Farm, client: httpx.AsyncClient) -> None:
        self.heard: list[Heard] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._farm, self._client = farm, client

    def come(self, count: int) -> None:
        """So many more, alternating between the dialects."""
        for number in range(count):
            heard = Heard(("openai", "anthropic")[number % 2])
            self.heard.append(heard)
            self.tasks.append(asyncio.create_task(self._listen(heard, len(self.heard))))

    async def _listen(self, heard: Heard, number: int) -> None:
        speech, secret = SPEECHES[heard.platform], self._farm.secrets[heard.platform]
        body = {"model": speech.model, "messages": HI, "max_tokens": 100, "stream": True}
        headers = {"x-api-key": secret, "x-session-id": f"caller {number}"}
        url = f"{self._farm.lab.url}{speech.path}"
        async with self._client.stream("POST", url, json=body, headers=headers) as answer:
            heard.status, heard.request_id = answer.status_code, answer.headers["x-request-id"]
            async for piece in answer.aiter_raw():
                heard.text += piece


def opened(upstream: Api) -> int:
    """How many calls an upstream is in the middle of."""
    return int(upstream.get("/_replay/stats").json()["open"])


def resident(stack: Stack) -> list[int]:
    """Bytes that each relay has in memory."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":\t") for line in status.read_text().splitlines())
            own = (status.parent / "environ").read_bytes()
        except (OSError, ValueError):
            continue
        if int(facts["PPid"]) == stack.pid and b"AWS_LAMBDA_FUNCTION_NAME=tollgate-relay\0" in own:
            found.append(int(facts["VmRSS"].split()[0]) * 1_024)
    return found


async def scene(farm: Farm, dying: Mortal) -> tuple[list[Heard], int, list[int]]:
    """All come, one upstream dies, more come, and the others end; how many were lost with it."""
    upstream, limits = farm.lab.upstream, httpx.Limits(max_connections=None)
    before = opened(upstream)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        crowd = Crowd(farm, client)
        crowd.come(STREAMS)
        await seen(lambda: opened(upstream) - before + opened(dying), STREAMS)
        await asyncio.to_thread(begin, farm, dying)
        await seen(lambda: sum(each.begun for each in crowd.heard), STREAMS)
        lost, memory = opened(dying), resident(farm.lab.stack)
        dying.kill()
        crowd.come(LATER)
        await seen(lambda: opened(upstream) - before, STREAMS + LATER - lost)
        for account in farm.accounts:
            await asyncio.to_thread(farm.release, account)
        await asyncio.gather(*crowd.tasks)
    return crowd.heard, lost, memory


def begin(farm: Farm, dying: Mortal) -> None:
    """Let every stream say three pieces more than its first."""
    for upstream in (farm.lab.upstream, dying):
        for account in NARROW:
            body = {"key": farm.credential(account), "count": 3}
            upstream.post("/_replay/release", json=body).raise_for_status()


async def seen(look: Callable[[], int], wanted: int) -> None:
    """Until so many are there."""
    await asyncio.to_thread(eventually, look, lambda count: count == wanted)


def test_three_hundred_streams_while_one_account_in_three_dies(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mortal() as dying:
        farm = open_farm(stack, scenes(dying))
        users = [farm.lab.user, second_user(farm)]
        await_published(farm)
        for platform in SPEECHES:
            for account in (f"{platform}-0", f"{platform}-1"):
                farm.script(account, *["step"] * (STREAMS + LATER))
            script = {"behaviours": ["step"] * STREAMS, "key": farm.credential(f"{platform}-dying")}
            dying.post("/_replay/script", json=script).raise_for_status()
        heard, lost, memory = asyncio.run(scene(farm, dying))

    assert {each.status for each in heard} == {200}
    assert Counter(each.ended for each in heard) == {"finished": 330 - lost, "failed": lost}
    assert 60 <= lost <= 140, "a third, as far as chance deals it"
    assert len(memory) == 2
    assert max(memory) < RESIDENT, memory

    account_for(farm, users, heard)
    places = eventually(lambda: in_use(farm), lambda seen: not any(seen.values()))
    assert places == dict.fromkeys(NARROW, 0)
    for name, text in stack.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, text)  # which reconciliation sets, and nobody would take back
    assert list(reconciliation(stack.environment).everyone()) == []


def second_user(farm: Farm) -> str:
    """Who calls in Anthropic's words: no wallet has more than 256 calls open."""
    user: str = farm.made("/users", {"email": f"second-{farm.lab.user}@example.com"})["id"]
    credit = {"amount_usd": FUNDS_USD, "kind": "topup", "reference": f"second-{farm.lab.user}"}
    farm.made(f"/users/{user}/wallet/credits", credit)
    key = farm.made(f"/users/{user}/keys", {"group": farm.groups["anthropic"]})
    farm.secrets["anthropic"] = key["secret"]
    return user


def in_use(farm: Farm) -> dict[str, int]:
    """How many places of the accounts that have any are taken."""
    return {name: farm.health(name)["in_use"] for name in NARROW}


def account_for(farm: Farm, users: list[str], heard: list[Heard]) -> None:
    """Each stream has one record and its charge, and the wallets nothing else."""
    paths = [f"/users/{user}/wallet" for user in users]
    wallets = [eventually(partial(farm.lab.get, path), settled) for path in paths]
    found = [each for each in records(farm.lab.stack) if each.user in users]
    own = [each for each in found if each.state != "refused"]
    by_id = {request_id(parse_hold_id(each.hold).rid, each.user): each for each in own}
    others = by_id.keys() - {each.request_id for each in heard}
    assert (len(own), len(by_id), len(others)) == (331, 331, 1), "one kept a relay busy before"
    for each in heard:
        record = by_id[each.request_id]
        if each.ended == "finished":
            assert (record.error, record.charge) == ("", WHOLE[each.platform])
        else:
            assert (record.error, record.charge) == ("upstream_error", BROKEN[each.platform])
    assert {wallet["held_usd"] for wallet in wallets} == {"0"}
    for user, wallet in zip(users, wallets, strict=True):
        charges = sum(each.charge for each in own if each.user == user)
        assert nanos(wallet["debits_usd"]) == charges


def settled(wallet: dict[str, Any]) -> bool:
    return bool(wallet["open_calls"] == 0)
