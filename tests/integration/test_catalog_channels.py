"""A channel and its prices in the Catalog table: one write, and what a relay makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Barrier, Thread

import pytest

from tests.catalog_samples import ACCOUNT, AUTHOR, CHANNEL, GROUP
from tests.catalog_tables import OPINIONS, catalog_in_memory, furnish
from tollgate.domain.catalog import Interval
from tollgate.domain.channel_rows import SentRow
from tollgate.domain.compilation import compile_group
from tollgate.domain.definitions import Author, ChannelDefinition
from tollgate.domain.errors import Conflict, TollgateError, ValidationFailed, VersionMismatch
from tollgate.store.catalog.channels import Pricing
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.snapshot_parts import read_group, write_group

LATER = Author("adm_other", AUTHOR.at + 1_000)
ROW = SentRow(
    "openai",
    ("gpt-4o", "gpt-*"),
    "tokens",
    {"input": "2", "output_image": "0"},
    (Interval(0, 128_000, {"input": "1"}), Interval(128_000, None, {"input": "4/7.0"})),
    {"priority": {"input": "5"}},
)
OTHER = SentRow("gemini", ("gpt-4o",), "times", {"images": "0.04"})


@pytest.fixture(params=OPINIONS)
def catalog(request: pytest.FixtureRequest, aws_environment: None) -> Iterator[CatalogTable]:
    with OPINIONS[request.param]() as table:
        furnish(table)
        yield table


def versions(catalog: CatalogTable) -> list[int]:
    page = catalog.channels.pricing.versions("chn_1")
    return [each.pricing.version for each in page.entries]


def priced(catalog: CatalogTable, *rows: SentRow, author: Author = AUTHOR) -> ChannelDefinition:
    """The first channel with another version of its rows."""
    before = catalog.channels.get("chn_1")
    return catalog.channels.revise(before, before, Pricing(rows), author)


def test_a_version_and_its_channel_are_one_write(catalog: CatalogTable) -> None:
    changed = priced(catalog, ROW)
    assert (changed.stamp.version, changed.pricing_number) == (2, 1)
    assert catalog.channels.get("chn_1") == changed
    kept = catalog.channels.pricing.version("chn_1", 1)
    assert (kept.pricing,) == changed.pricing
    assert kept.stamp.updated_by == AUTHOR.by


def test_a_stale_write_leaves_neither(catalog: CatalogTable) -> None:
    before = catalog.channels.get("chn_1")
    priced(catalog, ROW)
    with pytest.raises(VersionMismatch):
        catalog.channels.revise(before, before, Pricing([OTHER]), LATER)
    assert versions(catalog) == [1]
    assert catalog.channels.get("chn_1").pricing_number == 1


def test_an_account_that_is_not_there_leaves_neither(catalog: CatalogTable) -> None:
    before = catalog.channels.get("chn_1")
    wrong = replace(before, accounts=(ACCOUNT.id, "acc_none"))
    with pytest.raises(ValidationFailed) as refused:
        catalog.channels.revise(before, wrong, Pricing([ROW]), LATER)
    assert refused.value.param == "accounts"
    assert versions(catalog) == []
    assert catalog.channels.get("chn_1") == before


def test_other_changes_keep_the_prices(catalog: CatalogTable) -> None:
    pricing = priced(catalog, ROW).pricing
    after = catalog.channels.change(
        "chn_1", 2, lambda channel: replace(channel, description="x", status="disabled"), LATER
    )
    assert (after.pricing, after.pricing_number) == (pricing, 1)
    assert catalog.channels.get("chn_1").pricing == pricing


def test_an_account_named_before_may_be_gone_when_something_else_changes(
    catalog: CatalogTable,
) -> None:
    before = catalog.channels.get("chn_1")
    named = replace(before, accounts=(ACCOUNT.id,))
    catalog.channels.revise(before, named, Pricing(()), AUTHOR)
    catalog.accounts.change(ACCOUNT.id, 1, lambda account: replace(account, groups=()), AUTHOR)
    catalog.accounts.remove(ACCOUNT.id, 2)
    after = catalog.channels.change("chn_1", 2, lambda c: replace(c, description="x"), LATER)
    assert after.accounts == (ACCOUNT.id,)


def test_what_a_relay_reads_is_what_was_written(catalog: CatalogTable) -> None:
    pricing = priced(catalog, ROW, OTHER).pricing
    part = compile_group(1, GROUP, catalog.pools())
    channel = read_group(1, write_group(part)).channel
    assert channel is not None
    assert [each.version for each in channel.pricing] == [1]
    assert {platform: dict(rows) for platform, rows in channel.pricing[0].rows.items()} == pricing[
        0
    ].rows


def test_a_channel_that_is_switched_off_prices_nothing(catalog: CatalogTable) -> None:
    priced(catalog, ROW)
    catalog.channels.change("chn_1", 2, lambda c: replace(c, status="disabled"), LATER)
    assert compile_group(1, GROUP, catalog.pools()).channel is None


def test_of_many_writers_at_once_each_version_has_one(aws_environment: None) -> None:
    with catalog_in_memory() as catalog:
        furnish(catalog)
        begin, won, lost = Barrier(4), list[int](), list[type[TollgateError]]()

        def write(price: int) -> None:
            begin.wait()
            row = replace(ROW, prices={"input": str(price)}, intervals=(), tiers={})
            try:
                won.append(priced(catalog, row).pricing_number)
            except TollgateError as refused:
                lost.append(type(refused))

        writers = [Thread(target=write, args=(price,)) for price in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert sorted(won) == versions(catalog) == list(range(1, len(won) + 1))
        assert won
        assert set(lost) <= {VersionMismatch}
        assert catalog.channels.get("chn_1").pricing_number == len(won)


def test_a_channel_is_made_with_its_prices_or_not_at_all(catalog: CatalogTable) -> None:
    taken = replace(CHANNEL, id="chn_2", name="other")
    with pytest.raises(TollgateError):
        catalog.channels.open(taken, Pricing([ROW]), AUTHOR)
    assert catalog.channels.find("chn_2") is None
    made = catalog.channels.open(replace(taken, groups=()), Pricing([ROW]), AUTHOR)
    assert [
        each.pricing.version for each in catalog.channels.pricing.versions("chn_2").entries
    ] == [1]
    assert (made.stamp.version, made.pricing_number) == (1, 1)


def test_of_channels_that_want_a_group_at_once_one_gets_it(aws_environment: None) -> None:
    with catalog_in_memory() as catalog:
        furnish(catalog)
        catalog.channels.change("chn_1", 1, lambda c: replace(c, groups=()), AUTHOR)
        begin, won, lost = Barrier(4), list[str](), list[type[TollgateError]]()

        def open_one(number: int) -> None:
            begin.wait()
            wanted = replace(CHANNEL, id=f"chn_{number}", name=f"channel {number}")
            try:
                won.append(catalog.channels.create(wanted, AUTHOR).id)
            except TollgateError as refused:
                lost.append(type(refused))

        openers = [Thread(target=open_one, args=(number,)) for number in range(10, 14)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
        assert len(won) == 1
        assert lost == [Conflict] * 3
        assert [c.id for c in catalog.channels.everything() if c.groups] == won
