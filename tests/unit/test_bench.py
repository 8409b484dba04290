"""The bench's own sums: loads, checks of answers, medians, budgets, and the cloud it plays."""

import json
from typing import Any

import pytest

from bench.__main__ import arguments
from bench.cells import BUDGETS, CELLS, Cell, chosen
from bench.cloud import Cloud
from bench.load import Load, Loop, Tally, figures, quantile
from bench.peers import installed
from bench.prepared import items
from bench.report import medians, over, report
from bench.rounds import Sample
from local.replay.wire import Request
from tollgate.domain.wallet import violations
from tollgate.store.wallet_item import read_wallet

STREAM = b"HTTP/1.1 200 X\r\n\r\n" + b"data: {}\n\n" * 3 + b'data: {"usage":{}}\n\ndata: [DONE]\n\n'
WHOLE = b'HTTP/1.1 200 X\r\n\r\n{"usage":{}}'


def load(events: int = 0) -> Load:
    return Load("127.0.0.1", 80, "/v1/x", ("authorization: k",), "m", 1, events, seconds=1)


def sample(figure: float, number: int = 0, cell: str = "json-c16") -> Sample:
    return Sample(number, "tollgate", cell, {"cpu_ms": figure})


def test_a_cell_names_a_model_that_behaves_so() -> None:
    cell = Cell("x", 16, chunks=200, delay=20, gap=5)
    assert cell.model == "gpt-4o-mini+chunks=200+delay=20+gap=5"
    assert cell.events == 204
    assert (Cell("y", 1).model, Cell("y", 1).events) == ("gpt-4o-mini+chunks=1", 0)


@pytest.mark.parametrize(
    ("words", "cells"),
    [([], "all"), (["--quick"], "quick"), (["--cells", "json-c1"], "json-c1")],
    ids=["nothing said", "quick", "named"],
)
def test_all_cells_are_measured_where_nothing_else_is_asked_for(
    words: list[str], cells: str
) -> None:
    assert arguments().parse_args(words).cells == cells


@pytest.mark.parametrize(
    ("names", "count"), [("all", 9), ("quick", 5), ("json-c1,sse1-c1", 2)], ids=str
)
def test_cells_are_chosen_by_name(names: str, count: int) -> None:
    assert len(chosen(names)) == count


def test_every_budget_is_on_something_that_is_measured() -> None:
    cells = {cell.name for cell in CELLS} | {"start", "end"}
    assert {budget.cell for budget in BUDGETS} <= cells


def test_a_load_sends_one_request_of_known_length() -> None:
    head, _, body = load(5).request().partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x HTTP/1.1\r\n")
    assert head.endswith(b"\r\nauthorization: k")
    assert b"content-length: %d\r\n" % len(body) in head
    asked = json.loads(body)
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})
    assert "stream" not in json.loads(load().request().partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("events", "answer", "problem"),
    [
        pytest.param(0, WHOLE, "", id="a whole answer"),
        pytest.param(5, STREAM, "", id="a whole stream"),
        pytest.param(0, b"HTTP/1.1 402 X\r\n\r\n{}", "HTTP/1.1 402 X\r\n\r\n{}", id="refused"),
        pytest.param(0, b"HTTP/1.1 200 X\r\n\r\n{}", "no usage: ", id="without usage"),
        pytest.param(6, STREAM, "5 events", id="an event is missing"),
    ],
)
def test_an_answer_that_is_not_right_is_counted_as_wrong(
    events: int, answer: bytes, problem: str
) -> None:
    running = Loop(load(events))
    running.count(answer, asked=1e12, first=1e12)
    assert running.tally.wrong == bool(problem)
    assert "".join(running.tally.problems).startswith(problem)


@pytest.mark.parametrize(
    ("share", "wanted"), [(50, 60.0), (95, 100.0), (99, 100.0)], ids=["half", "most", "nearly all"]
)
def test_a_quantile_is_in_milliseconds(share: int, wanted: float) -> None:
    assert quantile([n / 100 for n in range(1, 11)], share) == pytest.approx(wanted)


def test_nothing_has_no_quantile() -> None:
    assert figures(Tally(), 1.0)["p50_ms"] is None


def test_rounds_are_told_by_their_medians() -> None:
    known = medians([sample(1.0, 0), sample(9.0, 1), sample(2.0, 2)])
    assert known == {("tollgate", "json-c16"): {"cpu_ms": 2.0}}


@pytest.mark.parametrize(
    ("cpu", "mark", "titles"),
    [
        pytest.param(2.0, "| pass |", [], id="on the budget"),
        pytest.param(2.01, "| **over** |", ["CPU of a JSON call, 16 callers"], id="above it"),
    ],
)
def test_a_report_marks_what_is_over_its_budget(cpu: float, mark: str, titles: list[str]) -> None:
    floor = Sample(0, "raw loop", "json-c16", {"cpu_ms": 0.5})
    known = medians([sample(cpu), floor])
    first, *_ = (
        x for x in report(known, ["direct", "raw loop", "tollgate"]).split("\n") if "≤" in x
    )
    assert first.startswith(f"| CPU of a JSON call, 16 callers | ≤ 2 ms {mark} 0.50 | ")
    assert first.endswith("| × 4.0 |")
    assert [budget.title for budget in over(known)] == titles


def test_what_was_not_measured_is_neither_kept_nor_over() -> None:
    assert over({}) == []
    assert report({}, ["tollgate"]).count("| not measured |") == len(BUDGETS)


def ask(cloud: Cloud, operation: str, asked: dict[str, Any]) -> Any:
    head = f"POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.{operation}\r\n".encode()
    answer = cloud.answer(Request("POST", "/", head, json.dumps(asked).encode()))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_the_cloud_gives_back_what_was_put_and_counts_what_was_asked() -> None:
    cloud, key = Cloud(), {"pk": {"S": "a"}, "sk": {"S": "b"}}
    item = {**key, "x": {"N": "1"}}
    ask(cloud, "PutItem", {"TableName": "t", "Item": item})
    assert ask(cloud, "GetItem", {"TableName": "t", "Key": key}) == {"Item": item}
    assert ask(cloud, "UpdateItem", {"TableName": "t", "Key": key}) == {"Attributes": item}
    found = ask(cloud, "BatchGetItem", {"RequestItems": {"t": {"Keys": [key]}}})
    assert found == {"Responses": {"t": [item]}, "UnprocessedKeys": {}}
    assert ask(cloud, "GetItem", {"TableName": "u", "Key": key}) == {}
    assert cloud.counts == {"PutItem": 1, "GetItem": 2, "UpdateItem": 1, "BatchGetItem": 1}


def test_the_prepared_wallet_breaks_no_identity() -> None:
    wallet = dict(items(upstream=1, now=1_800_000_000))["tollgate-wallets"]
    assert violations(read_wallet(wallet)) == []


@pytest.mark.parametrize("name", ["litellm", "portkey"])
def test_a_peer_is_started_from_where_it_was_installed(name: str) -> None:
    assert installed(f"{name}=/somewhere/bin").name.casefold() == name
