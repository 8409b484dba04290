"""The replay upstream as Google's accounts see it: tokens, envelopes, credits, Vertex's paths."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import pytest

from local.replay.control import Control
from local.replay.plan import Plan, Plans, make
from local.replay.routes import Target, find
from local.replay.wire import Request

VERTEX = "/v1/projects/p/locations/global/publishers"
FORM = "content-type: application/x-www-form-urlencoded\r\n"


def plan(target: str, body: object, key: str = "", extra: str = "", form: bool = False) -> Plan:
    head = f"POST {target} HTTP/1.1\r\n" + (FORM if form else "")
    head += f"authorization: Bearer {key}\r\n" if key else ""
    raw = urlencode(body).encode() if isinstance(body, dict) and form else json.dumps(body).encode()
    return make(Request("POST", target, head.encode(), raw), extra, lambda: 1_800_000_000)


def told(made: Plan) -> Any:
    return json.loads(b"".join(made.pieces))


def status(made: Plan) -> int:
    return int(made.head.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("/token", Target("tokens", "token"), id="tokens"),
        pytest.param(
            "/v1internal:generateContent", Target("antigravity", "generate"), id="antigravity"
        ),
        pytest.param(
            "/x/v1internal:streamGenerateContent", Target("antigravity", "stream"), id="streamed"
        ),
        pytest.param("/v1internal:loadCodeAssist", Target("antigravity", "balance"), id="balance"),
        pytest.param("/v1internal:onboardUser", None, id="a method nobody needs"),
        pytest.param(
            f"{VERTEX}/google/models/gem:generateContent",
            Target("gemini", "generate", "gem"),
            id="Vertex, Google's",
        ),
        pytest.param(
            f"{VERTEX}/anthropic/models/claude@1:streamRawPredict",
            Target("anthropic", "generate", "claude@1"),
            id="Vertex, Anthropic's",
        ),
        pytest.param(
            f"{VERTEX}/anthropic/models/count-tokens:rawPredict",
            Target("anthropic", "count"),
            id="Vertex, counting",
        ),
        pytest.param(f"{VERTEX}/anthropic/models/c:predict", None, id="no method of Anthropic's"),
        pytest.param(f"{VERTEX}/google/models/c:predict", None, id="no method of Google's"),
    ],
)
def test_paths_of_google_lead_to_its_vendors(path: str, target: Target | None) -> None:
    assert find("POST", path, {}) == target


def test_nothing_of_vertex_is_listed() -> None:
    assert find("GET", f"{VERTEX}/google/models/gem:generateContent", {}) is None


# --- tokens ---------------------------------------------------------------------------------------


def asked(refresh: str, extra: str = "") -> Plan:
    return plan("/token", {"refresh_token": refresh}, extra=extra, form=True)


def test_a_refresh_token_gets_an_access_token_with_its_knobs() -> None:
    assert told(asked("1//ann+credits=3")) == {
        "access_token": "ya29.RePlAyRePlAyRePlAyRePl.ann+credits=3",
        "expires_in": 3_599,
        "token_type": "Bearer",
    }


def test_a_rotating_refresh_token_gets_its_successor() -> None:
    assert told(asked("1//ann+rotate"))["refresh_token"] == "1//ann.1+rotate"
    assert told(asked("1//ann.41+rotate"))["refresh_token"] == "1//ann.42+rotate"


def test_a_rotating_refresh_token_is_good_for_once() -> None:
    control = Control(1)
    first = Request("POST", "/token", FORM.encode(), b"refresh_token=1%2F%2Fann%2Brotate")
    other = Request("POST", "/token", FORM.encode(), b"refresh_token=1%2F%2Fbob")
    seen = [control.scripted(each) for each in (first, first, other, other)]
    assert seen == ["", "invalid_grant", "", ""]


def test_a_used_up_grant_is_refused() -> None:
    made = asked("1//ann", "invalid_grant")
    assert (status(made), told(made)["error"]) == (400, "invalid_grant")


def test_the_knob_expires_says_how_long() -> None:
    assert told(asked("1//ann+expires=60"))["expires_in"] == 60


def signed(claims: dict[str, str]) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sig"


@pytest.mark.parametrize(
    ("assertion", "code", "what"),
    [
        pytest.param(
            signed({"iss": "svc@p.iam.gserviceaccount.com"}),
            200,
            ("access_token", "ya29.RePlAyRePlAyRePlAyRePl.svc"),
            id="signed",
        ),
        pytest.param("e30.e30", 400, ("error", "invalid_grant"), id="not signed"),
        pytest.param(signed({}), 400, ("error", "invalid_grant"), id="by nobody"),
        pytest.param(
            signed({"iss": "svc+invalid_grant@p"}), 400, ("error", "invalid_grant"), id="revoked"
        ),
        pytest.param("a.!!!.c", 400, ("error", "invalid_request"), id="no JSON"),
    ],
)
def test_a_service_account_gets_a_token(assertion: str, code: int, what: tuple[str, str]) -> None:
    made = plan("/token", {"assertion": assertion}, form=True)
    assert status(made) == code
    assert told(made)[what[0]] == what[1]


# --- the code assist endpoint ---------------------------------------------------------------------

INSIDE = {"contents": [{"parts": [{"text": "Say hello."}]}]}


def envelope(knobs: str = "", **more: Any) -> dict[str, Any]:
    return {"project": "p", "model": f"gem{knobs}", "request": INSIDE, **more}


def generated(knobs: str = "", **more: Any) -> Plan:
    return plan("/v1internal:generateContent", envelope(knobs, **more))


def test_an_answer_comes_in_an_envelope() -> None:
    answer = told(generated())
    assert list(answer) == ["response", "traceId"]
    assert answer["response"]["usageMetadata"]["promptTokenCount"] == 6
    assert answer["response"]["modelVersion"] == "gem"


def test_a_streams_events_come_in_envelopes() -> None:
    made = plan("/v1internal:streamGenerateContent?alt=sse", envelope("+chunks=2+fail=1"))
    lines = b"".join(made.pieces).decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line]
    assert [list(event) for event in events] == [["response", "traceId"], ["error"]]


@pytest.mark.parametrize(
    ("knobs", "more", "code", "reason"),
    [
        pytest.param("+quota_exhausted", {}, 429, "QUOTA_EXHAUSTED", id="no quota"),
        pytest.param(
            "+quota_exhausted", {"enabledCreditTypes": ["GOOGLE_ONE_AI"]}, 200, "", id="paid"
        ),
        pytest.param(
            "+no_credits", {"enabledCreditTypes": ["GOOGLE_ONE_AI"]}, 429, "", id="nothing to pay"
        ),
        pytest.param("+no_credits", {}, 200, "", id="nothing to pay for"),
        pytest.param("+capacity", {}, 503, "MODEL_CAPACITY_EXHAUSTED", id="no machines"),
        pytest.param("+wait=500", {}, 429, "RATE_LIMIT_EXCEEDED", id="no patience"),
    ],
)
def test_calls_are_refused_for_want_of_quota_credits_machines_or_patience(
    knobs: str, more: dict[str, Any], code: int, reason: str
) -> None:
    made = generated(knobs, **more)
    assert status(made) == code
    details = told(made).get("error", {}).get("details", [{}])
    assert details[0].get("reason", "") == reason


def test_a_delay_is_told_as_google_does() -> None:
    details = told(generated("+wait=500"))["error"]["details"]
    assert details[1]["retryDelay"] == "0.5s"


@pytest.mark.parametrize(
    ("key", "extra", "balance"),
    [
        pytest.param("ya29.x.ann+credits=3+minimum=5", "", ("3", "5"), id="by the account's knobs"),
        pytest.param("sk-a", "credits=7", ("7", "50"), id="by a script"),
        pytest.param("ya29.x.ann", "", None, id="a free account"),
    ],
)
def test_a_balance_is_what_the_accounts_knobs_say(
    key: str, extra: str, balance: tuple[str, str] | None
) -> None:
    answer = told(plan("/v1internal:loadCodeAssist", {"metadata": {}}, key, extra))
    listed = answer.get("paidTier", {}).get("availableCredits")
    found = listed and (listed[0]["creditAmount"], listed[0]["minimumCreditAmountForUsage"])
    assert found == balance


def test_each_account_has_its_own_balance_however_often_it_is_asked_for() -> None:
    plans, path = Plans(lambda: 1_800_000_000), "/v1internal:loadCodeAssist"
    for amount in ("3", "900", "3"):
        head = f"POST {path} HTTP/1.1\r\nauthorization: Bearer ya29.x.ann+credits={amount}\r\n"
        answer = told(plans.find(Request("POST", path, head.encode(), b"{}"), ""))
        assert answer["paidTier"]["availableCredits"][0]["creditAmount"] == amount


def test_a_balance_can_be_degraded() -> None:
    made = plan("/v1internal:loadCodeAssist", {}, "ya29.x.ann+status=429")
    assert status(made) == 429


def test_models_are_listed_with_their_quota() -> None:
    answer = told(plan("/v1internal:fetchAvailableModels", {}, "ya29.x.ann"))
    assert answer["models"]["gemini-2.5-pro"] == {"quotaInfo": {"remainingFraction": 1}}


def test_messages_on_vertex_are_answered_in_anthropics_words() -> None:
    body = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 5, "messages": []}
    answer = told(plan(f"{VERTEX}/anthropic/models/claude-x:rawPredict", body))
    assert (answer["type"], answer["model"]) == ("message", "claude-x")
