"""Rows of an export: every column of a call, CSV that no spreadsheet misreads, fixed periods."""

import csv
import io
from dataclasses import replace
from typing import Any, Final

import pytest

from tollgate.domain.catalog import Interval
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.export import (
    HEADINGS,
    KINDS,
    Cell,
    file_name,
    money,
    row,
)
from tollgate.domain.export_csv import BOM, field, heading, lines, quoted
from tollgate.domain.export_order import Order, placed, read_order
from tollgate.domain.record import UsageRecord

USER: Final = "usr_01m3c8k2v9d4q7xz"
HOLD: Final = "1ng4r8000000001001sw-k7q2"
NOON: Final = 1_795_348_800_000

RULE: Final = PriceSnapshot(
    source="channel",
    price_id="chn_1",
    version=7,
    billing_model="sold-model",
    prices={"input": "2.5", "output": "10", "output_image": "40", "tool:web_search": "0.01"},
    intervals=(
        Interval(0, 128_000, {"input": "2"}),
        Interval(128_000, None, {"input": "4"}),
    ),
    multiplier="1.25",
    model_group="fast",
)
RECORD: Final = UsageRecord(
    user=USER,
    hold=HOLD,
    held=60_000_000,
    charge=36_250_000,
    cost=20_000_000,
    key="key_1",
    group="grp_2",
    requested_group="grp_1",
    channel="chn_1",
    account="acc_1",
    model="asked-model",
    billing_model="sold-model",
    upstream_model="wire-model",
    mapped_model="sold-model",
    chain=("asked-model", "sold-model", "wire-model"),
    model_group="fast",
    usage={"input": 1_000, "output": 500, "output_image": 300, "tool:web_search": 1},
    usage_source="upstream",
    price=RULE.to_json(),
    price_source="channel",
    price_version=7,
    image_cost=15_000_000,
    tier="priority",
    label="1024x1024",
    interval=0,
    started=NOON + 7,
    first_byte=NOON + 250,
    ended=NOON + 1_007,
    status=200,
    upstream_id="chatcmpl-1",
    dialect="openai_chat",
    stream=True,
)


def cells(**changes: Any) -> dict[str, Cell]:
    """The row of a record, by heading."""
    return dict(zip(HEADINGS, row(replace(RECORD, **changes)), strict=True))


SHOWN: Final = {
    "time": "2026-11-22T12:00:00.007Z",
    "user": USER,
    "key": "key_1",
    "account": "acc_1",
    "channel": "chn_1",
    "group": "grp_2",
    "requested_group": "grp_1",
    "requested_model": "asked-model",
    "billing_model": "sold-model",
    "channel_mapped_model": "sold-model",
    "upstream_model": "wire-model",
    "chain": "asked-model→sold-model→wire-model",
    "dialect": "openai_chat",
    "stream": "yes",
    "input": 1_000,
    "output": 500,
    "output_image": 300,
    "tools": "web_search 1",
    "usage_source": "upstream",
    "label": "1024x1024",
    "tier": "priority",
    "price_source": "channel",
    "price_version": 7,
    "model_group": "fast",
    "billing_mode": "tokens",
    "multiplier": "1.25",
    "interval": "0..128000",
    "input_usd": "0.002500000",
    "output_usd": "0.006250000",
    "output_image_usd": "0.015000000",
    "other_usd": "0.012500000",
    "charge_usd": "0.036250000",
    "cost_usd": "0.020000000",
    "image_cost_usd": "0.015000000",
    "funding": "wallet",
    "state": "final",
    "status": 200,
    "first_byte_ms": 243,
    "duration_ms": 1_000,
    "request_id": "req_1ng4r800000000100" + "01m3c8k2v9d4q7xz",
    "upstream_id": "chatcmpl-1",
}


def test_a_call_is_shown_in_every_column() -> None:
    shown = {name: cell for name, cell in cells().items() if cell not in {None, ""}}
    assert shown == SHOWN


def nanos(cell: Cell) -> int:
    """An amount as it is in the file, without a float."""
    whole, _, part = str(cell or "0.000000000").partition(".")
    assert len(part) == 9
    return int(whole) * 10**9 + int(part)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as priced"),
        pytest.param({"charge": 1_000_001}, id="capped at its hold"),
        pytest.param({"state": "late", "charge": 10, "late_charge": 7_654_321}, id="recorded late"),
        pytest.param({"state": "late", "charge": 99, "late_charge": -98}, id="late, and less"),
        pytest.param({"charge": 5, "usage": {}}, id="charged without usage"),
        pytest.param({"charge": 5, "price": "", "interval": -1}, id="charged without a price"),
        pytest.param({"charge": 0}, id="free"),
    ],
)
def test_the_class_costs_add_up_to_the_charge(changes: dict[str, Any]) -> None:
    shown = cells(**changes)
    parts = [name for name in HEADINGS if name.endswith("_usd")]
    parts = [name for name in parts if name not in {"charge_usd", "cost_usd", "image_cost_usd"}]
    total = changes.get("charge", RECORD.charge) + changes.get("late_charge", 0)
    assert sum(nanos(shown[name]) for name in parts) == nanos(shown["charge_usd"]) == total


@pytest.mark.parametrize(
    ("changes", "column", "cell"),
    [
        pytest.param({"usage": {"seconds": 8_040}}, "seconds", "8.040", id="seconds"),
        pytest.param({"usage": {"seconds": 5}}, "seconds", "0.005", id="a few milliseconds"),
        pytest.param({"usage": {"images": 2}}, "images", 2, id="images"),
        pytest.param({"usage": {}}, "input", None, id="a class that did not occur"),
        pytest.param({"usage": {"input": 0}}, "input", 0, id="a class that was 0"),
        pytest.param({"usage": {"tool:b": 2, "tool:a": 1}}, "tools", "a 1, b 2", id="two tools"),
        pytest.param({"stream": False}, "stream", "no", id="no stream"),
        pytest.param({"interval": 1}, "interval", "128000..", id="an interval without an end"),
        pytest.param({"interval": -1}, "interval", "", id="no interval"),
        pytest.param({"price": "", "interval": 0}, "interval", "", id="no rule, no interval"),
        pytest.param({"price": ""}, "billing_mode", "", id="no rule, no mode"),
        pytest.param({"price": ""}, "multiplier", None, id="no rule, no multiplier"),
        pytest.param({"price_version": 0}, "price_version", None, id="no version"),
        pytest.param({"status": 0}, "status", None, id="a call nobody answered"),
        pytest.param({"first_byte": 0}, "first_byte_ms", None, id="no first byte"),
        pytest.param({"ended": 0}, "duration_ms", None, id="a call that never ended"),
        pytest.param({"chain": ("a",)}, "chain", "a", id="a chain of one"),
        pytest.param({"chain": ()}, "chain", "asked-model→wire-model", id="no chain: two levels"),
        pytest.param({"chain": (), "account": ""}, "chain", "asked-model", id="nobody answered"),
        pytest.param({"account": ""}, "upstream_model", "", id="nobody was sent anything"),
        pytest.param(
            {"chain": (), "upstream_model": "asked-model"}, "chain", "asked-model", id="not mapped"
        ),
        pytest.param({"error": "upstream_error"}, "error", "upstream_error", id="an error"),
    ],
)
def test_a_column_shows(changes: dict[str, Any], column: str, cell: Cell) -> None:
    assert cells(**changes)[column] == cell


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        pytest.param(0, "0.000000000", id="nothing"),
        pytest.param(1, "0.000000001", id="a nano"),
        pytest.param(1_500_000_000, "1.500000000", id="a dollar fifty"),
        pytest.param(-98, "-0.000000098", id="less than nothing"),
    ],
)
def test_money_has_nine_places(nanos: int, text: str) -> None:
    assert money(nanos) == text


def test_a_file_is_named_after_its_period() -> None:
    name = file_name(NOON, NOON + 86_400_000, "xlsx")
    assert name == "usage_20261122T120000Z_to_20261123T120000Z.xlsx"


# --- CSV ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        pytest.param("=1+1", "text", "'=1+1", id="equals"),
        pytest.param("+1", "text", "'+1", id="plus"),
        pytest.param("-1", "text", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "text", "'@SUM(A1)", id="at"),
        pytest.param(
            "\uff1d1+1", "text", "'\uff1d1+1", id="a wide equals, as Excel in China takes it"
        ),
        pytest.param("\n=1", "text", "'\n=1", id="behind a line end"),
        pytest.param("\t=1", "text", "'\t=1", id="tab"),
        pytest.param("\r=1", "text", "'\r=1", id="carriage return"),
        pytest.param("=cmd|' /C calc'!A0", "text", "'=cmd|' /C calc'!A0", id="a command"),
        pytest.param("a=1", "text", "a=1", id="equals further on"),
        pytest.param("", "text", "", id="nothing"),
        pytest.param("gpt-4o", "text", "gpt-4o", id="an ordinary name"),
        pytest.param("-0.000000098", "money", "-0.000000098", id="money stays a number"),
        pytest.param(-5, "count", "-5", id="a count stays a number"),
        pytest.param(0, "count", "0", id="zero is no empty cell"),
        pytest.param(None, "count", "", id="an empty cell"),
    ],
)
def test_a_cell_is_no_formula(cell: Cell, kind: Any, text: str) -> None:
    assert field(cell, kind) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a,b", '"a,b"', id="a comma"),
        pytest.param('say "hi"', '"say ""hi"""', id="quotes"),
        pytest.param("a\nb", '"a\nb"', id="a line end"),
        pytest.param("a\rb", '"a\rb"', id="a carriage return"),
        pytest.param("a→b", "a→b", id="an arrow"),
        pytest.param(" a ", " a ", id="spaces"),
    ],
)
def test_a_field_is_quoted_where_it_has_to_be(text: str, written: str) -> None:
    assert quoted(text) == written


def test_a_file_begins_with_its_mark_and_headings() -> None:
    assert heading().startswith(BOM + b"time,user,key,account,")
    assert heading().endswith(b",request_id,upstream_id\r\n")
    assert len(HEADINGS) == len(KINDS) == len(set(HEADINGS))


def test_what_is_written_is_read_back_by_a_reader_of_csv() -> None:
    odd = row(RECORD)
    odd[HEADINGS.index("requested_model")] = 'a,"b"\r\nc'
    odd[HEADINGS.index("upstream_id")] = "=1"
    body = (heading() + lines([odd, row(RECORD)])).decode("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(body, newline=""))
    assert first["requested_model"] == 'a,"b"\r\nc'
    assert first["upstream_id"] == "'=1"
    assert second["chain"] == "asked-model→sold-model→wire-model"
    assert (second["input"], second["cache_read"]) == ("1000", "")


# --- what is asked for ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "now", "period"),
    [
        pytest.param(1_000, 9_000, 99_000, (1_000, 9_000), id="over already"),
        pytest.param(1_000, 9_000, 5_000, (1_000, 5_000), id="until now"),
        pytest.param(1_999, 9_999, 99_000, (1_000, 9_000), id="in whole seconds"),
        pytest.param(1_000, 9_000, 5_999, (1_000, 5_000), id="this second is not over"),
        pytest.param(1_000, 1_000, 99_000, (1_000, 1_000), id="empty"),
        pytest.param(0, 34_560_000_000, 10**14, (0, 34_560_000_000), id="400 days"),
    ],
)
def test_the_period_is_fixed(start: int, end: int, now: int, period: tuple[int, int]) -> None:
    order = placed(Order(start, end, "csv", {}), now)
    assert (order.start, order.end) == period


@pytest.mark.parametrize(
    ("start", "end", "now", "told"),
    [
        pytest.param(9_000, 8_999, 99_000, "later than to", id="turned around"),
        pytest.param(9_000, 12_000, 8_000, "in the future", id="not begun"),
        pytest.param(0, 34_560_001_000, 10**14, "at most 400 days", id="too long"),
    ],
)
def test_a_period_nobody_can_read_is_refused(start: int, end: int, now: int, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as refused:
        placed(Order(start, end, "csv", {}), now)
    assert refused.value.param == "from"


def test_an_order_is_read_as_it_was_written() -> None:
    order = Order(1_000, 9_000, "xlsx", {"user": USER, "model": "m"})
    assert order.params() == {
        "from": 1_000,
        "to": 9_000,
        "format": "xlsx",
        "user": USER,
        "model": "m",
    }
    assert read_order(order.params()) == order
    assert (order.user, Order(0, 1, "csv", {}).user) == (USER, "")


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        pytest.param({}, True, id="no filter"),
        pytest.param({"user": USER, "key": "key_1"}, True, id="both fit"),
        pytest.param({"user": USER, "key": "key_2"}, False, id="one does not"),
        pytest.param({"group": "grp_2"}, True, id="the effective group"),
        pytest.param({"group": "grp_1"}, False, id="not the requested group"),
        pytest.param({"model": "asked-model"}, True, id="the requested model"),
        pytest.param({"account": "acc_9"}, False, id="another account"),
    ],
)
def test_an_order_wants(only: dict[str, str], wanted: bool) -> None:
    assert Order(0, 1, "csv", only).wants(RECORD) is wanted
