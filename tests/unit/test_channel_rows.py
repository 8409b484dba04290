"""A channel's price rows: which are refused, by row and field, and what each name then finds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tollgate.domain.catalog import ChannelRow, Interval
from tollgate.domain.channel_rows import (
    SentRow,
    as_sent,
    check_rows,
    in_dollars,
    rows_by_name,
)
from tollgate.domain.errors import ValidationFailed

ROW = SentRow("openai", ("gpt-4o",), prices={"input": "2"})
CALLS = SentRow("openai", ("gpt-4o",), "times", {"calls": "0.05"})
RANGE = Interval(0, 1_000, {"input": "3"})
LABELS = (Interval(0, None, {"images": "0.04"}, label="1K"),)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="none"),
        pytest.param([ROW], id="a price"),
        pytest.param([SentRow("openai", ("gpt-4o",))], id="a name alone: it inherits, and is sold"),
        pytest.param([SentRow("openai", ("gpt-4o",), "tokens")], id="tokens, nothing priced"),
        pytest.param([replace(ROW, prices={"output_image": "0"})], id="free image tokens"),
        pytest.param([CALLS], id="by call"),
        pytest.param([replace(CALLS, prices={}, intervals=LABELS)], id="labels without a default"),
        pytest.param([SentRow("openai", ("v",), "seconds", {"seconds": "0.1"})], id="by second"),
        pytest.param([ROW, replace(ROW, models=("gpt-*", "*"))], id="a prefix beside a name"),
        pytest.param(
            [replace(ROW, platform=each) for each in ("anthropic", "antigravity", "gemini")],
            id="one name on three platforms",
        ),
        pytest.param(
            [replace(ROW, models=tuple(f"m{n}" for n in range(100)))], id="a hundred names"
        ),
        pytest.param([replace(ROW, intervals=(RANGE,), tiers={"flex": {"input": "1"}})], id="all"),
    ],
)
def test_rows_that_are_allowed(rows: Sequence[SentRow]) -> None:
    check_rows(rows)


UNIT = "mode times needs a price or intervals"
UNIT_ZH = "按 times 方式计费时，必须填写价格或区间"


@pytest.mark.parametrize(
    ("rows", "field", "english", "chinese"),
    [
        pytest.param(
            [ROW, replace(ROW, platform="bedrock")],
            "pricing[2].platform",
            "one of anthropic, antigravity, gemini, openai",
            "必须是 anthropic, antigravity, gemini, openai 之一",
            id="an unknown platform",
        ),
        pytest.param(
            [replace(ROW, models=())],
            "pricing[1].models",
            "1 to 100 names",
            "应为 1 到 100 个名称",
            id="no name",
        ),
        pytest.param(
            [replace(ROW, models=tuple(f"m{n}" for n in range(101)))],
            "pricing[1].models",
            "1 to 100 names",
            "应为 1 到 100 个名称",
            id="too many names",
        ),
        pytest.param(
            [replace(ROW, models=(f"m{n}",)) for n in range(201)],
            "pricing",
            "at most 200 rows",
            "最多 200 行",
            id="too many rows",
        ),
        pytest.param(
            [ROW, replace(ROW, models=("gpt-5", " GPT-4o"))],
            "pricing[2].models[2]",
            "' GPT-4o' is in pricing[1].models[1] already",
            "' GPT-4o' 与 pricing[1].models[1] 重复",
            id="one name in two rows",
        ),
        pytest.param(
            [replace(ROW, models=("gpt-*", "GPT-*"))],
            "pricing[1].models[2]",
            "'GPT-*' is in pricing[1].models[1] already",
            "'GPT-*' 与 pricing[1].models[1] 重复",
            id="one prefix twice in a row",
        ),
        pytest.param(
            [replace(ROW, models=("gpt-4o", "g*o"))],
            "pricing[1].models[2]",
            "only the last character may be *",
            "* 只能是最后一个字符",
            id="a star inside",
        ),
        pytest.param(
            [replace(ROW, prices={"input": "-0.01"})],
            "pricing[1].prices.input",
            "must be >= 0",
            "不能小于 0",
            id="a negative price",
        ),
        pytest.param(
            [replace(ROW, prices={"inputs": "1"})],
            "pricing[1].prices.inputs",
            "no such usage class",
            "没有这种用量类别",
            id="an unknown class",
        ),
        pytest.param(
            [replace(ROW, tiers={"flex": {"input": "NaN"}})],
            "pricing[1].tiers.flex.input",
            "'NaN' is not a price; write a decimal such as 2.50",
            "'NaN' 不是价格，请填写小数，例如 2.50",
            id="no number in a tier",
        ),
        pytest.param(
            [ROW, replace(ROW, models=("b",), intervals=(RANGE, replace(RANGE, minimum=500)))],
            "pricing[2].intervals[2].minimum",
            "row 2 overlaps row 1, which ends at 1000",
            "第 2 行与第 1 行重叠，第 1 行到 1000 为止",
            id="an overlap in the second row",
        ),
        pytest.param(
            [replace(CALLS, prices={})], "pricing[1].prices", UNIT, UNIT_ZH, id="calls, no price"
        ),
        pytest.param(
            [replace(CALLS, prices={}, tiers={"flex": {"calls": "1"}})],
            "pricing[1].prices",
            UNIT,
            UNIT_ZH,
            id="calls, only a tier's price",
        ),
        pytest.param(
            [replace(CALLS, prices={"input": "1"})],
            "pricing[1].prices",
            "nothing in it is charged in mode times",
            "按 times 方式计费时，其中没有任何一项会被计费",
            id="calls, only tokens priced",
        ),
        pytest.param(
            [replace(CALLS, intervals=(Interval(0, None, {}),))],
            "pricing[1].intervals[1].prices",
            "row 1 has no price; set at least one",
            "第 1 行没有任何价格，请至少填写一个",
            id="calls, an interval without a price beside a default",
        ),
        pytest.param(
            [SentRow("openai", ("v",), "seconds")],
            "pricing[1].prices",
            "mode seconds needs a price or intervals",
            "按 seconds 方式计费时，必须填写价格或区间",
            id="seconds, no price",
        ),
    ],
)
def test_rows_that_are_refused(
    rows: Sequence[SentRow], field: str, english: str, chinese: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_rows(rows)
    assert refused.value.param == field
    assert refused.value.message == f"{field}: {english}"
    assert refused.value.translations == {"zh": f"{field}：{chinese}"}


def test_every_name_finds_its_own_row_on_its_own_platform() -> None:
    rows = [
        replace(ROW, models=(" GPT-4o", "gpt-*")),
        replace(ROW, platform="gemini", prices={"input": "5"}),
    ]
    assert rows_by_name(rows) == {
        "openai": {
            "gpt-4o": ChannelRow("openai", "gpt-4o", None, {"input": "2"}),
            "gpt-*": ChannelRow("openai", "gpt-*", None, {"input": "2"}),
        },
        "gemini": {"gpt-4o": ChannelRow("gemini", "gpt-4o", None, {"input": "5"})},
    }


def test_names_that_cost_the_same_are_shown_together_and_can_be_sent_again() -> None:
    rows = [
        SentRow("openai", ("a", "b*"), "times", {"images": "1"}, LABELS, {"flex": {"images": "0"}}),
        SentRow("openai", ("c",), None, {"input": "1"}),
        SentRow("gemini", ("a",), "tokens", {"input": "1"}, (RANGE,)),
    ]
    assert list(as_sent(rows_by_name(rows))) == rows


def test_yuan_are_kept_as_they_were_typed_over_their_rate() -> None:
    typed = SentRow(
        "openai",
        ("a",),
        None,
        {"input": "0.5", "output": "0"},
        (Interval(0, 9, {"input": "2"}, {"flex": {"input": "1"}}),),
        {"priority": {"input": "7"}},
    )
    assert in_dollars(typed, "7.0") == SentRow(
        "openai",
        ("a",),
        None,
        {"input": "0.5/7.0", "output": "0"},
        (Interval(0, 9, {"input": "2/7.0"}, {"flex": {"input": "1/7.0"}}),),
        {"priority": {"input": "7/7.0"}},
    )


def test_dollars_stay_as_they_are() -> None:
    assert in_dollars(ROW, "") == ROW
