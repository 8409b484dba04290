"""What users see of their prices, and which pricing groups their own keys may name."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import pytest

from tests.admin_api import NOW, services
from tests.portal_api import STAFF, Browser, Portal, joined, lasting_portal, rows
from tollgate.domain.catalog import ChannelPricing, ChannelRow, CustomerPrice
from tollgate.domain.customer_prices import Agreement
from tollgate.domain.definitions import (
    AccountDefinition,
    ChannelDefinition,
    CustomerPriceVersion,
    ModelGroupDefinition,
)
from tollgate.domain.price_draft import PriceDraft
from tollgate.services.publishing import Publishing
from tollgate.store.publications import Publications

STATE: Final = "tollgate-state"
NET: Final = {"input": "3", "output": "5"}
MATCH: Final = {"If-Match": '"1"'}


def agree(portal: Portal, user: str, *agreements: Agreement) -> None:
    customer = portal.stores.catalog.customer(user)
    writing = customer.begin()
    customer.settle(writing, [customer.agree(writing, each, STAFF) for each in agreements])
    writing.commit()


def price(figures: dict[str, str], **more: Any) -> CustomerPriceVersion:
    return CustomerPriceVersion(CustomerPrice("", "", 0, "tokens", figures, **more))


def publish(portal: Portal) -> None:
    """What the publisher does with everything that was written."""
    failed: list[object] = []
    publishing = Publishing(
        portal.stores.catalog,
        Publications(services().dynamo, STATE),
        lambda user, version: None,
        lambda: NOW,
        lambda part, error: failed.append((part, error)),
    )
    assert (publishing.publish(portal.stores.catalog.parts()), failed) == (frozenset(), [])


def furnish(portal: Portal) -> None:
    """Two models, one of them with a tier; a second group that sells by a channel of its own."""
    catalog = portal.stores.catalog
    portal.group(multiplier=Decimal("1.5"))
    portal.group("wholesale")
    portal.group("not granted", exclusive=True)
    catalog.accounts.create(
        AccountDefinition(
            "acc_1", "hidden", "openai", "apikey", "https://api.example.com/v1", {},
            groups=("grp_0", "grp_1"), models=("gpt-x", "gpt-y"),
        ),
        STAFF,
    )  # fmt: skip
    row = ChannelRow("openai", "gpt-y", None, {"input": "7"})
    pricing = ChannelPricing(1, {"openai": {"gpt-y": row}})
    catalog.channels.create(
        ChannelDefinition("chn_secret", "secret", ("grp_1",), pricing=(pricing,)), STAFF
    )
    for model in ("gpt-unserved", "gpt-x", "gpt-y", "gpt-z"):
        catalog.prices.add(PriceDraft(model, prices={"input": "2", "output": "6"}), STAFF)
        catalog.model_groups.create(ModelGroupDefinition(model, "vip", "tokens"), STAFF)


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with lasting_portal() as found:
        furnish(found)
        yield found


@pytest.fixture(scope="module")
def ann(portal: Portal) -> Browser:
    """May ask for vip of one model; has half an agreement on the other, and a price that is net."""
    browser = joined(portal, "ann@example.com")
    agree(
        portal,
        browser.user,
        Agreement("gpt-x", "vip", price=price({"input": "1", "output": "4"}), permitted=True),
        Agreement("gpt-x", "default", price=price(NET, apply_group_multiplier=False)),
        Agreement("gpt-y", "vip", permitted=True),
    )
    publish(portal)
    return browser


@pytest.fixture(scope="module")
def bob(portal: Portal, ann: Browser) -> Browser:
    browser = joined(portal, "bob@example.com")
    publish(portal)
    return browser


def listed(browser: Browser, **query: Any) -> list[tuple[str, str, str, dict[str, str]]]:
    answer = browser.call("GET", "/prices", query=query)
    assert answer.status == 200, answer.text
    return [
        (row["model"], row["pricing_group"], row["source"], row["prices"])
        for row in answer.json["entries"]
    ]


def test_prices_are_shown_as_they_are_charged_in_every_group_one_may_ask_for(ann: Browser) -> None:
    assert listed(ann) == [
        ("gpt-x", "default", "customer", {"input": "3", "output": "5"}),
        ("gpt-x", "vip", "customer", {"input": "1.5", "output": "6"}),
        ("gpt-y", "default", "official", {"input": "3", "output": "9"}),
    ]


def test_another_group_has_its_own_factor_and_channel(ann: Browser) -> None:
    assert listed(ann, group="grp_1") == [
        ("gpt-x", "default", "customer", {"input": "3", "output": "5"}),
        ("gpt-x", "vip", "customer", {"input": "1", "output": "4"}),
        ("gpt-y", "default", "channel", {"input": "7", "output": "6"}),
    ]


def test_somebody_else_sees_their_own_prices_only(bob: Browser) -> None:
    assert listed(bob) == [
        ("gpt-x", "default", "official", {"input": "3", "output": "9"}),
        ("gpt-y", "default", "official", {"input": "3", "output": "9"}),
    ]


def test_nothing_of_channels_and_accounts_is_shown(ann: Browser) -> None:
    text = ann.call("GET", "/prices", query={"group": "grp_1"}).text
    assert not {word for word in ("chn_", "secret", "acc_", "hidden", "cost") if word in text}


def test_the_list_goes_on_model_by_model(ann: Browser) -> None:
    first = ann.call("GET", "/prices", query={"limit": 1}).json
    assert [row["model"] for row in first["entries"]] == ["gpt-x", "gpt-x"]
    rest = ann.call("GET", "/prices", query={"limit": 5, "cursor": first["next_cursor"]}).json
    assert [row["model"] for row in rest["entries"]] == ["gpt-y"]
    assert rest["next_cursor"] is None


def test_models_that_nobody_serves_fill_no_page(ann: Browser) -> None:
    """`gpt-unserved` and `gpt-z` are priced only; a page of one has the first that is served."""
    page = ann.call("GET", "/prices", query={"limit": 1}).json
    assert {row["model"] for row in page["entries"]} == {"gpt-x"}
    last = ann.call("GET", "/prices", query={"limit": 1, "cursor": page["next_cursor"]}).json
    assert ({row["model"] for row in last["entries"]}, last["next_cursor"]) == ({"gpt-y"}, None)


def test_ones_own_factor_in_a_group_counts(portal: Portal, ann: Browser) -> None:
    cyd = joined(portal, "cyd@example.com")
    multipliers, catalog = portal.stores.catalog.multipliers, portal.stores.catalog
    version = catalog.groups.get("grp_0").stamp.version
    multipliers.replace("grp_0", version, {cyd.user: "0.25"}, STAFF)
    publish(portal)
    assert listed(cyd) == [
        ("gpt-x", "default", "official", {"input": "0.5", "output": "1.5"}),
        ("gpt-y", "default", "official", {"input": "0.5", "output": "1.5"}),
    ]
    assert listed(ann)[2] == ("gpt-y", "default", "official", {"input": "3", "output": "9"})


def test_before_anything_is_published_there_is_no_list(portal: Portal, ann: Browser) -> None:
    new = joined(portal, "new@example.com")
    assert listed(new) == []
    assert new.call("GET", "/prices").json["next_cursor"] is None


@pytest.mark.parametrize("group", ["grp_2", "grp_9"])
def test_a_group_that_is_not_ones_own_is_not_there(ann: Browser, group: str) -> None:
    assert ann.call("GET", "/prices", query={"group": group}).status == 404


# --- keys of one's own ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("vip", id="a price and a permission"),
        pytest.param("default", id="the default"),
        pytest.param("", id="none"),
    ],
)
def test_a_key_may_name_a_pricing_group_of_use(ann: Browser, code: str) -> None:
    body = {"group": "grp_0", "pricing_group": code, "pricing_group_fallback": "default"}
    made = ann.created("/keys", body)
    assert (made["pricing_group"], made["pricing_group_fallback"]) == (code, "default")


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("vip", id="nothing agreed"),
        pytest.param("gold", id="no such group"),
        pytest.param("VIP!", id="no code at all"),
    ],
)
def test_a_key_may_not_name_a_pricing_group_of_no_use(bob: Browser, code: str) -> None:
    before = rows("catalog")
    refused = bob.call("POST", "/keys", {"group": "grp_0", "pricing_group": code})
    assert (refused.status, refused.json["param"]) == (422, "pricing_group")
    assert rows("catalog") == before
    key = bob.created("/keys", {"group": "grp_0"})
    patched = bob.call("PATCH", f"/keys/{key['id']}", {"pricing_group": code}, headers=MATCH)
    assert (patched.status, patched.json["param"]) == (422, "pricing_group")


@pytest.mark.parametrize(
    ("agreements", "status"),
    [
        pytest.param([Agreement("gpt-x", "vip", price=price({"input": "1"}))], 422, id="a price"),
        pytest.param([Agreement("gpt-x", "vip", permitted=True)], 422, id="a permission"),
        pytest.param(
            [
                Agreement("gpt-x", "vip", price=price({"input": "1"})),
                Agreement("gpt-y", "vip", permitted=True),
            ],
            422,
            id="of different models",
        ),
        pytest.param(
            [
                Agreement("gpt-x", "vip", price=price({"input": "1"}, effective_from=NOW + 60_000)),
                Agreement("gpt-x", "vip", permitted=True),
            ],
            422,
            id="not in force yet",
        ),
        pytest.param(
            [
                Agreement("gpt-x", "vip", price=price({"input": "1"}, enabled=False)),
                Agreement("gpt-x", "vip", permitted=True),
            ],
            422,
            id="switched off",
        ),
        pytest.param(
            [Agreement("gpt-x", "vip", price=price({"input": "1"}), permitted=True)],
            201,
            id="both",
        ),
    ],
)
def test_it_takes_a_price_in_force_and_a_permission(
    portal: Portal, agreements: list[Agreement], status: int
) -> None:
    number = len(rows("catalog"))
    browser = joined(portal, f"user{number}@example.com")
    for agreement in agreements:
        agree(portal, browser.user, agreement)
    answer = browser.call("POST", "/keys", {"group": "grp_0", "pricing_group": "vip"})
    assert answer.status == status, answer.text


def test_a_key_goes_back_to_the_default(ann: Browser) -> None:
    made = ann.created("/keys", {"group": "grp_0", "pricing_group": "vip"})
    patched = ann.call("PATCH", f"/keys/{made['id']}", {"pricing_group": None}, headers=MATCH)
    assert (patched.status, patched.json["pricing_group"]) == (200, "")
