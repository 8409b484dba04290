"""Official prices by import: proposed, looked at, confirmed, applied; broken off and resumed."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.admin_api import AdminApi, admin_api
from tests.price_lists import (
    LIST,
    apply,
    current,
    furnish,
    outcomes,
    price,
    row,
    stored,
    upload,
)
from tollgate.domain.definitions import Author
from tollgate.services.price_imports import PriceImports, Wish
from tollgate.store.price_proposals import Proposals


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        furnish(opened)
        yield opened


# --- proposing --------------------------------------------------------------------------------


def test_a_proposal_tells_what_it_would_change_and_changes_nothing(api: AdminApi) -> None:
    before = stored(api)
    made = upload(api, LIST)
    assert made["counts"] == {"added": 1, "changed": 3, "unchanged": 1, "removed": 1, "refused": 2}
    rows = {each["model"]: each for each in made["entries"]}
    assert rows["gpt-a"] == {
        "model": "gpt-a",
        "status": "changed",
        "changes": [
            {"figure": "input", "old": "1", "new": "2", "percent": "+100.00"},
            {"figure": "output", "old": "4", "new": "8", "percent": "+100.00"},
        ],
        "guards": [],
        "reason": "",
    }
    assert rows["gpt-c"]["guards"] == ["output becomes free"]
    assert rows["gpt-d"]["guards"] == ["input moves by more than 10 times"]
    assert rows["gone"]["status"] == "removed"
    assert "own" not in rows
    assert rows["gpt-bad"]["reason"] == "gpt-bad: prices.input: must be >= 0"
    assert rows["gpt-talk"]["reason"] == "nothing is billed by what it costs (mode realtime)"
    assert (made["source"], made["expires_at"] - made["created_at"]) == ("upload", 86_400_000)
    assert stored(api) == before


def test_a_proposal_is_paged_and_filtered(api: AdminApi) -> None:
    path = f"/prices/imports/{upload(api, LIST)['id']}"
    first = api.call("GET", path, query={"limit": 3}).json
    assert [each["model"] for each in first["entries"]] == ["gone", "gpt-a", "gpt-b"]
    rest = api.call("GET", path, query={"limit": 100, "cursor": first["next_cursor"]}).json
    assert [each["model"] for each in rest["entries"]] == [
        "gpt-bad",
        "gpt-c",
        "gpt-d",
        "gpt-e",
        "gpt-talk",
    ]
    assert rest["next_cursor"] is None
    changed = api.call("GET", path, query={"status": "changed"}).json
    assert [each["model"] for each in changed["entries"]] == ["gpt-a", "gpt-c", "gpt-d"]
    assert api.call("GET", path, query={"status": "odd"}).status == 422


def test_a_proposal_lasts_a_day(api: AdminApi) -> None:
    path = f"/prices/imports/{upload(api, LIST)['id']}"
    api.now += 86_400_000 - 1
    assert api.call("GET", path).status == 200
    api.now += 1
    assert api.call("GET", path).status == 404
    assert api.call("POST", f"{path}/apply", {"all": True}).status == 404
    assert api.call("GET", "/prices/imports/imp_nothing").status == 404


# --- applying ---------------------------------------------------------------------------------


def test_everything_that_needs_no_confirmation_is_applied(api: AdminApi) -> None:
    proposal = upload(api, LIST)["id"]
    done = apply(api, proposal, all=True)
    assert outcomes(done) == {
        "gpt-a": "applied",
        "gpt-c": "unconfirmed",
        "gpt-d": "unconfirmed",
        "gpt-e": "applied",
    }
    assert (done["counts"]["already"], done["left"]) == (1, 0)
    assert current(api, "gpt-a") == {"input": "2", "output": "8"}
    assert (current(api, "gpt-c")["output"], current(api, "own")["input"]) == ("4", "1")
    assert api.stores.catalog.prices.defaults.get("gpt-e").code == "default"
    version = api.stores.catalog.prices.version("gpt-a", 2)
    assert (version.source, version.price.effective_from) == ("litellm:openai", api.now)
    audited = api.call("GET", "/audit", query={"limit": 100}).json["entries"]
    assert sum(each["action"] == "price.import" for each in audited) == 2


def test_applying_again_changes_nothing(api: AdminApi) -> None:
    proposal = upload(api, LIST)["id"]
    apply(api, proposal, all=True)
    before = stored(api)
    done = apply(api, proposal, all=True)
    assert (done["counts"], stored(api)) == ({"already": 3, "unconfirmed": 2}, before)


def test_a_jump_is_made_when_its_model_is_confirmed(api: AdminApi) -> None:
    proposal = upload(api, LIST)["id"]
    path, named = f"/prices/imports/{proposal}/apply", ["gpt-a", "gpt-d"]
    refused = api.call("POST", path, {"models": named, "confirm": ["gpt-c"]})
    assert (refused.status, refused.json["param"]) == (422, "models[2]")
    assert "input moves by more than 10 times; confirm it" in refused.json["detail"]
    assert (current(api, "gpt-a")["input"], current(api, "gpt-d")["input"]) == ("1", "1")
    assert outcomes(apply(api, proposal, models=["gpt-d"], confirm=["gpt-d"])) == {
        "gpt-d": "applied"
    }
    assert current(api, "gpt-d")["input"] == "20"
    assert current(api, "gpt-a")["input"] == "1"


def test_a_locked_price_is_never_imported(api: AdminApi) -> None:
    lock = api.call(
        "PUT",
        "/price/lock",
        {"locked": True},
        headers={"If-Match": '"1"'},
        query={"model": "gpt-a"},
    )
    assert (lock.status, lock.json["locked"]) == (200, True)
    made = upload(api, LIST)
    assert made["counts"]["locked"] == 1
    done = apply(api, made["id"], models=["gpt-a"], confirm=["gpt-a"])
    assert outcomes(done) == {"gpt-a": "locked"}
    assert current(api, "gpt-a")["input"] == "1"


def test_a_price_that_staff_withdrew_comes_back_only_when_confirmed(api: AdminApi) -> None:
    api.call("DELETE", "/price", headers={"If-Match": '"1"'}, query={"model": "gpt-a"})
    proposal = upload(api, LIST)["id"]
    assert outcomes(apply(api, proposal, all=True))["gpt-a"] == "unconfirmed"
    assert outcomes(apply(api, proposal, models=["gpt-a"], confirm=["gpt-a"])) == {
        "gpt-a": "applied"
    }


def test_a_price_written_after_the_proposal_is_left_alone(api: AdminApi) -> None:
    proposal = upload(api, LIST)["id"]
    put = {"prices": {"input": "1.5", "output": "4"}}
    api.call("PUT", "/price", put, headers={"If-Match": '"1"'}, query={"model": "gpt-a"})
    price(api, "gpt-e", "3")
    done = apply(api, proposal, models=["gpt-a", "gpt-e"])
    assert outcomes(done) == {"gpt-a": "changed_since", "gpt-e": "changed_since"}
    assert (current(api, "gpt-a")["input"], current(api, "gpt-e")["input"]) == ("1.5", "3")


def test_models_that_are_not_in_the_list_are_told(api: AdminApi) -> None:
    done = apply(api, upload(api, LIST)["id"], models=["nobody", "own", "gpt-bad"])
    assert outcomes(done) == {"nobody": "unknown", "own": "unknown", "gpt-bad": "refused"}
    assert current(api, "own")["input"] == "1"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="neither"),
        pytest.param({"all": True, "models": ["gpt-a"]}, id="both"),
        pytest.param({"all": "yes"}, id="a word"),
        pytest.param({"models": ["gpt-a", "gpt-a"]}, id="a model twice"),
    ],
)
def test_a_wish_that_is_none_is_refused(api: AdminApi, body: dict[str, Any]) -> None:
    proposal = upload(api, LIST)["id"]
    assert api.call("POST", f"/prices/imports/{proposal}/apply", body).status == 422
    assert current(api, "gpt-a")["input"] == "1"


def test_an_import_that_was_killed_half_way_is_resumed(api: AdminApi) -> None:
    proposal = upload(api, {f"new-{n}": row("1e-06", "4e-06") for n in range(4)})["id"]
    imports = PriceImports(api.stores.catalog.prices, Proposals())
    author = Author("adm_1", api.now)
    killed = imports.apply(imports.get(proposal, api.now), Wish(None), author)
    assert [outcome.result for outcome in islice(killed, 2)] == ["applied", "applied"]
    del killed
    assert [head.model for head in stored(api) if head.model.startswith("new")] == [
        "new-0",
        "new-1",
    ]
    done = apply(api, proposal, all=True)
    assert outcomes(done) == {"new-2": "applied", "new-3": "applied"}
    assert done["counts"]["already"] == 2
    assert [head.number for head in stored(api) if head.model.startswith("new")] == [1, 1, 1, 1]


def test_a_call_writes_so_many_and_tells_what_is_left(api: AdminApi) -> None:
    proposal = upload(api, {f"new-{n}": row("1e-06", "4e-06") for n in range(8)})["id"]
    imports = PriceImports(api.stores.catalog.prices, Proposals(), most=3)
    author, found = Author("adm_1", api.now), imports.get(proposal, api.now)
    calls = [Counter(each.result for each in imports.apply(found, Wish(None), author))
             for _ in range(4)]  # fmt: skip
    assert calls == [
        {"applied": 3, "left": 5},
        {"already": 3, "applied": 3, "left": 2},
        {"already": 6, "applied": 2},
        {"already": 8},
    ]


def test_a_price_written_at_the_very_moment_of_the_import_stays(api: AdminApi) -> None:
    proposal = upload(api, LIST)["id"]
    imports = PriceImports(api.stores.catalog.prices, Proposals())
    applied = imports.apply(
        imports.get(proposal, api.now),
        Wish(("gpt-b", "gpt-a", "gpt-e")),
        Author("adm_1", api.now),
    )
    assert next(applied).result == "already"
    put = {"prices": {"input": "1.5", "output": "4"}}
    api.call("PUT", "/price", put, headers={"If-Match": '"1"'}, query={"model": "gpt-a"})
    price(api, "gpt-e", "3")
    assert [outcome.result for outcome in applied] == ["changed_since", "refused"]
    assert (current(api, "gpt-a")["input"], current(api, "gpt-e")["input"]) == ("1.5", "3")
