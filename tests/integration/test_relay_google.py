"""Calls through the relay to accounts at Google: what is sent, what comes back, what it costs."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.gateway import START_MS, Gateway, Seen
from tests.google_stand_in import SERVICE, Google, gateway, person
from tollgate.domain.catalog import Account, Channel, GroupPart

CODE_ASSIST = "https://cloudcode-pa.googleapis.com"
VERTEX_HOST = "https://europe-west4-aiplatform.googleapis.com"
ANN = Account(
    "acc_ann", "ann", "antigravity", "oauth", CODE_ASSIST, {}, project="proj-7", priority=2
)
BOB = Account(
    "acc_bob", "bob", "antigravity", "oauth", CODE_ASSIST, {}, project="proj-8", priority=1
)
RICH = replace(ANN, overages=True)
VERTEX = Account(
    *("acc_v", "vertex", "gemini", "service_account", VERTEX_HOST, {}),
    region="europe-west4",
    project="own-1",
)
CLAUDE = replace(VERTEX, platform="anthropic")
SECRETS = {"acc_ann": person("1//ann"), "acc_bob": person("1//bob"), "acc_v": SERVICE}

MODEL = "/v1beta/models/gemini-2.5-flash"
ASKED = {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}
SAID = "This answer is replayed — no model was"
CHARGE = 21_800
"""6 tokens at 0.3 and 8 at 2.5 dollars a million, in nanos."""

CALL = "v1internal:generateContent"
BALANCE = "v1internal:loadCodeAssist"


def group(*accounts: Account, platform: str = "antigravity", **more: Any) -> GroupPart:
    return GroupPart(
        "grp_1", 1, "g001", "main", platform, "active", Decimal(1), accounts=accounts, **more
    )


def opened(google: Google, *accounts: Account, **more: Any) -> Gateway:
    return gateway(google, group(*accounts, **more), SECRETS)


def asked(room: Gateway, action: str = "generateContent", query: str = "") -> Seen:
    parameters = {"alt": [query]} if query else None
    return room.post(f"{MODEL}:{action}", ASKED, multiValueQueryStringParameters=parameters)


def texts(answers: list[Any]) -> str:
    parts = [part for each in answers for part in each["candidates"][0]["content"]["parts"]]
    return "".join(part["text"] for part in parts)


def tried(room: Gateway) -> list[tuple[str | int, str | int]]:
    return [(each["account"], each["status"]) for each in room.record().attempts]


def facts(room: Gateway, account: str) -> dict[str, int]:
    """What rests, and for how long from now on."""
    known = room.roster.health.facts(account)
    return {fact: until - room.now for fact, until in known.items() if "cause" not in fact}


# --- antigravity ----------------------------------------------------------------------------------


def test_a_whole_answer_comes_out_of_the_envelope_and_is_charged() -> None:
    google = Google()
    room = opened(google, ANN)
    seen = asked(room)
    assert (seen.status, texts([seen.json])) == (200, SAID)
    assert list(seen.json) == ["candidates", "usageMetadata", "modelVersion", "responseId"]
    assert google.bodies(CALL) == [
        {"project": "proj-7", "model": "gemini-2.5-flash", "request": ASKED}
    ]
    record = room.record()
    assert (record.charge, record.account, record.status) == (CHARGE, "acc_ann", 200)
    assert record.usage == {"input": 6, "output": 8}


def test_streamed_events_come_out_of_their_envelopes_and_are_charged() -> None:
    room = opened(Google(), ANN)
    seen = asked(room, "streamGenerateContent", "sse")
    events = [json.loads(line[6:]) for line in seen.body.decode().splitlines() if line]
    assert (seen.status, texts(events)) == (200, SAID)
    assert seen.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert room.record().charge == CHARGE


def test_who_reads_an_array_gets_one_and_is_charged() -> None:
    google = Google()
    room = opened(google, ANN)
    seen = asked(room, "streamGenerateContent")
    assert (seen.status, texts(json.loads(seen.body))) == (200, SAID)
    assert seen.headers["content-type"] == "application/json; charset=UTF-8"
    assert room.record().charge == CHARGE
    assert google.asked[-1].url.query == b"alt=sse"


def test_a_failure_within_a_stream_is_the_callers_error_event() -> None:
    room = opened(Google({"streamGenerateContent": ["fail=2"]}), ANN)
    seen = asked(room, "streamGenerateContent", "sse")
    last = json.loads(seen.body.decode().strip().rpartition("data: ")[2])
    assert last["error"]["status"] == "INTERNAL"
    assert "replayaccount" not in seen.body.decode()
    assert room.record().error == "upstream_error"


def test_one_token_serves_many_calls() -> None:
    google = Google()
    room = opened(google, ANN)
    asked(room)
    asked(room)
    assert google.paths() == ["token", CALL, CALL]


def test_a_refused_token_is_replaced_and_the_same_account_asked_once_more() -> None:
    google = Google({CALL: ["status=401"]})
    room = opened(google, ANN, BOB)
    assert asked(room).status == 200
    assert google.paths() == ["token", CALL, "token", CALL]
    assert tried(room) == [("acc_ann", 401), ("acc_ann", 200)]
    assert room.record().charge == CHARGE
    assert facts(room, "acc_ann") == {}


def test_a_second_refusal_goes_to_the_next_account() -> None:
    google = Google({CALL: ["status=401", "status=401"]})
    room = opened(google, ANN, BOB)
    assert asked(room).status == 200
    assert tried(room) == [("acc_ann", 401), ("acc_ann", 401), ("acc_bob", 200)]


def test_credentials_refused_for_good_make_the_account_faulty_and_the_next_one_answers() -> None:
    room = opened(Google({"token": ["invalid_grant"]}), ANN, BOB)
    assert asked(room).status == 200
    assert tried(room) == [("acc_ann", 0), ("acc_bob", 200)]
    assert list(facts(room, "acc_ann")) == ["faulty"]
    assert asked(room).status == 200
    assert room.all_records()[-1].account == "acc_bob"


def test_a_refusal_does_not_name_the_project() -> None:
    room = opened(Google({CALL: ["status=400"]}), replace(ANN, project="org-replayaccount"))
    seen = asked(room)
    assert seen.status == 400
    assert "replayaccount" not in seen.body.decode()
    assert room.record().charge == 0


# --- credits --------------------------------------------------------------------------------------


def rich(google: Google, knobs: str, *others: Account) -> Gateway:
    """A gateway whose first account may spend the credits it has."""
    secrets = SECRETS | {"acc_ann": person(f"1//ann+{knobs}")}
    return gateway(google, group(RICH, *others), secrets)


def paid(google: Google) -> list[bool]:
    return ["enabledCreditTypes" in body for body in google.bodies(CALL)]


def test_a_resting_model_is_paid_with_credits_in_exactly_one_call() -> None:
    google = Google({CALL: ["quota_exhausted"]})
    room = rich(google, "credits=900")
    room.roster.health.block("acc_ann", "model:gemini-2.5-flash", room.now + 60_000)
    assert asked(room).status == 200
    assert google.paths() == ["token", BALANCE, CALL]
    assert google.bodies(CALL)[0]["enabledCreditTypes"] == ["GOOGLE_ONE_AI"]
    assert facts(room, "acc_ann") == {"model:gemini-2.5-flash": 60_000}
    assert room.record().charge == CHARGE


def test_used_up_quota_is_paid_with_credits_by_the_same_account() -> None:
    google = Google({CALL: ["quota_exhausted", "quota_exhausted"]})
    room = rich(google, "credits=900", BOB)
    assert asked(room).status == 200
    assert paid(google) == [False, True]
    assert tried(room) == [("acc_ann", 429), ("acc_ann", 200)]
    assert facts(room, "acc_ann") == {}


def test_without_enough_credits_the_next_account_answers() -> None:
    google = Google({CALL: ["quota_exhausted"]})
    room = rich(google, "credits=49", BOB)
    assert asked(room).status == 200
    assert paid(google) == [False, False]
    assert tried(room) == [("acc_ann", 429), ("acc_bob", 200)]
    assert facts(room, "acc_ann") == {
        "credits": 18_000_000,
        "model:gemini-2.5-flash": 18_000_000,
    }


def test_refused_credits_count_as_used_up_and_nothing_else_rests() -> None:
    google = Google({CALL: ["quota_exhausted", "no_credits"]})
    room = rich(google, "credits=900", BOB)
    assert asked(room).status == 200
    assert paid(google) == [False, True, False]
    assert tried(room) == [("acc_ann", 429), ("acc_ann", 429), ("acc_bob", 200)]
    assert facts(room, "acc_ann") == {"credits": 18_000_000}


def test_words_of_the_caller_do_not_use_up_credits() -> None:
    google = Google({CALL: ["quota_exhausted", "no_credits"]})
    room = rich(google, "credits=900", BOB)
    text = "What does this mean: Resource has been exhausted (e.g. check quota)."
    said = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    assert room.post(f"{MODEL}:generateContent", said).status == 200
    assert tried(room) == [("acc_ann", 429), ("acc_ann", 429), ("acc_bob", 200)]
    assert "credits" not in facts(room, "acc_ann")


def test_a_degraded_balance_is_asked_for_four_times_and_then_tried() -> None:
    google = Google({CALL: ["quota_exhausted"], BALANCE: ["status=429"] * 4})
    room = rich(google, "credits=900")
    assert asked(room).status == 200
    assert google.paths() == ["token", CALL, *[BALANCE] * 4, CALL]
    assert room.now == START_MS + 3_500


def test_a_paid_success_ends_that_credits_count_as_used_up() -> None:
    """Another environment marked them while this call was on its way."""
    google = Google({CALL: ["quota_exhausted"]})
    room = rich(google, "credits=900")
    serve = google.serve

    def marked(request: Any) -> Any:
        if b"enabledCreditTypes" in request.content:
            room.roster.health.block("acc_ann", "credits", room.now + 60_000)
        return serve(request)

    room.upstream.serve = marked
    assert asked(room).status == 200
    assert facts(room, "acc_ann") == {}


def test_a_short_delay_is_waited_for_in_place() -> None:
    google = Google({CALL: ["wait=500"]})
    room = opened(google, ANN, BOB)
    assert asked(room).status == 200
    assert tried(room) == [("acc_ann", 429), ("acc_ann", 200)]
    assert room.now == START_MS + 500


def test_for_a_long_delay_the_model_rests_and_the_next_account_answers() -> None:
    google = Google({CALL: ["wait=9000"]})
    room = opened(google, ANN, BOB)
    assert asked(room).status == 200
    assert tried(room) == [("acc_ann", 429), ("acc_bob", 200)]
    assert facts(room, "acc_ann") == {"model:gemini-2.5-flash": 9_000}


# --- whom antigravity serves ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "platform", "status"),
    [
        pytest.param(ANN, "antigravity", 200, id="its own groups"),
        pytest.param(ANN, "gemini", 404, id="Gemini's: not unless mixed"),
        pytest.param(replace(ANN, mixed=True), "gemini", 200, id="Gemini's: mixed"),
    ],
)
def test_antigravity_joins_other_groups_only_where_mixed(
    account: Account, platform: str, status: int
) -> None:
    assert asked(opened(Google(), account, platform=platform)).status == status


def test_tokens_are_counted_for_nothing() -> None:
    room = opened(Google(), ANN)
    seen = asked(room, "countTokens")
    assert (seen.status, seen.json) == (200, {"totalTokens": 6})
    assert room.all_records() == ()


def test_messages_are_not_taken_to_antigravity_yet() -> None:
    room = opened(Google(), ANN)
    talk = {
        "model": "claude-sonnet-4",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
    }
    assert room.post("/v1/messages", talk).status == 400


@pytest.mark.parametrize(
    ("mapping", "sent"),
    [
        pytest.param(
            {"gemini": {"alias": "gemini-2.5-flash"}}, "gemini-2.5-flash", id="Gemini's row serves"
        ),
        pytest.param(
            {"anthropic": {"ali*": "gpt-4o"}, "gemini": {"alias": "gemini-2.5-flash"}},
            "gemini-2.5-flash",
            id="exact before any prefix",
        ),
        pytest.param(
            {"anthropic": {"alias": "claude-sonnet-4"}, "gemini": {"alias": "gemini-2.5-flash"}},
            "claude-sonnet-4",
            id="Anthropic's before Gemini's",
        ),
    ],
)
def test_names_are_looked_up_across_platforms(
    mapping: dict[str, dict[str, str]], sent: str
) -> None:
    google = Google()
    channel = Channel("chn_1", "main", mapping)
    room = opened(google, ANN, channel=channel)
    assert room.post("/v1beta/models/alias:generateContent", ASKED).status == 200
    assert google.bodies(CALL)[0]["model"] == sent


# --- Vertex ---------------------------------------------------------------------------------------


def test_geminis_callers_reach_googles_models_on_vertex() -> None:
    google = Google()
    room = opened(google, VERTEX, platform="gemini")
    assert texts([asked(room).json]) == SAID
    assert google.asked[1].url == (
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/own-1/locations/europe-west4"
        "/publishers/google/models/gemini-2.5-flash:generateContent"
    )
    assert (room.record().charge, room.record().account) == (CHARGE, "acc_v")


TALK = {
    "model": "claude-sonnet-4",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Say hello."}],
}
CLAUDE_CHARGE = 138_000
"""6 tokens at 3 and 8 at 15 dollars a million, in nanos."""


@pytest.mark.parametrize(
    ("more", "method"),
    [
        pytest.param({}, "rawPredict", id="whole"),
        pytest.param({"stream": True}, "streamRawPredict", id="streamed"),
    ],
)
def test_messages_reach_anthropics_models_on_vertex(more: dict[str, Any], method: str) -> None:
    google = Google()
    room = opened(google, CLAUDE, platform="anthropic")
    seen = room.post("/v1/messages", TALK | more)
    assert seen.status == 200
    assert b" replayed" in seen.body
    assert google.paths()[1] == f"claude-sonnet-4:{method}"
    (body,) = google.bodies(method)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body
    assert room.record().charge == CLAUDE_CHARGE


def test_vertex_replaces_a_refused_token_once() -> None:
    google = Google({":generateContent": ["status=401"]})
    room = opened(google, VERTEX, platform="gemini")
    assert asked(room).status == 200
    assert tried(room) == [("acc_v", 401), ("acc_v", 200)]


@pytest.mark.parametrize(
    "named",
    [
        pytest.param("projects/own-1/locations/x", id="a project in a path"),
        pytest.param("projects/example.com:own-1.", id="one of a domain"),
        pytest.param("project own-1", id="a project alone"),
        pytest.param("svc@file-own-1.iam.gserviceaccount.com", id="who asked"),
        pytest.param("ya29.a0AfB_own-1", id="an access token"),
    ],
)
def test_a_refusal_of_vertex_names_nothing_of_ours(named: str) -> None:
    google = Google()
    room = opened(google, VERTEX, platform="gemini")
    error = {"code": 400, "message": f"Bad request in {named}", "status": "INVALID_ARGUMENT"}
    serve = google.serve

    def complaining(request: httpx.Request) -> httpx.Response:
        token = request.url.path == "/token"
        return serve(request) if token else httpx.Response(400, json={"error": error})

    room.upstream.serve = complaining
    seen = asked(room)
    assert seen.status == 400
    assert seen.json["error"]["message"].startswith("Bad request in ")
    assert "own-1" not in seen.body.decode()
