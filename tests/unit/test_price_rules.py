"""Which prices are refused, in which field and row, and with which words in both languages."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tollgate.domain.catalog import BillingMode, Interval, Price
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.price_rules import (
    check_charging,
    check_figure,
    check_intervals,
    check_prices,
    check_terms,
    check_tiers,
)
from tollgate.web.management.problems import problem

PRICE = {"input": "1"}
PER_CALL = {"calls": "1"}


def refusal(check: Callable[[], object]) -> ValidationFailed | None:
    """What a check says, None when it is content."""
    try:
        check()
    except ValidationFailed as refused:
        return refused
    return None


def row(minimum: int, maximum: int | None, prices: Mapping[str, str] = PRICE) -> Interval:
    return Interval(minimum, maximum, prices)


def labelled(*labels: str) -> tuple[Interval, ...]:
    return tuple(Interval(0, None, PER_CALL, label=label) for label in labels)


# --- figures ----------------------------------------------------------------------------------

NUMBER = "is not a price; write a decimal such as 2.50"
NUMBER_ZH = "不是价格，请填写小数，例如 2.50"


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        pytest.param("0", None, None, id="free"),
        pytest.param("2.50", None, None, id="a decimal"),
        pytest.param("1000000", None, None, id="the limit"),
        pytest.param("0.0000000001", None, None, id="ten decimals"),
        pytest.param("1.00000000000000", None, None, id="zeros behind do not count"),
        pytest.param("0.5/7.0", None, None, id="yuan over the rate"),
        pytest.param("7000000/7", None, None, id="a quotient at the limit"),
        pytest.param("-0.01", "must be >= 0", "不能小于 0", id="negative"),
        pytest.param("-1/2", "must be >= 0", "不能小于 0", id="a negative quotient"),
        pytest.param("1/-2", "must be >= 0", "不能小于 0", id="a negative divisor"),
        pytest.param("1/0", "the divisor must be > 0", "除数必须大于 0", id="by zero"),
        pytest.param("1/0.0", "the divisor must be > 0", "除数必须大于 0", id="by 0.0"),
        pytest.param("1000000.1", "must be <= 1000000", "不能大于 1000000", id="too dear"),
        pytest.param("1/0.0000001", "must be <= 1000000", "不能大于 1000000", id="too dear again"),
        pytest.param("9007199254740993", "must be <= 1000000", "不能大于 1000000", id="2^53 + 1"),
        pytest.param("0.00000000001", "at most 10 decimals", "最多 10 位小数", id="eleven"),
        pytest.param("1/7.00000000001", "at most 10 decimals", "最多 10 位小数", id="a fine rate"),
        pytest.param("1e400", f"'1e400' {NUMBER}", f"'1e400' {NUMBER_ZH}", id="1e400"),
        pytest.param("NaN", f"'NaN' {NUMBER}", f"'NaN' {NUMBER_ZH}", id="no number"),
        pytest.param("Infinity", f"'Infinity' {NUMBER}", f"'Infinity' {NUMBER_ZH}", id="infinite"),
        pytest.param("True", f"'True' {NUMBER}", f"'True' {NUMBER_ZH}", id="a boolean"),
        pytest.param("", f"'' {NUMBER}", f"'' {NUMBER_ZH}", id="nothing"),
        pytest.param("1/", f"'' {NUMBER}", f"'' {NUMBER_ZH}", id="no divisor"),
        pytest.param("1/2/3", f"'2/3' {NUMBER}", f"'2/3' {NUMBER_ZH}", id="two divisors"),
        pytest.param("1_000", f"'1_000' {NUMBER}", f"'1_000' {NUMBER_ZH}", id="an underscore"),
        pytest.param(" 1", f"' 1' {NUMBER}", f"' 1' {NUMBER_ZH}", id="a space"),
        pytest.param("１", f"'１' {NUMBER}", f"'１' {NUMBER_ZH}", id="a digit of another script"),
        pytest.param("1,5", f"'1,5' {NUMBER}", f"'1,5' {NUMBER_ZH}", id="a comma"),
    ],
)  # fmt: skip
def test_a_figure(text: str, english: str | None, chinese: str | None) -> None:
    refused = refusal(lambda: check_figure(text, "prices.input"))
    assert said(refused) == (english and f"prices.input: {english}")
    assert said(refused, "zh") == (chinese and f"prices.input：{chinese}")


def said(refused: ValidationFailed | None, language: str = "en") -> str | None:
    if refused is None:
        return None
    return refused.message if language == "en" else refused.translations[language]


def test_a_long_text_is_not_repeated_in_full() -> None:
    refused = refusal(lambda: check_figure("9" * 500, "prices.input"))
    assert said(refused) == f"prices.input: '{'9' * 40}' {NUMBER}"


@pytest.mark.parametrize(
    ("prices", "field"),
    [
        pytest.param({}, None, id="none: everything is inherited"),
        pytest.param({"input": "1", "cache_read": "2", "output_image": "0"}, None, id="classes"),
        pytest.param({"calls": "1", "images": "1", "seconds": "1"}, None, id="units"),
        pytest.param({"tool:web_search": "0.01"}, None, id="a tool"),
        pytest.param({"tool:": "0.01"}, "prices.tool:", id="a nameless tool"),
        pytest.param({"inputs": "1"}, "prices.inputs", id="an unknown class"),
        pytest.param({"input": "1", "output": "-1"}, "prices.output", id="the wrong one is named"),
    ],
)  # fmt: skip
def test_a_list_of_prices(prices: Mapping[str, str], field: str | None) -> None:
    refused = refusal(lambda: check_prices(prices))
    assert (refused and refused.param) == field


def test_a_price_of_a_tier_is_named_with_its_tier() -> None:
    refused = refusal(lambda: check_tiers({"flex": {"input": "1"}, "priority": {"input": "x"}}))
    assert refused is not None
    assert refused.param == "tiers.priority.input"


@pytest.mark.parametrize(
    ("mode", "prices", "refused"),
    [
        pytest.param("tokens", ["input"], False, id="tokens by tokens"),
        pytest.param("times", ["calls"], False, id="calls by times"),
        pytest.param("seconds", ["seconds"], False, id="seconds by seconds"),
        pytest.param("times", ["tool:web_search"], False, id="a tool by times"),
        pytest.param("times", ["input"], True, id="tokens by times"),
        pytest.param("seconds", ["calls", "input"], True, id="calls by seconds"),
        pytest.param("tokens", [], True, id="nothing"),
    ],
)
def test_something_is_charged_in_the_mode(
    mode: BillingMode, prices: list[str], refused: bool
) -> None:
    assert (refusal(lambda: check_charging(mode, prices)) is not None) == refused


# --- intervals: sub2api.md §3.1 as far as our rules keep it -------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((), id="none"),
        pytest.param((row(0, 128_000),), id="one range"),
        pytest.param((row(0, 100_000), row(128_000, None)), id="a gap"),
        pytest.param((row(0, 128_000), row(128_000, None)), id="two that touch"),
        pytest.param((row(128_000, None), row(0, 128_000)), id="unsorted"),
        pytest.param((row(0, None),), id="everything"),
        pytest.param((row(0, None, {"input": "0"}),), id="free on purpose"),
        pytest.param((Interval(0, None, {}, {"flex": PRICE}),), id="only a price of a tier"),
    ],
)
@pytest.mark.parametrize("mode", ["tokens", None])
def test_ranges_that_are_allowed(rows: tuple[Interval, ...], mode: BillingMode | None) -> None:
    check_intervals(rows, mode)


@pytest.mark.parametrize(
    ("rows", "field", "english", "chinese"),
    [
        pytest.param(
            (row(-1, 100),),
            "intervals[1].minimum",
            "row 1 must begin >= 0",
            "第 1 行的下限不能小于 0",
            id="begins below zero",
        ),
        pytest.param(
            (row(0, 0),),
            "intervals[1].maximum",
            "row 1 must end > 0",
            "第 1 行的上限必须大于 0",
            id="ends at zero",
        ),
        pytest.param(
            (row(0, 100), row(100, 50)),
            "intervals[2].maximum",
            "row 2 must end > its minimum 100",
            "第 2 行的上限必须大于下限 100",
            id="ends before it begins",
        ),
        pytest.param(
            (row(100, 100),),
            "intervals[1].maximum",
            "row 1 must end > its minimum 100",
            "第 1 行的上限必须大于下限 100",
            id="ends where it begins",
        ),
        pytest.param(
            (row(0, 100, {"input": "-0.01"}),),
            "intervals[1].prices.input",
            "must be >= 0",
            "不能小于 0",
            id="a negative price",
        ),
        pytest.param(
            (row(0, 200), row(100, 300)),
            "intervals[2].minimum",
            "row 2 overlaps row 1, which ends at 200",
            "第 2 行与第 1 行重叠，第 1 行到 200 为止",
            id="an overlap",
        ),
        pytest.param(
            (row(300, None), row(100, 301), row(0, 50)),
            "intervals[1].minimum",
            "row 1 overlaps row 2, which ends at 301",
            "第 1 行与第 2 行重叠，第 2 行到 301 为止",
            id="an overlap of unsorted rows, numbered as they were sent",
        ),
        pytest.param(
            (row(0, None), row(128_000, 256_000)),
            "intervals[1].maximum",
            "row 1 is unbounded, so it must be the last; row 2 follows it",
            "第 1 行没有上限，必须是最后一个区间，但第 2 行在它之后",
            id="unbounded and not the last",
        ),
        pytest.param(
            (row(128_000, 256_000), row(0, None)),
            "intervals[2].maximum",
            "row 2 is unbounded, so it must be the last; row 1 follows it",
            "第 2 行没有上限，必须是最后一个区间，但第 1 行在它之后",
            id="unbounded, sent last and not the last",
        ),
        pytest.param(
            (row(0, 100), row(100, None, {})),
            "intervals[2].prices",
            "row 2 has no price; set at least one",
            "第 2 行没有任何价格，请至少填写一个",
            id="an empty one",
        ),
        pytest.param(
            (Interval(0, None, {}, {"flex": {}}),),
            "intervals[1].prices",
            "row 1 has no price; set at least one",
            "第 1 行没有任何价格，请至少填写一个",
            id="an empty tier is no price",
        ),
        pytest.param(
            (Interval(0, None, PRICE, {"flex": {"input": "x"}}),),
            "intervals[1].tiers.flex.input",
            "'x' is not a price; write a decimal such as 2.50",
            "'x' 不是价格，请填写小数，例如 2.50",
            id="a word in a tier",
        ),
        pytest.param(
            (Interval(0, None, PRICE, label="1K"),),
            "intervals[1].label",
            "row 1 has a label; tokens are priced by ranges",
            "第 1 行有标签；按 token 计费只能使用区间",
            id="a label on tokens",
        ),
        pytest.param(
            (row(0, 100), row(100, None, PER_CALL)),
            "intervals[2].prices",
            "nothing in it is charged in mode tokens",
            "按 tokens 方式计费时，其中没有任何一项会被计费",
            id="a price by calls among tokens",
        ),
    ],
)
def test_ranges_that_are_refused(
    rows: tuple[Interval, ...], field: str, english: str, chinese: str
) -> None:
    refused = refusal(lambda: check_intervals(rows, "tokens"))
    assert refused is not None
    assert refused.param == field
    assert refused.message == f"{field}: {english}"
    assert refused.translations == {"zh": f"{field}：{chinese}"}


@pytest.mark.parametrize(
    ("rows", "field", "english", "chinese"),
    [
        pytest.param(labelled("1K", "2K", "4K"), None, None, None, id="three labels, no ranges"),
        pytest.param(
            (row(0, 128_000, PER_CALL), row(128_000, None, PER_CALL)), None, None, None, id="ranges"
        ),
        pytest.param(
            labelled("1K", "HD", " 1k "),
            "intervals[3].label",
            "row 3 has the same label as row 1",
            "第 3 行与第 1 行的标签重复",
            id="two spellings of a label",
        ),
        pytest.param(
            (*labelled("1K"), row(0, None, PER_CALL)),
            "intervals[2].label",
            "row 2 needs a label of 1 to 50 characters, as other rows have one",
            "第 2 行需要 1 到 50 个字符的标签，因为其他行有标签",
            id="a range among labels",
        ),
        pytest.param(
            labelled(" "),
            "intervals[1].label",
            "row 1 needs a label of 1 to 50 characters, as other rows have one",
            "第 1 行需要 1 到 50 个字符的标签，因为其他行有标签",
            id="a blank label",
        ),
        pytest.param(
            labelled("l" * 51),
            "intervals[1].label",
            "row 1 needs a label of 1 to 50 characters, as other rows have one",
            "第 1 行需要 1 到 50 个字符的标签，因为其他行有标签",
            id="too long a label",
        ),
        pytest.param(
            (*labelled("1K"), Interval(0, 100, PER_CALL, label="2K")),
            "intervals[2].label",
            "row 2 has a label and a range; use one of the two",
            "第 2 行同时有标签和区间，只能使用其中一种",
            id="a label with an end",
        ),
        pytest.param(
            (Interval(5, None, PER_CALL, label="2K"),),
            "intervals[1].label",
            "row 1 has a label and a range; use one of the two",
            "第 1 行同时有标签和区间，只能使用其中一种",
            id="a label with a beginning",
        ),
        pytest.param(
            (row(0, 200, PER_CALL), row(100, None, PER_CALL)),
            "intervals[2].minimum",
            "row 2 overlaps row 1, which ends at 200",
            "第 2 行与第 1 行重叠，第 1 行到 200 为止",
            id="ranges that overlap",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["times", None])
def test_rows_of_calls(
    rows: tuple[Interval, ...],
    field: str | None,
    english: str | None,
    chinese: str | None,
    mode: BillingMode | None,
) -> None:
    refused = refusal(lambda: check_intervals(rows, mode))
    assert (refused and refused.param) == field
    assert said(refused) == (english and f"{field}: {english}")
    assert said(refused, "zh") == (chinese and f"{field}：{chinese}")


def test_rows_of_seconds_may_have_labels() -> None:
    check_intervals((Interval(0, None, {"seconds": "0.2"}, label="1080p"),), "seconds")


def test_rows_are_named_by_where_they_stand() -> None:
    refused = refusal(lambda: check_intervals((row(-1, 5),), "tokens", "pricing[3].intervals"))
    assert refused is not None
    assert refused.param == "pricing[3].intervals[1].minimum"


def test_a_problem_says_it_in_both_languages() -> None:
    refused = refusal(lambda: check_figure("-1", "prices.input"))
    assert refused is not None
    assert problem(refused, "req_1")["messages"] == {
        "en": "prices.input: must be >= 0",
        "zh": "prices.input：不能小于 0",
    }


def test_a_problem_without_translations_has_one_language() -> None:
    body: dict[str, Any] = problem(ValidationFailed("name: is missing", param="name"), "req_1")
    assert "messages" not in body


@pytest.mark.parametrize(
    ("ranges", "refused"), [pytest.param(299, False, id="600"), pytest.param(300, True, id="602")]
)
def test_a_price_has_no_more_figures_than_a_calls_record_can_hold(
    ranges: int, refused: bool
) -> None:
    figures = {"input": "1", "output": "2"}
    rows = tuple(Interval(at, at + 1, figures) for at in range(ranges))
    price = Price("m", 1, prices=figures, intervals=rows)
    found = refusal(lambda: check_terms(price))
    assert (found is not None) is refused
    if found is not None:
        assert found.param == "prices"
        assert found.translations["zh"].endswith("共 602 个价格，最多 600 个")
