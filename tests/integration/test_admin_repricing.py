"""What-if and re-rating over HTTP: a draft is checked, replayed as a dry run, and booked."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

import pytest

from tests.admin_api import NOW, AdminApi, admin_api, connected
from tollgate.domain.base32 import base32
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.definitions import Author
from tollgate.domain.holds import hour_of
from tollgate.domain.jobs import Progress
from tollgate.domain.record import UsageRecord
from tollgate.domain.tally import Tally
from tollgate.observability import Observer
from tollgate.services.jobs import Jobs
from tollgate.services.opening import open_housekeeping
from tollgate.settings import Settings
from tollgate.web.admin.repricing import most_changed

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
PERIOD: Final = {"from": NOW - HOUR_MS, "to": NOW}
HALVED: Final[dict[str, Any]] = {"prices": [{"model": "gpt-x", "prices": {"input": "1"}}]}
SNAPSHOT: Final = PriceSnapshot("official", "gpt-x", 1, "gpt-x", prices={"input": "2"})


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def user(api: AdminApi) -> str:
    """Ann with 1 USD and one call of 1,000 tokens at 2 USD per million."""
    found: str = api.created("/users", {"email": "ann@example.com"})["id"]
    api.created(
        f"/users/{found}/wallet/credits", {"amount_usd": "1", "kind": "topup", "reference": "r1"}
    )
    call(api, found)
    return found


def call(api: AdminApi, user: str, **facts: Any) -> None:
    """A call half an hour ago."""
    at = (NOW - HOUR_MS // 2) // 1_000
    hold = f"{base32(at, 7)}00000001001sw-k001"
    plain: dict[str, Any] = {
        "held": 9_000_000,
        "charge": 2_000_000,
        "cost": 500_000,
        "started": at * 1_000,
        "model": "gpt-x",
        "billing_model": "gpt-x",
        "usage": {"input": 1_000},
        "usage_source": "upstream",
        "price": SNAPSHOT.to_json(),
    }
    api.stores.usage.put(UsageRecord(user, hold, **plain | facts))
    api.stores.rollups.mark_active(hour_of(at), [user])


def work(api: AdminApi) -> None:
    """Let the janitor work, put together as its function is."""
    settings = Settings(dynamodb_client="boto3")
    aws, seen = connected(settings), Observer("janitor")
    due = open_housekeeping(settings, aws, seen, lambda: api.now, lambda below: 0)
    due.run({"job": "jobs"})


def simulated(api: AdminApi, draft: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A simulation that is done."""
    made = api.created("/pricing/simulations", PERIOD | more | {"draft": draft})
    work(api)
    found: dict[str, Any] = api.call("GET", f"/pricing/simulations/{made['id']}").json
    assert found["status"] == "done", found["error"]
    return found


def sums(calls: int, old: str, new: str, difference: str, cost: str) -> dict[str, Any]:
    return {
        "calls": calls,
        "old_usd": old,
        "new_usd": new,
        "difference_usd": difference,
        "cost_usd": cost,
    }


NONE: Final = sums(0, "0", "0", "0", "0")
HALF: Final = sums(1, "0.002", "0.001", "-0.001", "0.0005")


def test_a_simulation_tells_old_and_new_and_books_nothing(api: AdminApi, user: str) -> None:
    made = api.created("/pricing/simulations", PERIOD | {"user": user, "draft": HALVED})
    assert (made["status"], made["calls"], made["sums"]) == ("queued", 0, NONE)
    work(api)
    told = api.call("GET", f"/pricing/simulations/{made['id']}").json
    assert told == {
        "id": made["id"],
        "status": "done",
        "from": NOW - HOUR_MS,
        "to": NOW,
        "only": {"user": user},
        "draft": made["draft"],
        "done": 1,
        "total": 1,
        "calls": 1,
        "changed": 1,
        "kept": {},
        "sums": HALF,
        "users": [HALF | {"name": user}],
        "other_users": NONE,
        "models": [HALF | {"name": "gpt-x"}],
        "other_models": NONE,
        "error": "",
        "by": made["by"],
        "created_at": NOW,
        "updated_at": NOW,
    }
    assert told["draft"]["prices"][0]["prices"] == {"input": "1"}
    assert api.call("GET", f"/users/{user}/wallet").json["available_usd"] == "1"


def test_a_rerating_books_what_its_simulation_found(api: AdminApi, user: str) -> None:
    dry = simulated(api, HALVED)
    body = {"simulation": dry["id"], "reason": "wrong list"}
    made = api.created("/pricing/rerates", body)
    work(api)
    told = api.call("GET", f"/pricing/rerates/{made['id']}").json
    assert (told["status"], told["lines"], told["booked_usd"]) == ("done", 1, "0.001")
    assert (told["simulation"], told["reason"], told["draft"]) == (
        dry["id"],
        "wrong list",
        dry["draft"],
    )
    assert (told["sums"], told["refused"], told["flagged"]) == (HALF, {}, [])
    assert api.call("GET", f"/users/{user}/wallet").json["available_usd"] == "1.001"
    line = api.call("GET", f"/users/{user}/ledger").json["entries"][0]
    assert (line["kind"], line["amount_usd"], line["funding"]) == ("rerate", "0.001", "wallet")
    assert (line["by"], line["note"]) == (made["id"], "wrong list")
    noted = {
        entry["object"]: entry["action"] for entry in api.call("GET", "/audit").json["entries"]
    }
    assert (noted[dry["id"]], noted[made["id"]]) == ("pricing.simulate", "pricing.rerate")


def test_the_receipt_tells_of_the_correction(api: AdminApi, user: str) -> None:
    dry = simulated(api, HALVED)
    api.created("/pricing/rerates", {"simulation": dry["id"], "reason": "wrong list"})
    work(api)
    listed = api.call("GET", f"/users/{user}/usage", query={"from": 0}).json["entries"][0]
    one = api.call("GET", f"/receipts/{listed['request_id']}").json
    assert one == listed
    assert one["charge_usd"] == "0.002"
    assert one["corrections"] == [{"amount_usd": "0.001", "reason": "wrong list", "at": NOW}]
    assert one["corrected_charge_usd"] == "0.001"


def test_what_cannot_be_booked_is_named(api: AdminApi, user: str) -> None:
    dry = simulated(api, {"prices": [{"model": "gpt-x", "prices": {"input": "2000"}}]})
    made = api.created("/pricing/rerates", {"simulation": dry["id"], "reason": "dearer"})
    work(api)
    told = api.call("GET", f"/pricing/rerates/{made['id']}").json
    assert (told["lines"], told["refused"]) == (0, {"insufficient_balance": 1})
    assert [(f["amount_usd"], f["reason"]) for f in told["flagged"]] == [
        ("-1.998", "insufficient_balance")
    ]


@pytest.mark.parametrize("path", ["simulations", "rerates"])
def test_the_same_request_asks_once(api: AdminApi, user: str, path: str) -> None:
    dry = simulated(api, HALVED)
    body = {
        "simulations": PERIOD | {"draft": HALVED},
        "rerates": {"simulation": dry["id"], "reason": "wrong list"},
    }[path]
    once = {"Idempotency-Key": "month-end"}
    first = api.call("POST", f"/pricing/{path}", body, headers=once)
    again = api.call("POST", f"/pricing/{path}", body, headers=once)
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert len(api.call("GET", "/jobs").json["entries"]) == 2


def test_only_a_simulation_that_is_done_is_booked(api: AdminApi, user: str) -> None:
    made = api.created("/pricing/simulations", PERIOD | {"draft": HALVED})
    body = {"simulation": made["id"], "reason": "too early"}
    early = api.call("POST", "/pricing/rerates", body)
    assert (early.status, early.json["code"]) == (409, "conflict")
    Jobs(api.stores.jobs, {}, lambda: NOW).start("job_1", "export", {}, Author("adm_1", NOW))
    other = api.call("POST", "/pricing/rerates", body | {"simulation": "job_1"})
    assert (other.status, other.json["code"]) == (404, "not_found")
    assert api.call("GET", f"/pricing/rerates/{made['id']}").status == 404


def test_customers_channels_and_multipliers_are_drafted_too(api: AdminApi, user: str) -> None:
    group = api.created("/groups", {"name": "main", "platform": "openai"})["id"]
    channel = api.created("/channels", {"name": "retail", "groups": [group]})["id"]
    api.created("/prices", {"model": "gpt-x", "prices": {"input": "2", "output": "8"}})
    row = {"platform": "openai", "models": ["gpt-x"], "prices": {"input": "3"}}
    own = {"user": user, "model": "gpt-x", "prices": {"input": "7"}, "currency": "CNY", "fx": "7"}
    told = simulated(
        api,
        {
            "customer_prices": [own],
            "channel_pricing": [{"channel": channel, "pricing": [row]}],
            "group_multipliers": [{"group": group, "multiplier": "0.5"}],
            "user_multipliers": [{"group": group, "user": user, "multiplier": "0.25"}],
        },
    )
    draft = told["draft"]
    assert draft["pools"] == {group: [channel, "openai"]}
    assert [base["prices"] for base in draft["bases"]] == [{"input": "2", "output": "8"}]
    assert draft["group_multipliers"] == {group: "0.5"}
    assert draft["user_multipliers"] == {group: {user: "0.25"}}
    assert told["sums"] == sums(1, "0.002", "0.001", "-0.001", "0.0005")


def ticking() -> Callable[[], int]:
    """A clock that goes on with every look at it."""
    ticks = count(NOW)
    return lambda: next(ticks)


def test_a_replay_tells_what_it_has_found_so_far(api: AdminApi, user: str) -> None:
    made = api.created("/pricing/simulations", PERIOD | {"draft": HALVED})
    tally = Tally(calls=7, kept={"suspect": 7}).write()
    halfway = Progress({"at": [1, "", None], "tally": tally}, 1, 2)
    Jobs(api.stores.jobs, {"simulation": lambda job: halfway}, ticking()).run(NOW + 4)
    told = api.call("GET", f"/pricing/simulations/{made['id']}").json
    assert (told["status"], told["done"], told["total"]) == ("running", 1, 2)
    assert (told["calls"], told["kept"], told["sums"]) == (7, {"suspect": 7}, NONE)


def test_the_most_changed_come_first_and_the_rest_is_summed_up() -> None:
    rows = {f"usr_{n:03d}": [1, 1_000, 1_000 + n, 5] for n in range(102)}
    rows["usr_back"] = [1, 1_000, 0, 5]
    shown, others = most_changed(rows, [2, 20, 30, 1])
    assert [row.name for row in shown[:3]] == ["usr_back", "usr_101", "usr_100"]
    assert len(shown) == 100
    # 002, 001 and 000 are left beside the two that others had already
    assert others.model_dump() == sums(5, "0.00000302", "0.000003033", "0.000000013", "0.000000016")


# --- refused --------------------------------------------------------------------------------

DOUBLE: Final = HALVED["prices"] * 2
BAD_ROW: Final = {"platform": "openai", "models": ["m"], "prices": {"input": "-1"}}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        pytest.param({"from": NOW, "to": NOW - 1}, 400, "from", id="turned around"),
        pytest.param({"from": NOW + 5_000, "to": NOW + 9_000}, 400, "from", id="in the future"),
        pytest.param({"from": NOW - 401 * DAY_MS}, 400, "from", id="too long"),
        pytest.param({"user": "usr_missing"}, 404, None, id="nobody"),
        pytest.param({"key": "key_1"}, 422, "key", id="a filter there is not"),
        pytest.param({"draft": {}}, 422, "draft", id="an empty draft"),
        pytest.param({"draft": {"prices": DOUBLE}}, 422, "draft.prices[2].model", id="twice"),
        pytest.param(
            {"draft": {"prices": [{"model": "m", "prices": {"input": "-1"}}]}},
            422,
            "draft.prices[1].prices.input",
            id="a negative price",
        ),
        pytest.param(
            {"draft": {"prices": [{"model": "m", "prices": {"input": "0"}}]}},
            422,
            "draft.prices[1].free",
            id="free without saying so",
        ),
        pytest.param(
            {"draft": {"prices": [{"model": "m", "prices": {"input": "1"}, "number": 1}]}},
            422,
            "draft.prices[1].number",
            id="an unknown field",
        ),
        pytest.param(
            {
                "draft": {
                    "customer_prices": [
                        {"user": "usr_missing", "model": "m", "prices": {"input": "1"}}
                    ]
                }
            },
            422,
            "draft.customer_prices[1]",
            id="a customer there is not",
        ),
        pytest.param(
            {"draft": {"channel_pricing": [{"channel": "chn_missing", "pricing": []}]}},
            422,
            "draft.channel_pricing[1]",
            id="a channel there is not",
        ),
        pytest.param(
            {"draft": {"group_multipliers": [{"group": "grp_missing", "multiplier": "1"}]}},
            422,
            "draft.group_multipliers[1]",
            id="a group there is not",
        ),
        pytest.param(
            {"draft": {"user_multipliers": [{"user": "u", "group": "g", "multiplier": "-1"}]}},
            422,
            "draft.user_multipliers[1].multiplier",
            id="a negative multiplier",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(
    api: AdminApi, body: dict[str, Any], status: int, param: str | None
) -> None:
    answer = api.call("POST", "/pricing/simulations", PERIOD | {"draft": HALVED} | body)
    assert (answer.status, answer.json["param"]) == (status, param), answer.text
    assert api.call("GET", "/jobs").json["entries"] == []


def test_a_bad_row_of_a_channel_is_named(api: AdminApi) -> None:
    channel = api.created("/channels", {"name": "retail"})["id"]
    draft = {"channel_pricing": [{"channel": channel, "pricing": [BAD_ROW]}]}
    answer = api.call("POST", "/pricing/simulations", PERIOD | {"draft": draft})
    assert answer.status == 422
    assert answer.json["param"] == "draft.channel_pricing[1].pricing[1].prices.input"


def test_a_draft_that_is_too_large_is_refused(api: AdminApi) -> None:
    labels = [
        {"label": f"{number:0>50}", "prices": {"images": "0.01"}, "tiers": {}}
        for number in range(50)
    ]
    prices = [
        {"model": f"m{n}", "mode": "times", "prices": {"images": "1"}, "intervals": labels}
        for n in range(40)
    ]
    answer = api.call("POST", "/pricing/simulations", PERIOD | {"draft": {"prices": prices}})
    assert (answer.status, answer.json["param"]) == (422, "draft"), json.dumps(answer.json)
