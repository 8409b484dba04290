"""How calls are said to Vertex AI: paths, bodies, tokens, and what is told of its refusals."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.google_accounts import (
    NOW,
    PERSON,
    SERVICE,
    VERTEX,
    ListedTokens,
    gemini_call,
    messages_call,
    saying,
)
from tollgate.dialects import load
from tollgate.domain.call import Call
from tollgate.domain.catalog import Account
from tollgate.domain.errors import UnsupportedEndpoint, UpstreamUnavailable
from tollgate.services.speech import Failure, Outgoing, Spoken
from tollgate.services.vertex import speaking

ASKED = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
EMBED = {"content": {"parts": [{"text": "hi"}]}}
TALK = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
CLAUDE = replace(
    VERTEX,
    platform="anthropic",
    project="own-project",
    region="global",
    base_url="https://aiplatform.googleapis.com",
)
HOST = "https://europe-west4-aiplatform.googleapis.com"
PLACE = f"{HOST}/v1/projects/file-project/locations/europe-west4/publishers/google/models/up-1"


def spoken(outgoing: Outgoing, account: Account = VERTEX, model: str = "up-1") -> Spoken:
    return speaking(ListedTokens())(saying(outgoing, account, SERVICE, model))


@pytest.mark.parametrize(
    ("action", "body", "query", "url"),
    [
        pytest.param("generateContent", ASKED, "", f"{PLACE}:generateContent", id="whole"),
        pytest.param(
            "streamGenerateContent",
            ASKED,
            "alt=sse",
            f"{PLACE}:streamGenerateContent?alt=sse",
            id="as events",
        ),
        pytest.param(
            "streamGenerateContent", ASKED, "", f"{PLACE}:streamGenerateContent", id="as an array"
        ),
        pytest.param("countTokens", ASKED, "", f"{PLACE}:countTokens", id="counting"),
        pytest.param("embedContent", EMBED, "", f"{PLACE}:embedContent", id="a vector"),
    ],
)
def test_gemini_calls_go_to_googles_models_as_they_are(
    action: str, body: dict[str, Any], query: str, url: str
) -> None:
    outgoing = gemini_call(action, body, query)
    target = spoken(outgoing).target
    assert (target.url, target.body) == (url, outgoing.call.body)
    assert target.headers == {
        "accept": "*/*",
        "content-type": "application/json",
        "authorization": "Bearer ya29.1",
    }


@pytest.mark.parametrize(
    ("account", "begins"),
    [
        pytest.param(
            replace(VERTEX, region="global", base_url="https://aiplatform.googleapis.com"),
            "https://aiplatform.googleapis.com/v1/projects/file-project/locations/global/",
            id="global",
        ),
        pytest.param(
            replace(VERTEX, region=""),
            f"{HOST}/v1/projects/file-project/locations/global/",
            id="no region: global",
        ),
        pytest.param(
            replace(VERTEX, base_url="http://127.0.0.1:1/x", project="example.com:own"),
            "http://127.0.0.1:1/x/v1/projects/example.com:own/locations/europe-west4/",
            id="the operator's own address and project",
        ),
    ],
)
def test_the_region_says_where(account: Account, begins: str) -> None:
    assert spoken(gemini_call("generateContent", ASKED), account).target.url.startswith(begins)


@pytest.mark.parametrize(
    ("body", "pattern", "url", "sent"),
    [
        pytest.param(
            TALK,
            "/messages",
            "claude-up@20250514:rawPredict",
            {
                "anthropic_version": "vertex-2023-10-16",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "hi"}],
            },
            id="whole",
        ),
        pytest.param(
            TALK | {"stream": True},
            "/messages",
            "claude-up@20250514:streamRawPredict",
            {
                "anthropic_version": "vertex-2023-10-16",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "hi"}],
                "stream": True,
            },
            id="streamed",
        ),
        pytest.param(
            TALK,
            "/count_tokens",
            "count-tokens:rawPredict",
            {
                "anthropic_version": "vertex-2023-10-16",
                "model": "claude-up@20250514",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "hi"}],
            },
            id="counting: the body names the model",
        ),
    ],
)
def test_messages_go_to_anthropics_models(
    body: dict[str, Any], pattern: str, url: str, sent: dict[str, Any]
) -> None:
    target = spoken(messages_call(body, pattern), CLAUDE, "claude-up@20250514").target
    place = "projects/own-project/locations/global/publishers/anthropic/models"
    assert target.url == f"https://aiplatform.googleapis.com/v1/{place}/{url}"
    assert json.loads(target.body) == sent
    assert target.headers == {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "context-1",
        "content-type": "application/json",
        "authorization": "Bearer ya29.1",
    }


def chat() -> Outgoing:
    """A call in a format that Vertex has no path for."""
    return Outgoing(load("openai_chat"), Call("generate", "m", b'{"model":"m"}'), {}, NOW)


@pytest.mark.parametrize(
    "outgoing",
    [
        pytest.param(gemini_call("batchEmbedContents", {"requests": [EMBED]}), id="a batch"),
        pytest.param(chat(), id="another format"),
    ],
)
def test_what_vertex_cannot_do_goes_to_the_next(outgoing: Outgoing) -> None:
    with pytest.raises(UnsupportedEndpoint):
        speaking(ListedTokens())(saying(outgoing, VERTEX, SERVICE))


@pytest.mark.parametrize(
    ("outgoing", "account", "secret"),
    [
        pytest.param(gemini_call("generateContent", ASKED), VERTEX, "{}", id="no credentials"),
        pytest.param(
            gemini_call("generateContent", ASKED),
            replace(VERTEX, type="apikey"),
            "sk-1",
            id="credentials of another type",
        ),
        pytest.param(
            gemini_call("generateContent", ASKED),
            replace(VERTEX, type="oauth"),
            PERSON,
            id="nobody names a project",
        ),
    ],
)
def test_what_an_account_cannot_be_asked_goes_to_the_next(
    outgoing: Outgoing, account: Account, secret: str
) -> None:
    with pytest.raises(UpstreamUnavailable):
        speaking(ListedTokens())(saying(outgoing, account, secret))


# --- refusals -------------------------------------------------------------------------------------


def refusal(status: int, body: bytes = b"") -> Failure:
    return Failure(status, {}, body)


def test_a_refused_token_is_replaced_once_and_the_call_is_said_again() -> None:
    first = spoken(gemini_call("generateContent", ASKED))
    assert first.react is not None
    reaction = first.react(refusal(401))
    assert reaction is not None
    assert reaction.again is not None
    again = reaction.again
    assert (reaction.wait_ms, reaction.rests) == (0, {})
    assert again.target == replace(
        first.target, headers={**first.target.headers, "authorization": "Bearer ya29.2"}
    )
    assert again.react is None
    assert again.retell is not None


def test_without_another_token_it_is_the_next_accounts_turn() -> None:
    said = speaking(ListedTokens(last=1))(
        saying(gemini_call("generateContent", ASKED), VERTEX, SERVICE)
    )
    assert said.react is not None
    reaction = said.react(refusal(401))
    assert reaction is not None
    assert reaction.again is None


@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_other_refusals_mean_what_they_mean_everywhere(status: int) -> None:
    said = spoken(gemini_call("generateContent", ASKED))
    assert said.react is not None
    assert said.react(refusal(status)) is None


GOOGLES = b'{"error":{"code":400,"message":"in file-project","status":"INVALID_ARGUMENT"}}'


@pytest.mark.parametrize(
    ("outgoing", "account", "body", "told"),
    [
        pytest.param(
            gemini_call("generateContent", ASKED),
            VERTEX,
            GOOGLES,
            b'{"error":{"code":400,"message":"in ***","status":"INVALID_ARGUMENT"}}',
            id="Google's to Gemini's callers",
        ),
        pytest.param(
            messages_call(TALK),
            replace(CLAUDE, project=""),
            GOOGLES,
            b'{"type":"error","error":{"type":"invalid_request_error","message":"in ***"}}',
            id="Google's to Anthropic's callers",
        ),
        pytest.param(
            messages_call(TALK),
            CLAUDE,
            b'{"type":"error","error":{"type":"invalid_request_error","message":"own-project"}}',
            b'{"type":"error","error":{"type":"invalid_request_error","message":"***"}}',
            id="Anthropic's own",
        ),
        pytest.param(messages_call(TALK), CLAUDE, b"<html>", b"<html>", id="neither"),
    ],
)
def test_refusals_are_told_in_the_callers_words_without_the_projects_name(
    outgoing: Outgoing, account: Account, body: bytes, told: bytes
) -> None:
    said = spoken(outgoing, account)
    assert said.retell is not None
    assert said.retell(refusal(400, body)).body == told
