"""What is agreed with one user: written whole or not at all, counted, and never in a wrong type."""

import random
from collections.abc import Iterator
from dataclasses import replace
from string import ascii_lowercase, digits
from typing import Any, Final

import pytest

from tests.catalog_samples import AUTHOR, DRAFT, USER
from tests.catalog_tables import CATALOG, catalog_in_memory, furnish
from tests.locked_moto import service
from tollgate.domain.catalog import CustomerPrice
from tollgate.domain.customer_prices import Agreement
from tollgate.domain.definitions import (
    Author,
    CustomerPriceVersion,
    ModelGroupChannelDefinition,
    ModelGroupDefinition,
)
from tollgate.domain.errors import (
    BillingTypeMismatch,
    Conflict,
    NotFound,
    TollgateError,
    ValidationFailed,
    VersionMismatch,
)
from tollgate.store.catalog.customers import Customer
from tollgate.store.catalog.items import ModelGroupUsesItem
from tollgate.store.catalog.table import CatalogTable

LATER: Final = Author("adm_fedcba9876543210", 1_700_086_400_000)
VIP: Final = ModelGroupDefinition("gpt-4o", "vip", "tokens")
VIDEO: Final = ModelGroupDefinition("gpt-4o", "video", "seconds")
BOUND: Final = ModelGroupChannelDefinition("gpt-4o", "vip", "chn_1")
FIGURES: Final = {"input": "2", "output": "8"}


@pytest.fixture
def catalog() -> Iterator[CatalogTable]:
    with catalog_in_memory() as table:
        furnish(table)
        table.prices.add(DRAFT, AUTHOR)
        table.model_groups.create(VIP, AUTHOR)
        table.model_groups.create(VIDEO, AUTHOR)
        yield table


@pytest.fixture
def customer(catalog: CatalogTable) -> Customer:
    return catalog.customer(USER.id)


def price(mode: Any = "tokens", **more: Any) -> CustomerPriceVersion:
    figures = {"tokens": FIGURES, "seconds": {"seconds": "0.1"}}[mode]
    start = more.pop("effective_from", LATER.at)
    content = CustomerPrice("", "", 0, mode, figures, effective_from=start, **more)
    return CustomerPriceVersion(content, "contract")


def agree(customer: Customer, *agreements: Agreement) -> None:
    """Write agreements as one."""
    writing = customer.begin()
    customer.settle(writing, [customer.agree(writing, each, LATER) for each in agreements])
    writing.commit()


def everything() -> list[Any]:
    """All that is stored."""
    found: list[Any] = service("dynamodb").scan(TableName=CATALOG)["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def uses(code: str) -> tuple[int, int, int]:
    item = ModelGroupUsesItem.get(f"uses#gpt-4o#{code}", "uses", consistent_read=True)
    return item.prices, item.permissions, item.channels


def test_a_price_and_a_permission_are_one_write_and_count_the_user_once(
    catalog: CatalogTable, customer: Customer
) -> None:
    before = catalog.profile_revision(USER.id)
    agree(customer, Agreement("GPT-4o ", "vip", price=price(), permitted=True))
    assert catalog.profile_revision(USER.id) == before + 1
    head = customer.get("gpt-4o#vip")
    assert (head.user, head.model, head.code, head.number) == (USER.id, "gpt-4o", "vip", 1)
    assert [(p.version, p.prices, p.code) for p in head.live] == [(1, FIGURES, "vip")]
    assert customer.permitted("gpt-4o")["vip"].enabled
    assert uses("vip") == (1, 1, 0)
    person = catalog.person(USER.id)
    assert person is not None
    assert [h.code for h in person.prices] == ["vip"]
    assert [p.code for p in person.permissions] == ["vip"]


def test_versions_follow_each_other_and_what_is_withdrawn_stays_readable(
    catalog: CatalogTable, customer: Customer
) -> None:
    agree(customer, Agreement("gpt-4o", "vip", price=price()))
    dearer = replace(price().price, prices={"input": "3", "output": "9"})
    agree(customer, Agreement("gpt-4o", "vip", price=CustomerPriceVersion(dearer)))
    assert uses("vip") == (1, 0, 0)
    again = customer.rollback("gpt-4o#vip", 1, 2, LATER)
    assert (again.number, again.live[0].prices, again.live[0].version) == (3, FIGURES, 3)
    agree(customer, Agreement("gpt-4o", "vip", withdrawn=True))
    assert uses("vip") == (0, 0, 0)
    with pytest.raises(NotFound):
        customer.get("gpt-4o#vip")
    entries = customer.versions("gpt-4o#vip").entries
    assert [(v.price.version, v.price.prices["input"]) for v in entries] == [
        (1, "2"),
        (2, "3"),
        (3, "2"),
    ]
    agree(customer, Agreement("gpt-4o", "vip", price=price()))
    assert (customer.get("gpt-4o#vip").number, uses("vip")) == (4, (1, 0, 0))


def test_a_scheduled_price_is_cancelled_and_one_of_its_own_is_gone(
    catalog: CatalogTable, customer: Customer
) -> None:
    agree(customer, Agreement("gpt-4o", "vip", price=price(effective_from=LATER.at + 1)))
    head = customer.cancel("gpt-4o#vip", 1, 1, LATER)
    assert (head.status, uses("vip")) == ("withdrawn", (0, 0, 0))


@pytest.mark.parametrize(
    ("agreement", "error"),
    [
        pytest.param(
            Agreement("gpt-4o", "video", price=price()), BillingTypeMismatch, id="of another type"
        ),
        pytest.param(Agreement("gpt-4o", "gone", price=price()), NotFound, id="no such group"),
        pytest.param(Agreement("gpt-5", "default", price=price()), NotFound, id="no such model"),
        pytest.param(Agreement("gpt-4o", "gone", permitted=True), NotFound, id="nothing to permit"),
        pytest.param(
            Agreement("gpt-4o", "vip", price=price(effective_to=1)), ValidationFailed, id="over"
        ),
    ],
)
def test_one_of_three_that_fails_leaves_nothing(
    catalog: CatalogTable, customer: Customer, agreement: Agreement, error: type[TollgateError]
) -> None:
    before = everything()
    good = Agreement("gpt-4o", "default", price=price())
    other = Agreement("gpt-4o", "vip" if agreement.code != "vip" else "video", permitted=True)
    with pytest.raises(error):
        agree(customer, good, other, agreement)
    assert everything() == before


def test_a_group_that_is_billed_otherwise_by_then_refuses_the_whole_write(
    catalog: CatalogTable, customer: Customer
) -> None:
    writing = customer.begin()
    agreed = customer.agree(writing, Agreement("gpt-4o", "vip", price=price()), LATER)
    customer.settle(writing, [agreed])
    catalog.model_groups.change(
        "gpt-4o#vip", 1, lambda group: replace(group, billing_type="times"), LATER
    )
    before = everything()
    with pytest.raises(BillingTypeMismatch):
        writing.commit()
    assert everything() == before


def test_a_group_that_is_gone_by_then_refuses_the_whole_write(
    catalog: CatalogTable, customer: Customer
) -> None:
    writing = customer.begin()
    agreed = customer.agree(writing, Agreement("gpt-4o", "vip", permitted=True), LATER)
    customer.settle(writing, [agreed])
    catalog.model_groups.remove("gpt-4o#vip", 1)
    with pytest.raises(NotFound):
        writing.commit()


def test_two_writers_of_one_price_leave_one_version(
    catalog: CatalogTable, customer: Customer
) -> None:
    writings = [customer.begin(), customer.begin()]
    for writing in writings:
        agreed = customer.agree(writing, Agreement("gpt-4o", "vip", price=price()), LATER)
        customer.settle(writing, [agreed])
    writings[0].commit()
    with pytest.raises((Conflict, VersionMismatch)):
        writings[1].commit()
    assert (customer.get("gpt-4o#vip").number, uses("vip")) == (1, (1, 0, 0))


@pytest.mark.parametrize(
    "agreement",
    [
        pytest.param(Agreement("gpt-4o", "vip", price=price()), id="a price"),
        pytest.param(Agreement("gpt-4o", "vip", withdrawn=True), id="no price"),
        pytest.param(Agreement("gpt-4o", "vip", permitted=False), id="a permission"),
    ],
)
def test_what_has_changed_since_it_was_read_is_not_written_over(
    customer: Customer, agreement: Agreement
) -> None:
    agree(customer, Agreement("gpt-4o", "vip", price=price(), permitted=True))
    seen = customer.standing("gpt-4o")
    agree(customer, Agreement("gpt-4o", "vip", price=price(), permitted=False))
    agree(customer, Agreement("gpt-4o", "vip", permitted=True))
    writing = customer.begin()
    customer.settle(writing, [customer.agree(writing, agreement, LATER, seen)])
    with pytest.raises(VersionMismatch):
        writing.commit()
    assert (customer.get("gpt-4o#vip").number, uses("vip")) == (2, (1, 1, 0))


@pytest.mark.parametrize(
    "user", [pytest.param("usr_9", id="unknown"), pytest.param(USER.id, id="deleted")]
)
def test_nothing_is_agreed_with_somebody_who_is_not_there(catalog: CatalogTable, user: str) -> None:
    catalog.users.change(USER.id, None, lambda user: replace(user, status="deleted"), LATER)
    before = everything()
    with pytest.raises(NotFound, match="there is no user"):
        agree(catalog.customer(user), Agreement("gpt-4o", "vip", permitted=True))
    assert everything() == before


def test_permitting_twice_and_forbidding_what_never_was_change_nothing_but_the_revision(
    customer: Customer,
) -> None:
    agree(customer, Agreement("gpt-4o", "vip", permitted=False))
    assert customer.permitted("gpt-4o") == {}
    agree(customer, Agreement("gpt-4o", "vip", permitted=True))
    agree(customer, Agreement("gpt-4o", "vip", permitted=True))
    assert (customer.permitted("gpt-4o")["vip"].stamp.version, uses("vip")) == (1, (0, 1, 0))
    agree(customer, Agreement("gpt-4o", "vip", permitted=False))
    assert not customer.permitted("gpt-4o")["vip"].enabled
    assert uses("vip") == (0, 0, 0)


def test_a_profile_that_would_not_fit_is_refused_before_it_is_written(
    catalog: CatalogTable, customer: Customer
) -> None:
    codes = [f"tier-{number:02d}" for number in range(13)]
    for code in codes:
        catalog.model_groups.create(replace(VIP, code=code), AUTHOR)
    draw = random.Random(5).choices

    def large() -> CustomerPriceVersion:
        names = ("".join(draw(ascii_lowercase + digits, k=60)) for _ in range(590))
        figures = FIGURES | {f"tool:{name}": "0.01" for name in names}
        return replace(price(), price=replace(price().price, prices=figures))

    for code in codes[:-1]:
        agree(customer, Agreement("gpt-4o", code, price=large()))
    before = everything()
    with pytest.raises(ValidationFailed, match="307200 is the most"):
        agree(customer, Agreement("gpt-4o", codes[-1], price=large()))
    assert everything() == before
    agree(customer, Agreement("gpt-4o", codes[-1], price=price()))


# --- model groups in use ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agreement", "reference"),
    [
        pytest.param(
            Agreement("gpt-4o", "vip", price=price()), f"price {USER.id}", id="a customer's price"
        ),
        pytest.param(
            Agreement("gpt-4o", "vip", permitted=True), f"permission {USER.id}", id="a permission"
        ),
        pytest.param(None, "channel chn_1", id="a channel"),
    ],
)
def test_a_model_group_in_use_is_not_removed_and_says_by_whom(
    catalog: CatalogTable, customer: Customer, agreement: Agreement | None, reference: str
) -> None:
    if agreement is None:
        catalog.bindings.create(BOUND, AUTHOR)
    else:
        agree(customer, agreement)
    with pytest.raises(Conflict) as refused:
        catalog.model_groups.remove("gpt-4o#vip", 1)
    assert refused.value.detail == {"references": reference, "count": 1}
    assert catalog.model_groups.one("gpt-4o", "vip").enabled
    if agreement is None:
        catalog.bindings.remove("gpt-4o#vip#chn_1", 1)
    else:
        agree(customer, Agreement("gpt-4o", "vip", withdrawn=True, permitted=False))
    catalog.model_groups.remove("gpt-4o#vip", 1)
    assert [group.code for group in catalog.model_groups.of("gpt-4o")] == ["default", "video"]


def test_a_group_with_prices_keeps_its_billing_type(
    catalog: CatalogTable, customer: Customer
) -> None:
    agree(customer, Agreement("gpt-4o", "default", price=price()))
    with pytest.raises(Conflict, match="customers have prices of type tokens"):
        catalog.model_groups.change(
            "gpt-4o#default", 1, lambda group: replace(group, billing_type="times"), LATER
        )
    by_call = replace(DRAFT, mode="times", prices={"calls": "0.02"})
    with pytest.raises(Conflict, match="withdraw them before"):
        catalog.prices.reprice(by_call, 1, LATER)
    assert catalog.prices.get("gpt-4o").number == 1


def test_a_name_may_hold_the_sign_that_divides_names_from_codes(catalog: CatalogTable) -> None:
    catalog.model_groups.create(ModelGroupDefinition("gpt-4o#x", "vip", "tokens"), AUTHOR)
    assert [group.code for group in catalog.model_groups.of("gpt-4o")] == [
        "default",
        "video",
        "vip",
    ]
    assert [group.code for group in catalog.model_groups.of("gpt-4o#x")] == ["vip"]


# --- the default ------------------------------------------------------------------------------


def test_two_admins_who_choose_a_default_at_once_leave_exactly_one(catalog: CatalogTable) -> None:
    catalog.model_groups.create(ModelGroupDefinition("gpt-4o", "fast", "tokens"), AUTHOR)
    defaults = catalog.prices.defaults
    assert defaults.choose("gpt-4o", "vip", 1, "tokens", AUTHOR).code == "vip"
    with pytest.raises(VersionMismatch):
        defaults.choose("gpt-4o", "fast", 1, "tokens", LATER)
    assert [(each.model, each.code) for each in defaults.everything()] == [("gpt-4o", "vip")]
    with pytest.raises(Conflict, match="default group"):
        catalog.model_groups.remove("gpt-4o#vip", 1)
    catalog.model_groups.remove("gpt-4o#fast", 1)


def test_a_group_that_becomes_the_default_at_this_moment_is_not_switched_off(
    catalog: CatalogTable, customer: Customer
) -> None:
    groups, writing = catalog.model_groups, customer.begin()
    vip = groups.one("gpt-4o", "vip")
    groups.stage(writing, vip, replace(vip, enabled=False), LATER)
    catalog.prices.defaults.choose("gpt-4o", "vip", 1, "tokens", AUTHOR)
    with pytest.raises(Conflict, match="default group"):
        writing.commit()
    assert groups.one("gpt-4o", "vip").enabled


def test_a_group_of_another_type_than_the_price_cannot_become_the_default(
    catalog: CatalogTable,
) -> None:
    with pytest.raises(BillingTypeMismatch):
        catalog.prices.defaults.choose("gpt-4o", "video", 1, "tokens", LATER)
    assert catalog.prices.defaults.get("gpt-4o").code == "default"


# --- bindings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binding", "error"),
    [
        pytest.param(replace(BOUND, channel="chn_9"), ValidationFailed, id="no such channel"),
        pytest.param(replace(BOUND, code="gone"), NotFound, id="no such group"),
        pytest.param(replace(BOUND, weight=-1), ValidationFailed, id="a negative weight"),
        pytest.param(replace(BOUND, priority=2**53), ValidationFailed, id="a huge priority"),
    ],
)
def test_a_binding_that_leads_nowhere_is_refused(
    catalog: CatalogTable, binding: ModelGroupChannelDefinition, error: type[TollgateError]
) -> None:
    before = everything()
    with pytest.raises(error):
        catalog.bindings.create(binding, AUTHOR)
    assert everything() == before


def test_a_binding_is_there_once(catalog: CatalogTable) -> None:
    catalog.bindings.create(BOUND, AUTHOR)
    with pytest.raises(Conflict):
        catalog.bindings.create(BOUND, AUTHOR)
    assert uses("vip") == (0, 0, 1)
    assert [each.code for each in catalog.bindings.of_channel("chn_1")] == ["vip"]
    assert [each.channel for each in catalog.bindings.of("gpt-4o", "vip")] == ["chn_1"]
