"""Whatever an upstream does: what the caller sees, one record, the right charge, nothing held.

Real sockets and the real relay; tables in memory. Behaviours and what they come to are data.
"""

import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from tests.certificates import Certified, certified
from tests.fault_behaviours import COMPRESSION, CONNECTION, HTTP, STATUSES, Behaviour
from tests.fault_expectations import Expected
from tests.fault_streams import ANSWERS, FIGURES, FORMS
from tests.faulty_vendor import Voice, faulty_vendor
from tests.gateway import ACCOUNTS, GROUP, SECRET, START_MS, USER, Gateway, Seen
from tollgate.upstream.connections import Connections
from tollgate.upstream.guard import Guard, connect, resolve
from tollgate.upstream.transport import Transport

BEHAVIOURS: Final = (
    *CONNECTION,
    *HTTP,
    *COMPRESSION,
    *STATUSES,
    *FORMS,
    *ANSWERS,
    *FIGURES,
)
DIALECTS: Final = ("openai_chat", "anthropic_messages", "gemini")
VOICES: Final = tuple(Voice(name, stream) for name in DIALECTS for stream in (False, True))
FUNDS: Final = 1_000_000_000
RECORDING_MS: Final = 3_000
HOURS_LATER_MS: Final = 2 * 3_600_000
GRACE_SECONDS: Final = 3.0
PEAK_BYTES: Final = 150 * 1024 * 1024

HEADERS: Final = {
    "content-type",
    "cache-control",
    "x-accel-buffering",
    "x-request-id",
    "request-id",
    "x-tollgate-charge",
    "retry-after",
    "x-should-retry",
    "content-length",
    "x-tollgate-error-code",
}
"""Everything a caller may find in the head of an answer."""


@dataclass(frozen=True)
class Remaining:
    """A Lambda context with so much time left."""

    ms: int

    def get_remaining_time_in_millis(self) -> int:
        return self.ms + RECORDING_MS


class Reached:
    """The network as the relay sees it, and every address it connected to."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.addresses.append(address)
        return connect(address, port, seconds)

    def resolve(self, host: str, port: int) -> list[str]:
        if host == "nowhere.example.com":
            raise socket.gaierror(-2, "Name or service not known")
        if host == "inside.example.com":
            return ["127.0.0.1", "10.0.0.1"]
        return ["127.0.0.1"] if host == "localhost" else resolve(host, port)


@dataclass
class Seconds:
    """How long a call took."""

    spent: float = 0.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@contextmanager
def measured(*, large: bool) -> Iterator[Seconds]:
    """The time a block takes; with `large`, its memory must stay bounded as well."""
    if large:
        tracemalloc.start()
    seconds, began = Seconds(), time.monotonic()
    try:
        yield seconds
        seconds.spent = time.monotonic() - began
        assert not large or tracemalloc.get_traced_memory()[1] < PEAK_BYTES
    finally:
        tracemalloc.stop()


def asked(gateway: Gateway, voice: Voice, patience_ms: int) -> Seen:
    """One call with the user's key, read to its end."""
    sse = {"alt": ["sse"]} if voice.dialect == "gemini" and voice.stream else None
    event = gateway.event(voice.path, voice.question, multiValueQueryStringParameters=sse)
    answer = gateway.api(event, Remaining(patience_ms))
    return Seen(answer["status"], answer["headers"], answer["body"]).read()


@pytest.mark.parametrize(
    "voice", VOICES, ids=lambda v: f"{v.dialect}-{'stream' if v.stream else 'whole'}"
)
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: each.name)
def test_a_fault(behaviour: Behaviour, voice: Voice, certificate: Certified) -> None:
    expected = behaviour.expected(voice)
    reached = Reached()
    guard = Guard(loopback=True, resolve=reached.resolve, connect=reached.connect)
    transport = Transport(Connections(guard, 8))
    tls = certificate.server if "localhost" in behaviour.url else None
    with faulty_vendor(behaviour.play, voice, tls) as vendor:
        base_url = behaviour.url.format(port=vendor.port)
        own = tuple(replace(account, base_url=base_url) for account in ACCOUNTS)
        group = replace(GROUP, accounts=own)
        gateway = Gateway(transport.handle_request, group=group, funds=FUNDS)
        with measured(large=behaviour.large) as seconds:
            seen = asked(gateway, voice, behaviour.patience_ms)
        transport.close()
    assert set(reached.addresses) <= {"127.0.0.1"}
    assert len(vendor.requests) <= behaviour.requests
    assert seconds.spent < behaviour.patience_ms / 1_000 + GRACE_SECONDS
    assert {name.lower() for name in seen.headers} <= HEADERS
    check_answer(seen, voice, expected)
    check_money(gateway, voice, expected)


# --- what the caller sees -----------------------------------------------------------------------


def check_answer(seen: Seen, voice: Voice, expected: Expected) -> None:
    """Status, and the shape of what follows it."""
    assert seen.status == expected.status, seen.body[:500]
    if expected.ending == "refusal":
        assert "error" in seen.json
        assert seen.headers["x-tollgate-error-code"] == expected.code
        assert seen.headers.get("retry-after") == expected.retry_after
        return
    if not voice.stream or seen.body.startswith(b"{"):
        assert "error" not in json.loads(seen.body)
        return
    events = events_of(seen.body)
    failed = [each for each in events if "error" in each]
    if expected.ending == "failing":
        assert failed == events[-1:]
        assert told_code(voice.dialect, failed[0]) == expected.code
    else:
        assert failed == []
        assert is_last(voice.dialect, events[-1]), events[-1]
        assert sum(is_last(voice.dialect, each) for each in events) == 1


def events_of(body: bytes) -> list[Any]:
    """Every event's data, as a reader of server-sent events has it."""
    text = body.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found = []
    for block in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line[:5] == "data:"]
        data = "\n".join(lines)
        if data:
            found.append(data if data == "[DONE]" else json.loads(data))
    return found


def is_last(dialect: str, event: Any) -> bool:
    """Whether an event ends a stream of that dialect."""
    if event == "[DONE]" or dialect == "openai_chat":
        return bool(event == "[DONE]")
    if dialect == "anthropic_messages":
        return bool(event["type"] == "message_stop")
    return any("finishReason" in each for each in event.get("candidates", []))


def told_code(dialect: str, body: Any) -> str:
    """Our error code in a refusal or an error event of that dialect."""
    error = body["error"]
    if dialect == "gemini":
        return str(error["details"][0]["reason"]).lower()
    return str(error["code"])


# --- what is left of it -------------------------------------------------------------------------


def check_money(gateway: Gateway, voice: Voice, expected: Expected) -> None:
    """One record with that charge, and a wallet that has lost this and holds nothing."""
    record = gateway.record()
    found = (record.charge, record.error, record.suspect, record.usage_source)
    charge = expected.charge.of(voice.dialect)
    assert found == (charge, expected.code, expected.suspect, expected.source), record.usage
    assert record.dialect == voice.dialect
    assert record.stream is voice.stream
    gateway.settle()
    gateway.now = START_MS + HOURS_LATER_MS
    gateway.sweeping.sweep(USER)
    wallet = gateway.wallets.read(USER)
    assert (wallet.available, wallet.held, wallet.debits) == (FUNDS - charge, 0, charge)
    assert len(gateway.all_records()) == 1
    assert SECRET not in str(record)
