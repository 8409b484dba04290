"""Official prices: immutable versions under a head, and a default model group that stays."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.catalog_samples import AUTHOR, DRAFT
from tests.catalog_tables import catalog_in_memory
from tollgate.domain.catalog import Interval, Price
from tollgate.domain.definitions import Author, ModelGroupDefinition, Stamp
from tollgate.domain.errors import Conflict, NotFound, ValidationFailed, VersionMismatch
from tollgate.domain.price_draft import PriceDraft
from tollgate.store.catalog.table import CatalogTable

TUESDAY = Author("adm_fedcba9876543210", 1_700_086_400_000)
FIRST = Price(
    "gpt-4o",
    1,
    prices={"input": "2.5", "output": "10"},
    max_output=16_384,
    effective_from=1_700_000_000_000,
)
FULL = PriceDraft(
    "gemini-2.5-pro",
    prices={"input": "1.25", "output": "10", "cache_read": "0.31"},
    intervals=(
        Interval(
            200_000,
            None,
            {"input": "2.5", "output": "15"},
            {"priority": {"input": "4.5", "output": "27"}},
        ),
    ),
    tiers={"flex": {"input": "0.625", "output": "5"}},
    max_output=65_536,
    reasoning=True,
    source="price sheet of May",
)


@pytest.fixture
def catalog() -> Iterator[CatalogTable]:
    with catalog_in_memory() as table:
        yield table


def test_the_first_price_of_a_model_makes_its_default_group(catalog: CatalogTable) -> None:
    head = catalog.prices.add(DRAFT, AUTHOR)
    assert (head.number, head.live) == (1, (FIRST,))
    assert catalog.prices.defaults.get("gpt-4o").code == "default"
    group = catalog.model_groups.one("gpt-4o", "default")
    assert (group.billing_type, group.enabled) == ("tokens", True)


def test_a_price_reads_back_with_every_interval_and_tier(catalog: CatalogTable) -> None:
    catalog.prices.add(FULL, AUTHOR)
    expected = Price(
        "gemini-2.5-pro",
        1,
        "tokens",
        {"input": "1.25", "output": "10", "cache_read": "0.31"},
        (
            Interval(
                200_000,
                None,
                {"input": "2.5", "output": "15"},
                {"priority": {"input": "4.5", "output": "27"}},
            ),
        ),
        {"flex": {"input": "0.625", "output": "5"}},
        65_536,
        True,
        1_700_000_000_000,
    )
    assert catalog.prices.get("Gemini-2.5-Pro").live == (expected,)
    version = catalog.prices.version("gemini-2.5-pro", 1)
    assert (version.price, version.source) == (expected, "price sheet of May")


def test_a_change_adds_a_version_and_leaves_the_old_one_readable(catalog: CatalogTable) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    dearer = replace(DRAFT, prices={"input": "3", "output": "12"})
    head = catalog.prices.reprice(dearer, 1, TUESDAY)
    assert [(price.version, price.prices["input"]) for price in head.live] == [(2, "3")]
    versions = catalog.prices.versions("gpt-4o").entries
    assert [version.price.prices["input"] for version in versions] == ["2.5", "3"]
    assert versions[0].price == FIRST
    assert versions[1].stamp == Stamp(
        1, 1_700_086_400_000, 1_700_086_400_000, "adm_fedcba9876543210"
    )


def test_a_scheduled_version_lives_beside_the_one_in_force(catalog: CatalogTable) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    may = replace(DRAFT, prices={"input": "9", "output": "9"}, effective_from=1_800_000_000_000)
    june = replace(may, effective_from=1_900_000_000_000)
    catalog.prices.reprice(june, 1, TUESDAY)
    catalog.prices.reprice(may, 2, TUESDAY)
    live = catalog.prices.get("gpt-4o").live
    assert [(price.version, price.effective_from) for price in live] == [
        (1, 1_700_000_000_000),
        (3, 1_800_000_000_000),
        (2, 1_900_000_000_000),
    ]


def test_only_the_head_that_was_read_can_be_moved(catalog: CatalogTable) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    catalog.prices.reprice(DRAFT, 1, TUESDAY)
    with pytest.raises(VersionMismatch):
        catalog.prices.reprice(DRAFT, 1, TUESDAY)
    assert catalog.prices.get("gpt-4o").number == 2


def test_a_withdrawn_price_leaves_the_model_unpriced_until_it_has_one_again(
    catalog: CatalogTable,
) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    assert catalog.prices.withdraw("GPT-4o", 1, TUESDAY).live == ()
    with pytest.raises(NotFound):
        catalog.prices.get("gpt-4o")
    with pytest.raises(NotFound):
        catalog.prices.reprice(DRAFT, None, TUESDAY)
    again = catalog.prices.add(DRAFT, TUESDAY)
    assert (again.number, again.status) == (2, "active")
    assert [price.version for price in again.live] == [2]


def test_a_priced_model_is_not_priced_again_by_a_loader(catalog: CatalogTable) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    other = PriceDraft("o3", prices={"input": "2", "output": "8"})
    assert catalog.prices.add_missing([replace(DRAFT, model="GPT-4o"), other], TUESDAY) == ["o3"]
    assert catalog.prices.add_missing([DRAFT, other], TUESDAY) == []
    with pytest.raises(Conflict):
        catalog.prices.add(other, TUESDAY)


def test_the_default_group_is_billed_as_its_price_is(catalog: CatalogTable) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    by_call = PriceDraft("gpt-4o", mode="times", prices={"calls": "0.02"})
    catalog.prices.reprice(by_call, 1, TUESDAY)
    assert catalog.model_groups.one("gpt-4o", "default").billing_type == "times"


def test_a_model_that_was_grouped_before_it_was_priced_keeps_its_group(
    catalog: CatalogTable,
) -> None:
    early = ModelGroupDefinition("gpt-4o", "default", "seconds", display_name="early")
    catalog.model_groups.create(early, AUTHOR)
    catalog.prices.add(DRAFT, AUTHOR)
    group = catalog.model_groups.one("gpt-4o", "default")
    assert (group.display_name, group.billing_type, group.stamp.version) == ("early", "tokens", 2)


def test_a_default_group_can_be_neither_disabled_nor_removed(catalog: CatalogTable) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    groups = catalog.model_groups
    with pytest.raises(Conflict, match="default group"):
        groups.change("gpt-4o#default", 1, lambda group: replace(group, enabled=False), TUESDAY)
    with pytest.raises(Conflict, match="default group"):
        groups.remove("gpt-4o#default", 1)
    renamed = groups.change("gpt-4o#default", 1, lambda g: replace(g, display_name="std"), TUESDAY)
    assert renamed.enabled


def test_another_group_can_become_the_default_and_then_the_old_one_can_go(
    catalog: CatalogTable,
) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    groups = catalog.model_groups
    groups.create(ModelGroupDefinition("gpt-4o", "fast", "tokens"), AUTHOR)
    assert catalog.prices.defaults.choose("GPT-4o", "fast", 1, "tokens", TUESDAY).code == "fast"
    groups.remove("gpt-4o#default", 1)
    with pytest.raises(Conflict):
        groups.remove("gpt-4o#fast", 1)
    assert [group.code for group in groups.everything()] == ["fast"]


@pytest.mark.parametrize(
    "enabled", [pytest.param(None, id="missing"), pytest.param(False, id="off")]
)
def test_a_group_that_cannot_be_used_cannot_become_the_default(
    catalog: CatalogTable, enabled: bool | None
) -> None:
    catalog.prices.add(DRAFT, AUTHOR)
    if enabled is not None:
        group = ModelGroupDefinition("gpt-4o", "fast", "tokens", enabled=enabled)
        catalog.model_groups.create(group, AUTHOR)
    with pytest.raises(Conflict, match="not there, or is disabled"):
        catalog.prices.defaults.choose("gpt-4o", "fast", 1, "tokens", TUESDAY)
    assert catalog.prices.defaults.get("gpt-4o").code == "default"


def test_a_draft_that_could_not_be_charged_by_is_never_written(catalog: CatalogTable) -> None:
    with pytest.raises(ValidationFailed):
        catalog.prices.add(PriceDraft("gpt-4o", prices={"input": "NaN"}), AUTHOR)
    assert catalog.everywhere().prices == ()
