"""The official SDKs against the running stack: whole and streamed, chunk by chunk, paid exactly."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai.errors import ClientError

from local.stack import Stack
from tests.e2e.lab import Lab, open_lab

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the SDKs themselves
]

TEXT = "This answer is replayed — no model was"
HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def lab(stack: Stack) -> Lab:
    return open_lab(stack)


@pytest.fixture
def openai_sdk(lab: Lab) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{lab.url}/v1", api_key=lab.secret, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_sdk(lab: Lab) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=lab.url, api_key=lab.secret, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini_sdk(lab: Lab) -> Iterator[Any]:
    client = genai.Client(api_key=lab.secret, http_options={"base_url": lab.url})
    yield client
    client.close()


def test_openai_whole(openai_sdk: Any) -> None:
    answer = openai_sdk.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert answer.choices[0].message.content == TEXT
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 8)


def test_openai_streamed_chunk_by_chunk(openai_sdk: Any, lab: Lab) -> None:
    lab.script("step+chunks=3")
    stream = openai_sdk.chat.completions.create(
        model="gpt-4o-mini",
        messages=HELLO,
        stream=True,
    )
    seen: list[str] = []
    for chunk in stream:
        seen.extend(choice.delta.content for choice in chunk.choices if choice.delta.content)
        ended = any(choice.finish_reason for choice in chunk.choices)
        # The upstream sends the next chunk only now. Behind the last one come the usage, which
        # this caller did not ask for and so never sees, and the end.
        lab.release(2 if ended else 1)
    assert "".join(seen) == "This answer is"


def test_openai_embeddings_and_models(openai_sdk: Any) -> None:
    answer = openai_sdk.embeddings.create(model="text-embedding-3-small", input="hi")
    assert len(answer.data[0].embedding) == 1_536
    assert {m.id for m in openai_sdk.models.list()} == {
        "claude-haiku-4-5",
        "gemini-2.5-flash",
        "gpt-4o-mini",
        "text-embedding-3-small",
    }


def test_anthropic_whole_and_streamed(anthropic_sdk: Any) -> None:
    asked = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": HELLO}
    answer = anthropic_sdk.messages.create(**asked)
    assert (answer.content[0].text, answer.usage.input_tokens) == (TEXT, 6)
    with anthropic_sdk.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream) == TEXT
        assert stream.get_final_message().usage.output_tokens == 8


def test_anthropic_streams_chunk_by_chunk(anthropic_sdk: Any, lab: Lab) -> None:
    lab.script("step+chunks=3")
    seen: list[str] = []
    with anthropic_sdk.messages.create(
        model="claude-haiku-4-5", max_tokens=100, messages=HELLO, stream=True
    ) as stream:
        for number, event in enumerate(stream):
            lab.release(2 if number == 1 else 1)  # one for the ping, which the SDK keeps to itself
            if event.type == "content_block_delta":
                seen.append(event.delta.text)
    assert "".join(seen) == "This answer is"


def test_gemini_whole_and_streamed(gemini_sdk: Any) -> None:
    asked = {"model": "gemini-2.5-flash", "contents": "Say hello."}
    answer = gemini_sdk.models.generate_content(**asked)
    assert answer.text == TEXT
    assert answer.usage_metadata.candidates_token_count == 8
    pieces = [chunk.text for chunk in gemini_sdk.models.generate_content_stream(**asked)]
    assert "".join(piece or "" for piece in pieces) == TEXT
    assert len(pieces) >= 8
    assert {model.name for model in gemini_sdk.models.list()} >= {"models/gemini-2.5-flash"}


def test_streams_tell_what_they_cost_and_quotes_what_they_will(
    openai_sdk: Any, anthropic_sdk: Any, lab: Lab
) -> None:
    chunks = openai_sdk.chat.completions.create(
        model="gpt-4o-mini",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    (used,) = (chunk.usage for chunk in chunks if chunk.usage is not None)
    asked = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": HELLO}
    with anthropic_sdk.messages.create(**asked, stream=True) as stream:
        (changed,) = (event for event in stream if event.type == "message_delta")
    # 6 tokens at 0.15 and 8 at 0.6; 6 at 1 and 8 at 5 USD per million
    assert (used.to_dict()["cost"], changed.usage.to_dict()["cost"]) == (0.0000057, 0.000046)
    before = lab.usage()
    assert {"0.000046", "0.0000057"} <= {receipt["charge_usd"] for receipt in before}
    quoted = openai_sdk.post(
        "/chat/completions",
        body={"model": "gpt-4o-mini", "max_tokens": 100, "messages": HELLO},
        options={"params": {"dry_run": "true"}},
        cast_to=object,
    )
    assert (quoted["object"], quoted["would_admit"]) == ("tollgate.quote", True)
    assert quoted["maximum_charge_usd"] == quoted["hold_usd"]
    assert len(lab.usage()) == len(before)


def test_refusals_are_the_sdks_own_errors(
    openai_sdk: Any, anthropic_sdk: Any, gemini_sdk: Any
) -> None:
    with pytest.raises(openai.NotFoundError, match="not offered"):
        openai_sdk.chat.completions.create(model="nope", messages=HELLO)
    with pytest.raises(anthropic.BadRequestError, match="not offered"):
        anthropic_sdk.messages.create(model="nope", max_tokens=9, messages=HELLO)
    with pytest.raises(ClientError, match="not offered"):
        gemini_sdk.models.generate_content(model="nope", contents="hi")


def test_what_was_used_is_what_was_paid(lab: Lab) -> None:
    """Runs last: everything above is in the sums, to the nano."""
    wallet = lab.settled()
    receipts = lab.usage()
    states = [receipt["state"] for receipt in receipts]
    assert (states.count("final"), states.count("refused"), len(states)) == (10, 3, 13)
    for receipt in receipts:
        lines = sum(nanos(line["amount_usd"]) for line in receipt["lines"])
        assert lines == nanos(receipt["charge_usd"])
    spent = sum(nanos(receipt["charge_usd"]) for receipt in receipts)
    assert nanos(wallet["debits_usd"]) == spent
    assert nanos(wallet["available_usd"]) == 1_000_000_000 - spent
    assert wallet["held_usd"] == "0"
    (line,) = lab.get(f"/users/{lab.user}/ledger")["entries"]
    assert line["amount_usd"] == "1"


def nanos(usd: str) -> int:
    """Dollars as the API writes them, in nanos."""
    whole, _, part = usd.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))
