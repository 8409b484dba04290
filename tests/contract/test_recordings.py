"""Real provider traffic through the dialects: bytes unchanged, usage as the typed table says."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.recordings_expected import (
    REASONING_INSIDE,
    REFUSED,
    STREAMS,
    USAGE,
    WITHOUT_USAGE,
)
from tollgate.dialects import Call, Dialect, Route, Telling, load
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.usage import Usage

FOLDER = Path(__file__).parents[3] / "shared" / "recordings"
OWN_COST = re.compile(rb',?"cost":[0-9.e-]+')
"""What OpenRouter says that a call cost; our own word replaces it."""

GEMINI_PATH = re.compile(r"/models/([^/:]+):(\w+)\Z")
PATHS = {
    "/chat/completions": ("openai_chat", "/v1/chat/completions"),
    "/embeddings": ("openai_embeddings", "/v1/embeddings"),
    "/messages": ("anthropic_messages", "/v1/messages"),
    "/messages/count_tokens": ("anthropic_messages", "/v1/messages/count_tokens"),
}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not at hand")


@dataclass(frozen=True)
class Recorded:
    """One exchange that a dialect speaks."""

    vendor: str
    id: str
    dialect: Dialect
    route: Route
    path: dict[str, str]
    query: str
    request: bytes
    status: int
    answer: bytes

    def read(self) -> Call:
        """The call, as a caller would have sent it."""
        return self.dialect.read_call(self.route, self.path, {}, self.request, self.query)


def dialect_of(url: str) -> tuple[Dialect, Route, dict[str, str]] | None:
    """The dialect, route and path variables of a vendor's URL; None when we do not speak it."""
    if found := GEMINI_PATH.search(url):
        dialect = load("gemini")
        pattern, path = f"/v1beta/models/{{model}}:{found[2]}", {"model": found[1]}
    else:
        ending = next((end for end in PATHS if url.endswith(end)), None)
        if ending is None:
            return None
        dialect, pattern, path = load(PATHS[ending][0]), PATHS[ending][1], {}
    return dialect, next(r for r in dialect.routes if r.pattern == pattern), path


def written(value: Any) -> bytes:
    """A recorded body as bytes; text was kept as it came."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def recorded() -> Iterator[Recorded]:
    """Every exchange of the vendors whose dialects we speak."""
    for vendor in USAGE:
        for line in (FOLDER / f"{vendor}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            url, _, query = row["url"].partition("?")
            if found := dialect_of(url):
                body = row["text"] if row.get("json") is None else row["json"]
                identity = row["id"].rpartition("/")[2]
                yield Recorded(
                    vendor, identity, *found, query, written(row["request"]), row["status"],
                    written(body),
                )  # fmt: skip


EVERY = list(recorded()) if FOLDER.is_dir() else []


def rows(chosen: Callable[[Recorded], bool]) -> list[Any]:
    """The exchanges a test is about."""
    return [pytest.param(one, id=f"{one.vendor}-{one.id}") for one in EVERY if chosen(one)]


def expected(one: Recorded) -> tuple[dict[str, int], int] | None:
    """What the table says that an answer used, and how much of its output was thinking."""
    metered = one.route.metered and one.status == 200
    if not metered or one.id in WITHOUT_USAGE:
        return None
    return dict(USAGE[one.vendor][one.id]), REASONING_INSIDE.get(one.id, 0)


def found(usage: Usage | None) -> tuple[dict[str, int], int] | None:
    """What our reader says of it."""
    if usage is None:
        return None
    assert not usage.suspect
    assert usage.source == "upstream"
    return dict(usage.quantities), usage.reasoning_inside


def test_the_table_is_long_and_every_row_of_it_is_used() -> None:
    typed = {(vendor, identity) for vendor in USAGE for identity in USAGE[vendor]}
    seen = {(one.vendor, one.id) for one in EVERY}
    assert sum(len(USAGE[vendor]) for vendor in ("openai", "anthropic", "gemini", "groq")) >= 60
    assert {identity for _, identity in typed} == {identity for _, identity in typed & seen}
    assert set(REASONING_INSIDE) | set(STREAMS) | set(REFUSED) <= {i for _, i in seen}


@pytest.mark.parametrize("one", rows(lambda one: one.id not in REFUSED))
def test_a_recorded_call_goes_on_byte_for_byte(one: Recorded) -> None:
    call = one.read()
    body = json.loads(one.request)
    assert call.model == one.path.get("model", body.get("model"))
    wire = one.dialect.write_call(call, call.model)
    if call.wants_usage or not call.stream:
        assert wire.body == one.request
    else:
        assert wire.body == b'{"stream_options":{"include_usage":true},' + one.request[1:]
    renamed = json.loads(one.dialect.write_call(call, "another").body)
    assert renamed.pop("model", None) in {None, "another", "models/another"}
    assert call.text_bytes + sum(media.size for media in call.media) == len(one.request)


@pytest.mark.parametrize("one", rows(lambda one: one.id in REFUSED))
def test_a_recorded_call_that_reaches_for_kept_state_is_refused(one: Recorded) -> None:
    with pytest.raises(InvalidRequest) as refused:
        one.read()
    assert refused.value.param == REFUSED[one.id]


@pytest.mark.parametrize("one", rows(lambda one: one.id not in STREAMS))
def test_usage_of_a_recorded_answer_is_what_the_table_says(one: Recorded) -> None:
    call = Call(one.route.operation, "m", one.request)
    assert found(one.dialect.read_usage(call, one.answer)) == expected(one)


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("one", rows(lambda one: one.id in STREAMS))
def test_a_recorded_stream_passes_unchanged_and_is_understood(one: Recorded, size: int) -> None:
    call = Call(one.route.operation, "m", one.request, stream=True, query=one.query)
    tap = one.dialect.tap(call)
    pieces = [one.answer[place : place + size] for place in range(0, len(one.answer), size)]
    assert b"".join(tap.feed(piece) for piece in pieces) + tap.flush() == one.answer
    assert found(tap.usage) == expected(one)
    reason, identity = STREAMS[one.id]
    assert (tap.finish_reason, tap.upstream_id) == (reason, identity)
    assert (tap.finished, tap.failed) == (reason is not None, reason is None)
    assert tap.visible_bytes > 0


@pytest.mark.parametrize(
    "one", rows(lambda one: one.id in STREAMS and one.dialect.name == "openai_chat")
)
def test_a_caller_who_did_not_ask_misses_only_the_usage_chunk(one: Recorded) -> None:
    call = Call("generate", "m", one.request, stream=True, wants_usage=False)
    tap = one.dialect.tap(call)
    seen = tap.feed(one.answer) + tap.flush()
    events = one.answer.split(b"\n\n")
    assert seen == b"\n\n".join(e for e in events if b'"choices":[],"usage":{' not in e)
    assert found(tap.usage) == expected(one)


@pytest.mark.parametrize("size", [7, 4096])
@pytest.mark.parametrize("one", rows(lambda one: one.id in STREAMS))
def test_a_recorded_stream_tells_its_cost_in_one_event_and_nowhere_else(
    one: Recorded, size: int
) -> None:
    call = Call(one.route.operation, "m", one.request, stream=True, query=one.query)
    tap = one.dialect.tap(call)
    tap.tell(Telling(cost=lambda: "0.0000057"))
    pieces = [one.answer[place : place + size] for place in range(0, len(one.answer), size)]
    seen = b"".join(tap.feed(piece) for piece in pieces) + tap.flush()
    told = seen.count(b'"cost":0.0000057')
    own = OWN_COST.sub(b"", one.answer)
    assert OWN_COST.sub(b"", seen.replace(b',"cost":0.0000057', b"")) == own
    assert told == (STREAMS[one.id][0] is not None and expected(one) is not None)
