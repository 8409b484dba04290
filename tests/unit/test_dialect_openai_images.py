"""OpenAI's pictures: what is read of a call, of answers, and of streams."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, Telling, load
from tollgate.domain.errors import InvalidRequest, MissingParameter
from tollgate.domain.usage import Usage

DIALECT = load("openai_images")
(ROUTE,) = DIALECT.routes
CALL = Call("draw", "gpt-image-2", b"", images=1, labels=("high",))
ASKED = {"model": "gpt-image-2", "prompt": "A gate"}
PICTURE = {"b64_json": "QUJD"}
TOKENS: dict[str, Any] = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 1_056,
    "total_tokens": 1_106,
}

BESIDE = TOKENS | {"output_tokens_details": {"text_tokens": 56, "image_tokens": 1_000}}


def read(**members: Any) -> Call:
    return DIALECT.read_call(ROUTE, {}, {}, json.dumps({**ASKED, **members}).encode())


def test_a_call_is_read_and_only_the_models_name_is_written_anew() -> None:
    call = read(n=3, user="u", stream=True)
    assert (call.operation, call.model, call.images, call.stream) == (
        "draw",
        "gpt-image-2",
        3,
        True,
    )
    assert (call.session, call.text_bytes) == ("u", len(call.body))
    wire = DIALECT.write_call(call, "other")
    assert wire.path == "/images/generations"
    assert wire.body == call.body.replace(b'"gpt-image-2"', b'"other"')


@pytest.mark.parametrize(
    ("size", "quality", "labels"),
    [
        pytest.param(None, None, (), id="the vendor chooses"),
        pytest.param("auto", "auto", (), id="in its own words"),
        pytest.param(
            "1024x1024", "high", ("high/1024x1024", "1024x1024", "high", "1K"), id="everything"
        ),
        pytest.param("1024x1024", None, ("1024x1024", "1K"), id="a size"),
        pytest.param(None, "hd", ("hd",), id="a quality"),
        pytest.param("256x256", None, ("256x256", "1K"), id="small"),
        pytest.param("1024x1536", None, ("1024x1536", "2K"), id="the longest side counts"),
        pytest.param("2048*1152", None, ("2048*1152", "2K"), id="2048"),
        pytest.param("2049x16", None, ("2049x16", "4K"), id="2049"),
        pytest.param("3840x2160", "max", ("max/3840x2160", "3840x2160", "max", "4K"), id="largest"),
        pytest.param("2K", None, ("2K",), id="a class"),
        pytest.param("4k", None, ("4k", "4K"), id="a class in small letters"),
        pytest.param("16:9", None, ("16:9",), id="only a shape"),
    ],
)
def test_a_picture_is_named_most_specific_first(
    size: str | None, quality: str | None, labels: tuple[str, ...]
) -> None:
    assert read(size=size, quality=quality).labels == labels


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        pytest.param({}, 12_000, id="the vendor chooses: of middle size, in high quality"),
        pytest.param({"size": "1024x1024"}, 8_000, id="small"),
        pytest.param({"size": "3840x2160"}, 24_000, id="large"),
        pytest.param({"size": "1024x1024", "quality": "low"}, 960, id="low"),
        pytest.param({"size": "1024x1024", "quality": "medium"}, 4_000, id="medium"),
        pytest.param({"size": "1024x1024", "quality": "xhigh"}, 16_000, id="xhigh"),
        pytest.param({"size": "1024x1024", "quality": "max"}, 32_000, id="max"),
        pytest.param({"size": "1024x1024", "n": 10}, 80_000, id="ten"),
        pytest.param({"size": "1024x1024", "n": 2, "partial_images": 3}, 16_600, id="by parts"),
    ],
)
def test_all_tokens_of_a_picture_may_come_unseen(asked: dict[str, Any], tokens: int) -> None:
    call = read(**asked)
    assert (call.max_output, call.hidden_output) == (tokens, tokens)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        pytest.param({"n": 0}, "n", id="no picture"),
        pytest.param({"n": 11}, "n", id="eleven"),
        pytest.param({"n": "2"}, "n", id="a number as text"),
        pytest.param({"n": True}, "n", id="a boolean"),
        pytest.param({"partial_images": 4}, "partial_images", id="too many parts"),
        pytest.param({"prompt": ["A gate"]}, "prompt", id="a list for a prompt"),
        pytest.param({"size": 1_024}, "size", id="a number for a size"),
        pytest.param({"size": "big one"}, "size", id="no size"),
        pytest.param({"quality": "a/b"}, "quality", id="no quality"),
        pytest.param({"stream": "yes"}, "stream", id="no boolean"),
        pytest.param({"svg": {"model": "other"}}, "svg", id="a second model"),
        pytest.param({"models": ["a"]}, "models", id="several models"),
        pytest.param({"output_format": "gif"}, "output_format", id="a film"),
        pytest.param({"output_format": "svg"}, "output_format", id="a drawing"),
        pytest.param({"image": "data:,"}, "image", id="a picture to begin with"),
        pytest.param({"file_id": "file-1"}, "file_id", id="a file of the vendor's"),
        pytest.param({"previous_response_id": "r"}, "previous_response_id", id="a conversation"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**members)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"model": None}, id="no model"),
        pytest.param({"prompt": None}, id="no prompt"),
        pytest.param({"prompt": ""}, id="an empty prompt"),
    ],
)
def test_what_is_missing_is_named(members: dict[str, Any]) -> None:
    with pytest.raises(MissingParameter, match=f"\\A{next(iter(members))}: is required"):
        read(**members)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            {"data": [PICTURE], "size": "1024x1536", "quality": "low", "usage": TOKENS},
            Usage(
                {"input": 10, "input_image": 40, "output_image": 1_056, "images": 1},
                labels=("low/1024x1536", "1024x1536", "low", "2K"),
            ),
            id="everything told",
        ),
        pytest.param(
            {"data": [{"url": "https://a.example/1"}, PICTURE]},
            Usage({"images": 2}, labels=("high", "2K")),
            id="only pictures: the call's own words, and the middle size",
        ),
        pytest.param(
            {"data": [PICTURE], "size": "auto", "quality": 7},
            Usage({"images": 1}, labels=("high", "2K")),
            id="words that say nothing",
        ),
        pytest.param(
            {"data": [PICTURE, {}, {"revised_prompt": "x"}, None]},
            Usage({"images": 1}, labels=("high", "2K")),
            id="filtered ones do not count",
        ),
        pytest.param(
            {"data": [PICTURE], "size": "1024x1024"},
            Usage({"images": 1}, labels=("high/1024x1024", "1024x1024", "high", "1K")),
            id="the answer's size with the call's quality",
        ),
        pytest.param({"data": []}, Usage(source="none"), id="nothing delivered"),
        pytest.param(
            {"data": [{"b64_json": None}], "usage": TOKENS},
            Usage(source="none"),
            id="nothing delivered, whatever it took",
        ),
        pytest.param(
            {"data": [PICTURE], "size": "1K", "usage": BESIDE},
            Usage(
                {
                    "input": 10,
                    "input_image": 40,
                    "output": 56,
                    "output_image": 1_000,
                    "images": 1,
                },
                labels=("high/1K", "1K", "high"),
            ),
            id="text beside the picture",
        ),
        pytest.param(
            {
                "data": [PICTURE],
                "size": "1K",
                "usage": {
                    "input_tokens": 50,
                    "input_tokens_details": {"image_tokens": 60, "cached_tokens": 20},
                    "output_tokens": 5,
                    "output_tokens_details": {"text_tokens": 9},
                },
            },
            Usage(
                {"cache_read": 20, "input_image": 30, "output": 5, "images": 1},
                labels=("high/1K", "1K", "high"),
            ),
            id="never more within than in all",
        ),
        pytest.param(
            {"data": [PICTURE], "size": "1K", "usage": {"output_tokens": -5}},
            Usage({"images": 1}, suspect=True, labels=("high/1K", "1K", "high")),
            id="figures that cannot be true",
        ),
        pytest.param({"images": [PICTURE]}, None, id="another shape"),
        pytest.param([PICTURE], None, id="a list"),
    ],
)
def test_what_was_drawn_is_read(answer: Any, expected: Usage | None) -> None:
    assert DIALECT.read_usage(CALL, json.dumps(answer).encode()) == expected


@pytest.mark.parametrize(
    ("asked", "told", "names"),
    [
        pytest.param(
            read(size="1024x1024", quality="hd"),
            {},
            ("hd/1024x1024", "1024x1024", "hd", "1K"),
            id="nothing told",
        ),
        pytest.param(read(size="3840x2160"), {}, ("3840x2160", "4K"), id="only a size"),
        pytest.param(
            read(size="1024x1024", quality="hd"),
            {"quality": "low"},
            ("low/1024x1024", "1024x1024", "low", "1K"),
            id="another quality",
        ),
        pytest.param(
            read(size="1024x1024"),
            {"size": "1024x1536"},
            ("1024x1536", "2K"),
            id="another size",
        ),
        pytest.param(read(), {}, ("2K",), id="nothing known"),
    ],
)
def test_the_answers_words_go_before_the_calls(
    asked: Call, told: dict[str, str], names: tuple[str, ...]
) -> None:
    used = DIALECT.read_usage(asked, json.dumps({"data": [PICTURE], **told}).encode())
    assert used is not None
    assert used.labels == names


def test_large_pictures_are_counted_without_being_built() -> None:
    large = {"b64_json": "QUJD" * 250_000}
    body = json.dumps({"data": [large, large], "size": "2K", "usage": TOKENS}).encode()
    used = DIALECT.read_usage(Call("draw", "m", b""), body)
    assert used == Usage(
        {"input": 10, "input_image": 40, "output_image": 1_056, "images": 2}, labels=("2K",)
    )


def event(kind: str, **members: Any) -> bytes:
    name = f"image_generation.{kind}"
    told = json.dumps({"type": name, "b64_json": "QUJD" * 100, **members})
    return f"event: {name}\ndata: {told}\n\n".encode()


LOOK = {"size": "1024x1024", "quality": "high"}
SHOWN = event("partial_image", partial_image_index=0, **LOOK)
DRAWN = event("completed", **LOOK, usage=TOKENS)
LABELS = ("high/1024x1024", "1024x1024", "high", "1K")


def test_a_stream_is_read_as_it_passes() -> None:
    tap = DIALECT.tap(CALL)
    assert tap.feed(SHOWN) == SHOWN
    assert (tap.visible_bytes, tap.finished, tap.usage) == (1, False, None)
    assert tap.feed(DRAWN[:99]) + tap.feed(DRAWN[99:]) + tap.flush() == DRAWN
    assert (tap.visible_bytes, tap.finished, tap.failed) == (2, True, False)
    assert tap.usage == Usage(
        {"input": 10, "input_image": 40, "output_image": 1_056, "images": 1}, labels=LABELS
    )


def test_the_pictures_of_a_stream_add_up() -> None:
    tap = DIALECT.tap(Call("draw", "m", b"", images=3))
    tap.feed(DRAWN + SHOWN + DRAWN)
    assert (tap.finished, tap.visible_bytes) == (False, 3)
    tap.feed(b"data: [DONE]\n\n")
    assert (tap.finished, tap.failed) == (True, False)
    assert tap.usage is not None
    assert tap.usage.quantities == {
        "input": 20,
        "input_image": 80,
        "output_image": 2_112,
        "images": 2,
    }


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(b'event: error\ndata: {"error":{"code":"moderation_blocked"}}\n\n', id="both"),
        pytest.param(b'data: {"error":{"code":"moderation_blocked"}}\n\n', id="an error"),
        pytest.param(b'data: {"type":"error"}\n\n', id="an event of errors"),
    ],
)
def test_what_was_shown_before_a_failure_is_worth_nothing(failure: bytes) -> None:
    tap = DIALECT.tap(CALL)
    assert tap.feed(SHOWN + failure) == SHOWN + failure
    assert (tap.failed, tap.visible_bytes, tap.usage) == (True, 0, None)


def test_a_model_that_does_not_stream_answers_whole() -> None:
    tap = DIALECT.tap(CALL)
    body = json.dumps({"data": [PICTURE], **LOOK, "usage": TOKENS}).encode()
    assert tap.feed(body) + tap.flush() == body
    assert (tap.finished, tap.visible_bytes) == (True, 1)
    assert tap.usage is not None
    assert tap.usage["images"] == 1


def test_other_events_pass() -> None:
    tap = DIALECT.tap(CALL)
    other = b'data: {"type":"response.created","usage":{}}\n\n: keep-alive\n\n'
    assert tap.feed(other) == other
    assert (tap.visible_bytes, tap.finished, tap.failed, tap.usage) == (0, False, False, None)


def test_the_charge_is_told_in_the_last_event() -> None:
    tap = DIALECT.tap(CALL)
    tap.tell(Telling(lambda: "0.04224", lambda: {"charge_usd": "0.04224"}))
    assert tap.feed(SHOWN) == SHOWN
    receipt = (
        b"event: tollgate.receipt\n"
        b'data: {"type":"tollgate.receipt","receipt":{"charge_usd":"0.04224"}}\n\n'
    )
    told = DRAWN.replace(b'"total_tokens": 1106', b'"total_tokens": 1106,"cost":0.04224')
    assert tap.feed(DRAWN) + tap.flush() == receipt + told
