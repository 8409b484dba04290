"""What Gemini reports as usage, in answers and over both kinds of streams, in the normal form."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, load

GEMINI = load("gemini")
SSE = Call("generate", "g", b"{}", stream=True, query="alt=sse")
ARRAY = Call("generate", "g", b"{}", stream=True)
SEARCHING = Call("generate", "g", b"{}", tools=("tool:google_search_retrieval",))


def details(**tokens: int) -> list[dict[str, Any]]:
    """A breakdown by modality."""
    return [{"modality": name, "tokenCount": count} for name, count in tokens.items()]


def usage(report: object, call: Call = SSE, **answer: object) -> Any:
    """Usage of a complete answer with that report."""
    return GEMINI.read_usage(call, json.dumps({**answer, "usageMetadata": report}).encode())


@pytest.mark.parametrize(
    ("report", "found"),
    [
        pytest.param(
            {"promptTokenCount": 9, "candidatesTokenCount": 4},
            {"input": 9, "output": 4},
            id="plain",
        ),
        pytest.param(
            {"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 34},
            {"input": 9, "output": 4, "reasoning": 34},
            id="thoughts are added",
        ),
        pytest.param(
            {
                "promptTokenCount": 13,
                "toolUsePromptTokenCount": 289,
                "candidatesTokenCount": 194,
                "toolUsePromptTokensDetails": details(TEXT=289),
            },
            {"input": 302, "output": 194},
            id="what tools gave back is input",
        ),
        pytest.param(
            {
                "promptTokenCount": 859,
                "cachedContentTokenCount": 594,
                "candidatesTokenCount": 28,
                "cacheTokensDetails": details(TEXT=594),
            },
            {"input": 265, "cache_read": 594, "output": 28},
            id="cached",
        ),
        pytest.param(
            {"promptTokenCount": 5, "cachedContentTokenCount": 9, "candidatesTokenCount": 1},
            {"cache_read": 9, "output": 1},
            id="more cached than prompted",
        ),
        pytest.param(
            {
                "promptTokenCount": 17713,
                "candidatesTokenCount": 100,
                "promptTokensDetails": details(TEXT=16, VIDEO=15780, AUDIO=1917),
            },
            {"input": 15796, "input_audio": 1917, "output": 100},
            id="sound apart, film as text",
        ),
        pytest.param(
            {
                "promptTokenCount": 300,
                "cachedContentTokenCount": 100,
                "candidatesTokenCount": 1,
                "promptTokensDetails": details(TEXT=40, IMAGE=258, AUDIO=2),
                "cacheTokensDetails": details(IMAGE=100),
            },
            {"input": 40, "input_image": 158, "input_audio": 2, "cache_read": 100, "output": 1},
            id="cached images",
        ),
        pytest.param(
            {
                "promptTokenCount": 5,
                "candidatesTokenCount": 2630,
                "candidatesTokensDetails": [*details(IMAGE=1290), *details(TEXT=50, IMAGE=1290)],
            },
            {"input": 5, "output": 50, "output_image": 2580, "images": 1},
            id="every image counts",
        ),
        pytest.param(
            {
                "promptTokenCount": 5,
                "candidatesTokenCount": 1000,
                "candidatesTokensDetails": details(IMAGE=1290),
            },
            {"input": 5, "output_image": 1290, "images": 1},
            id="more images than output",
        ),
        pytest.param(
            {
                "promptTokenCount": 5,
                "candidatesTokenCount": 70,
                "candidatesTokensDetails": details(AUDIO=70),
            },
            {"input": 5, "output_audio": 70},
            id="speech",
        ),
        pytest.param({"promptTokenCount": 12}, {"input": 12}, id="a blocked prompt"),
        pytest.param(
            {"promptTokenCount": 12, "candidatesTokenCount": None, "promptTokensDetails": None},
            {"input": 12},
            id="nulls that may be",
        ),
    ],
)
def test_usage_is_taken_apart(report: dict[str, Any], found: dict[str, int]) -> None:
    used = usage(report)
    assert (dict(used.quantities), used.suspect, used.reasoning_inside) == (found, False, 0)


PLAIN = {"promptTokenCount": 5, "candidatesTokenCount": 2}


@pytest.mark.parametrize(
    ("version", "queries", "searches"),
    [
        pytest.param("gemini-2.5-pro", ["a", "b", "c"], 1, id="billed by answer"),
        pytest.param("gemini-3-flash-preview", ["a", "b", "c"], 3, id="billed by query"),
        pytest.param("gemini-3-flash-preview", ["", "b"], 1, id="an empty query is none"),
        pytest.param(None, ["a", "b"], 2, id="an unknown model"),
        pytest.param("gemini-2.5-pro", [], 0, id="nothing was searched"),
    ],
)
def test_searches_are_counted_as_google_bills_them(
    version: str | None, queries: list[str], searches: int
) -> None:
    candidates = [{"groundingMetadata": {"webSearchQueries": queries}}]
    used = usage(PLAIN, candidates=candidates, modelVersion=version)
    assert used["tool:google_search"] == searches
    named = usage(PLAIN, SEARCHING, candidates=candidates, modelVersion=version)
    assert named["tool:google_search_retrieval"] == searches


def test_maps_count_once() -> None:
    chunks = [{"maps": {"uri": "x"}}, {"maps": {"uri": "y"}}, {"web": {}}]
    used = usage(PLAIN, candidates=[{"groundingMetadata": {"groundingChunks": chunks}}])
    assert used["tool:google_maps"] == 1


@pytest.mark.parametrize(
    ("report", "found"),
    [
        pytest.param(
            {"promptTokenCount": -5, "candidatesTokenCount": 4}, {"output": 4}, id="negative"
        ),
        pytest.param(
            {"promptTokenCount": "5", "candidatesTokenCount": 4},
            {"input": 5, "output": 4},
            id="text",
        ),
        pytest.param(
            {"promptTokenCount": None, "candidatesTokenCount": 4}, {"output": 4}, id="null"
        ),
        pytest.param(
            {**PLAIN, "candidatesTokensDetails": details(IMAGE=-3)},
            {"input": 5, "output": 2},
            id="within details",
        ),
        pytest.param(
            {**PLAIN, "thoughtsTokenCount": 10**10},
            {"input": 5, "output": 2, "reasoning": 10**8},
            id="huge",
        ),
    ],
)
def test_a_figure_that_cannot_be_true_is_made_safe_and_suspect(
    report: dict[str, Any], found: dict[str, int]
) -> None:
    used = usage(report)
    assert (dict(used.quantities), used.suspect) == (found, True)


@pytest.mark.parametrize(
    "report", [None, {}, 5, [], {"promptTokenCount": 0}, {"promptTokenCount": "x"}]
)
def test_usage_that_says_nothing_is_absent(report: object) -> None:
    assert usage(report) is None


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"<html>"])
def test_an_answer_without_usage_is_no_failure(answer: bytes) -> None:
    assert GEMINI.read_usage(SSE, answer) is None


def test_embeddings_spell_their_details_differently() -> None:
    call = Call("embed", "g", b"{}")
    report = {"promptTokenCount": 14, "promptTokenDetails": details(TEXT=4, IMAGE=10)}
    used = usage(report, call, embeddings=[{"values": [0.5]}])
    assert dict(used.quantities) == {"input": 4, "input_image": 10}


def chunk(text: str, reason: str | None = None, **figures: object) -> dict[str, Any]:
    """A partial answer as Google sends it."""
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    ended = {"finishReason": reason} if reason else {}
    told = {"usageMetadata": figures} if figures else {}
    return {"candidates": [{**candidate, **ended}], **told, "responseId": "r1"}


def events(*chunks: object) -> bytes:
    """A stream of server-sent events."""
    return b"".join(f"data: {json.dumps(one)}\r\n\r\n".encode() for one in chunks)


def array(*chunks: object) -> bytes:
    """A stream that is one array, as Google writes it."""
    return ("[" + "\n,\r\n".join(json.dumps(one, indent=2) for one in chunks) + "\n]\n").encode()


THINKING = chunk("Hm", promptTokenCount=34, thoughtsTokenCount=68)
FIRST = chunk("Hel", promptTokenCount=34, candidatesTokenCount=2, thoughtsTokenCount=70)
SECOND = chunk('l"o', promptTokenCount=34, candidatesTokenCount=30, thoughtsTokenCount=70)
LAST = chunk("!", "STOP", promptTokenCount=34, candidatesTokenCount=31, thoughtsTokenCount=70)


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    ("call", "written"),
    [pytest.param(SSE, events, id="sse"), pytest.param(ARRAY, array, id="array")],
)
def test_a_stream_is_read_as_it_passes(call: Call, written: Any, size: int) -> None:
    stream = written(THINKING, FIRST, SECOND, LAST)
    tap = GEMINI.tap(call)
    seen = b"".join(tap.feed(stream[i : i + size]) for i in range(0, len(stream), size))
    assert seen + tap.flush() == stream
    assert tap.usage is not None
    assert dict(tap.usage.quantities) == {"input": 34, "output": 31, "reasoning": 70}
    assert (tap.finished, tap.failed, tap.finish_reason) == (True, False, "STOP")
    assert tap.visible_bytes == len("Hm") + len("Hel") + len('l\\"o') + len("!")
    assert tap.upstream_id == "r1"


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        pytest.param(
            [FIRST, chunk("x", "STOP", promptTokenCount=0, candidatesTokenCount=0)],
            {"input": 34, "output": 2, "reasoning": 70},
            id="zeros at the end",
        ),
        pytest.param(
            [FIRST, chunk("x", promptTokenCount=34)],
            {"input": 34, "output": 2, "reasoning": 70},
            id="fewer figures at the end",
        ),
        pytest.param([FIRST, chunk("x")], {"input": 34, "output": 2, "reasoning": 70}, id="none"),
        pytest.param(
            [chunk("x"), FIRST], {"input": 34, "output": 2, "reasoning": 70}, id="only at the end"
        ),
    ],
)
def test_the_last_figure_that_is_not_zero_wins(
    chunks: list[dict[str, Any]], found: dict[str, int]
) -> None:
    tap = GEMINI.tap(SSE)
    for one in chunks:
        tap.feed(events(one))
    assert tap.usage is not None
    assert dict(tap.usage.quantities) == found


def test_usage_may_be_asked_for_at_any_time() -> None:
    tap = GEMINI.tap(SSE)
    outputs = []
    for one in (FIRST, SECOND, LAST):
        tap.feed(events(one))
        assert tap.usage is not None
        outputs.append(tap.usage["output"])
    assert outputs == [2, 30, 31]


@pytest.mark.parametrize(
    ("part", "size"),
    [
        pytest.param({"functionCall": {"name": "f", "args": {"a": 1}}}, 27, id="a function call"),
        pytest.param({"inlineData": {"mimeType": "image/png", "data": "A"}}, 5_040, id="an image"),
        pytest.param(
            {"inlineData": {"mimeType": "audio/pcm", "data": "A" * 64_000}},
            50,
            id="a second of sound",
        ),
        pytest.param({"executableCode": {"code": "print(1)"}}, 8, id="code"),
        pytest.param({"inlineData": None}, 0, id="nothing"),
    ],
)
def test_output_without_text_counts_too(part: dict[str, Any], size: int) -> None:
    tap = GEMINI.tap(SSE)
    tap.feed(events({"candidates": [{"content": {"parts": [part]}}]}))
    assert tap.visible_bytes == size


def test_text_that_only_cites_the_answer_does_not_count() -> None:
    support = {"segment": {"text": "repeated"}}
    grounding = {"webSearchQueries": ["q"], "groundingSupports": [support]}
    candidate = {"content": {"parts": [{"text": "said"}]}, "groundingMetadata": grounding}
    tap = GEMINI.tap(SSE)
    tap.feed(events({"candidates": [candidate], "usageMetadata": PLAIN}))
    assert tap.visible_bytes == len("said")


@pytest.mark.parametrize(
    ("last", "ended", "failed", "reason"),
    [
        pytest.param(
            {"promptFeedback": {"blockReason": "SAFETY"}}, True, False, "SAFETY", id="block"
        ),
        pytest.param({"error": {"code": 500}}, False, True, None, id="an error"),
        pytest.param({"candidates": [{"finishReason": None}]}, False, False, None, id="no reason"),
    ],
)
@pytest.mark.parametrize(("call", "written"), [(SSE, events), (ARRAY, array)])
def test_a_stream_may_end_otherwise(
    call: Call, written: Any, last: object, ended: bool, failed: bool, reason: str | None
) -> None:
    tap = GEMINI.tap(call)
    tap.feed(written(FIRST, last))
    assert (tap.finished, tap.failed, tap.finish_reason) == (ended, failed, reason)
