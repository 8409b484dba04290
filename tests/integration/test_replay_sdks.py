"""The replay upstream before the official SDKs: they must read every answer it gives."""

from collections.abc import Iterator

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from local.replay.listener import running

SAID = "This answer is replayed — no model was"
ASKED = "Say hello."
KEY = "sk-replay"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture(scope="module")
def chat(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def claude(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def gemini(url: str) -> Iterator[genai.Client]:
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))
    yield client
    client.close()


def test_openai_reads_an_answer(chat: openai.OpenAI) -> None:
    answer = chat.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": ASKED}]
    )
    assert answer.choices[0].message.content == SAID
    assert answer.usage is not None
    assert answer.usage.total_tokens == 14


def test_openai_reads_a_stream(chat: openai.OpenAI) -> None:
    stream = chat.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": ASKED}],
        stream=True,
        stream_options={"include_usage": True},
    )
    events = list(stream)
    said = [e.choices[0].delta.content or "" for e in events if e.choices]
    assert "".join(said) == SAID
    assert events[-1].usage is not None
    assert events[-1].usage.completion_tokens == 8
    assert len({event.id for event in events}) == 1


def test_openai_reads_tool_calls_as_they_come(chat: openai.OpenAI) -> None:
    with chat.chat.completions.stream(
        model="gpt-4o-mini+tools=2", messages=[{"role": "user", "content": ASKED}]
    ) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.arguments for call in calls] == ['{"city":"Paris"}', '{"city":"Zürich"}']


def test_openai_reads_vectors_packed_and_plain(chat: openai.OpenAI) -> None:
    packed = chat.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [len(row.embedding) for row in packed.data] == [1536, 1536]
    plain = chat.embeddings.create(model="e", input="a", dimensions=8, encoding_format="float")
    assert len(plain.data[0].embedding) == 8
    assert plain.usage.prompt_tokens == 4


def test_openai_reads_lists_and_one_model(chat: openai.OpenAI) -> None:
    assert "gpt-4o-mini" in [model.id for model in chat.models.list()]
    assert chat.models.retrieve("gpt-5").id == "gpt-5"


def test_openai_raises_its_own_error(chat: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        chat.chat.completions.create(
            model="gpt-4o-mini+status=429+retry_after=2",
            messages=[{"role": "user", "content": ASKED}],
        )
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.code == "rate_limit_exceeded"


def test_openai_notices_an_error_within_a_stream(chat: openai.OpenAI) -> None:
    stream = chat.chat.completions.create(
        model="gpt-4o-mini+fail=2", messages=[{"role": "user", "content": ASKED}], stream=True
    )
    with pytest.raises(openai.APIError, match="Replayed failure"):
        list(stream)


def test_anthropic_reads_an_answer_with_thoughts(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(
        model="claude-sonnet-4-5+thinking=2+cached=30",
        max_tokens=64,
        messages=[{"role": "user", "content": ASKED}],
    )
    thought, text = answer.content
    assert thought.type == "thinking"
    assert text.type == "text"
    assert (thought.thinking, text.text) == (" thought 0 thought 1", SAID)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (6, 10)
    assert answer.usage.cache_read_input_tokens == 30


def test_anthropic_reads_a_stream(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model="claude-sonnet-4-5+thinking=1",
        max_tokens=6,
        messages=[{"role": "user", "content": ASKED}],
    ) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == "This answer is replayed —"
    assert (final.stop_reason, final.usage.output_tokens) == ("max_tokens", 6)


def test_anthropic_reads_tool_calls_as_they_come(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model="claude-sonnet-4-5+tools=2",
        max_tokens=64,
        messages=[{"role": "user", "content": ASKED}],
    ) as stream:
        final = stream.get_final_message()
    assert [b.input for b in final.content if b.type == "tool_use"] == [
        {"city": "Paris"},
        {"city": "Zürich"},
    ]
    assert final.stop_reason == "tool_use"


def test_anthropic_reads_counts_and_lists(claude: anthropic.Anthropic) -> None:
    counted = claude.messages.count_tokens(
        model="claude-sonnet-4-5", messages=[{"role": "user", "content": ASKED}]
    )
    assert counted.input_tokens == 6
    assert "claude-sonnet-4-5" in [model.id for model in claude.models.list()]


def test_anthropic_raises_its_own_error(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(
            model="claude-sonnet-4-5+status=529",
            max_tokens=5,
            messages=[{"role": "user", "content": ASKED}],
        )
    assert (caught.value.status_code, caught.value.type) == (529, "overloaded_error")


def test_gemini_reads_an_answer_with_thoughts(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(
        model="gemini-2.5-flash+thinking=1+reasoning=40+cached=5+images=2+in=20", contents=ASKED
    )
    assert answer.text == SAID
    told = answer.usage_metadata
    assert told is not None
    assert (told.prompt_token_count, told.candidates_token_count) == (20, 8)
    assert (told.thoughts_token_count, told.cached_content_token_count) == (40, 5)
    assert told.total_token_count == 68
    assert told.prompt_tokens_details is not None
    assert [d.token_count for d in told.prompt_tokens_details] == [18, 2]


def test_gemini_reads_a_stream(gemini: genai.Client) -> None:
    events = [
        *gemini.models.generate_content_stream(
            model="gemini-2.5-flash",
            contents=ASKED,
            config=types.GenerateContentConfig(max_output_tokens=5),
        )
    ]
    assert "".join(event.text or "" for event in events) == "This answer is replayed —"
    assert events[-1].candidates is not None
    assert events[-1].candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert events[-1].usage_metadata is not None
    assert events[-1].usage_metadata.total_token_count == 11


def test_gemini_reads_tool_calls_vectors_counts_and_lists(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(model="gemini-2.5-flash+tools=1", contents=ASKED)
    assert answer.function_calls is not None
    assert answer.function_calls[0].args == {"city": "Paris"}
    rows = gemini.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    assert rows.embeddings is not None
    assert [len(row.values or ()) for row in rows.embeddings] == [3072, 3072]
    counted = gemini.models.count_tokens(model="gemini-2.5-flash", contents=ASKED)
    assert counted.total_tokens == 6
    assert "models/gemini-2.5-flash" in [model.name for model in gemini.models.list()]


def test_gemini_raises_its_own_error(gemini: genai.Client) -> None:
    with pytest.raises(genai.errors.ServerError) as caught:
        gemini.models.generate_content(model="gemini-2.5-flash+status=503", contents=ASKED)
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
