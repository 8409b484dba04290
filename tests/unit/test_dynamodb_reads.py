"""How the evaluator reads: order, pages, filters, projections, indexes, segments, batches."""

from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tollgate.store.dynamodb import RequestRejected

BY_TIME = Index("holder", "moment", range_type="N")


def item(pk: str, sk: str, **attributes: dict[str, Any]) -> dict[str, Any]:
    """An item of the table."""
    return {"pk": {"S": pk}, "sk": {"S": sk}, **attributes}


@pytest.fixture
def dynamo() -> InMemoryDynamo:
    """Four items of `p` with an index over three of them, and one of `q`."""
    dynamo = InMemoryDynamo({"T": {"by_time": BY_TIME}})
    for stored in (
        item("p", "b", holder={"S": "o"}, moment={"N": "10"}),
        item("p", "a", holder={"S": "o"}, moment={"N": "9"}),
        item("p", "c#1", holder={"S": "o"}, moment={"N": "100"}),
        item("p", "c#2", n={"N": "7"}),
        item("q", "a", n={"N": "8"}),
    ):
        dynamo.call("PutItem", {"TableName": "T", "Item": stored})
    return dynamo


def query(dynamo: InMemoryDynamo, condition: str, **fields: Any) -> dict[str, Any]:
    """The page of a query with `:p` = p and `:c` = c."""
    known = {":p": {"S": "p"}, ":c": {"S": "c"}, ":o": {"S": "o"}, ":n": {"N": "10"}}
    values = {name: value for name, value in known.items() if name in f"{condition} {fields}"}
    request = {
        "TableName": "T",
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
    }
    return dynamo.call("Query", request | fields)


def sort_keys(page: dict[str, Any]) -> list[str]:
    """The sort keys of a page."""
    return [found["sk"]["S"] for found in page["Items"]]


@pytest.mark.parametrize(
    ("condition", "fields", "expected"),
    [
        pytest.param("pk = :p", {}, ["a", "b", "c#1", "c#2"], id="in order"),
        pytest.param("pk = :p", {"ScanIndexForward": False}, ["c#2", "c#1", "b", "a"], id="back"),
        pytest.param("pk = :p AND begins_with(sk, :c)", {}, ["c#1", "c#2"], id="prefix"),
        pytest.param("pk = :p AND sk < :c", {}, ["a", "b"], id="less"),
        pytest.param("sk >= :c AND pk = :p", {}, ["c#1", "c#2"], id="keys in any order"),
        pytest.param("pk = :p", {"FilterExpression": "attribute_exists(n)"}, ["c#2"], id="filter"),
        pytest.param(
            "holder = :o", {"IndexName": "by_time"}, ["a", "b", "c#1"], id="an index by number"
        ),
        pytest.param(
            "holder = :o AND #at > :n",
            {"IndexName": "by_time", "ExpressionAttributeNames": {"#at": "moment"}},
            ["c#1"],
            id="a range of an index",
        ),
    ],
)
def test_a_query_finds_in_order(
    dynamo: InMemoryDynamo, condition: str, fields: dict[str, Any], expected: list[str]
) -> None:
    assert sort_keys(query(dynamo, condition, **fields)) == expected


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(
    ("condition", "index"), [("pk = :p", {}), ("holder = :o", {"IndexName": "by_time"})]
)
def test_pages_are_the_whole(
    dynamo: InMemoryDynamo, condition: str, index: dict[str, str], forward: bool
) -> None:
    whole = sort_keys(query(dynamo, condition, ScanIndexForward=forward, **index))
    paged: list[str] = []
    start: dict[str, Any] = {}
    while True:
        page = query(dynamo, condition, Limit=2, ScanIndexForward=forward, **index, **start)
        paged += sort_keys(page)
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert paged == whole


def test_a_limit_counts_before_the_filter_and_a_full_page_has_a_last_key(
    dynamo: InMemoryDynamo,
) -> None:
    page = query(dynamo, "pk = :p", Limit=4, FilterExpression="attribute_exists(n)")
    assert (page["Count"], page["ScannedCount"]) == (1, 4)
    assert page["LastEvaluatedKey"] == item("p", "c#2")


def test_a_page_ends_after_a_megabyte() -> None:
    dynamo = InMemoryDynamo(["T"])
    for at in range(4):
        large = item("p", str(at), a={"S": "x" * 390_000})
        dynamo.call("PutItem", {"TableName": "T", "Item": large})
    assert query(dynamo, "pk = :p")["Count"] == 3


def test_a_projection_keeps_the_paths_and_closes_lists(dynamo: InMemoryDynamo) -> None:
    stored = item("p", "z", m={"M": {"x": {"N": "1"}, "y": {"N": "2"}}}, l={"L": [{"N": "0"}] * 3})
    dynamo.call("PutItem", {"TableName": "T", "Item": stored})
    request = {
        "TableName": "T",
        "Key": item("p", "z"),
        "ProjectionExpression": "#m.x, l[2], z",
        "ExpressionAttributeNames": {"#m": "m"},
    }
    assert dynamo.call("GetItem", request) == {
        "Item": {"m": {"M": {"x": {"N": "1"}}}, "l": {"L": [{"N": "0"}]}}
    }


def test_segments_of_a_scan_are_the_whole(dynamo: InMemoryDynamo) -> None:
    parts = [
        dynamo.call("Scan", {"TableName": "T", "Segment": at, "TotalSegments": 3})["Items"]
        for at in range(3)
    ]
    everything = [found for part in parts for found in part]
    assert sorted(everything, key=str) == sorted(dynamo.items("T"), key=str)


def test_a_count_brings_no_items(dynamo: InMemoryDynamo) -> None:
    assert dynamo.call("Scan", {"TableName": "T", "Select": "COUNT"}) == {
        "Count": 5,
        "ScannedCount": 5,
    }


def test_batches_and_transactions_read_several_keys(dynamo: InMemoryDynamo) -> None:
    keys = [item("p", "c#2"), item("p", "none"), item("q", "a")]
    batch = dynamo.call(
        "BatchGetItem", {"RequestItems": {"T": {"Keys": keys, "ConsistentRead": True}}}
    )
    found = [item("p", "c#2", n={"N": "7"}), item("q", "a", n={"N": "8"})]
    assert batch == {"Responses": {"T": found}, "UnprocessedKeys": {}}

    reads = [{"Get": {"TableName": "T", "Key": key}} for key in keys]
    assert dynamo.call("TransactGetItems", {"TransactItems": reads}) == {
        "Responses": [{"Item": found[0]}, {}, {"Item": found[1]}]
    }


def test_a_batch_writes_and_deletes(dynamo: InMemoryDynamo) -> None:
    entries = [
        {"DeleteRequest": {"Key": item("q", "a")}},
        {"PutRequest": {"Item": item("r", "a")}},
    ]
    assert dynamo.call("BatchWriteItem", {"RequestItems": {"T": entries}}) == {
        "UnprocessedItems": {}
    }
    assert dynamo.item("T", "q", "a") is None
    assert dynamo.item("T", "r", "a") == item("r", "a")


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        pytest.param("pk > :p", {}, id="the hash key is not compared with ="),
        pytest.param("sk = :c", {}, id="no hash key"),
        pytest.param("pk = :p AND n = :c", {}, id="another attribute"),
        pytest.param("pk = :p OR pk = :c", {}, id="or"),
        pytest.param("pk = :p AND sk <> :c", {}, id="unequal"),
        pytest.param("pk = :p AND sk = :n", {}, id="a number for text"),
        pytest.param("pk = :p AND sk = pk", {}, id="a path for a value"),
        pytest.param("pk = :p", {"FilterExpression": "sk = :c"}, id="a filter of a key"),
        pytest.param("pk = :p", {"IndexName": "none"}, id="no such index"),
        pytest.param("holder = :o", {"IndexName": "by_time", "ConsistentRead": True}, id="now"),
        pytest.param("pk = :p", {"Limit": 0}, id="no items"),
        pytest.param("pk = :p", {"ExclusiveStartKey": {"pk": {"S": "p"}}}, id="half a start"),
        pytest.param("pk = :p", {"ProjectionExpression": "m, m.x"}, id="overlapping paths"),
    ],
)
def test_a_query_dynamodb_refuses_is_refused(
    dynamo: InMemoryDynamo, condition: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(RequestRejected):
        query(dynamo, condition, **fields)


@pytest.mark.parametrize("moment", [{"S": "now"}, {"S": ""}, {"BOOL": True}])
def test_an_index_key_of_the_wrong_type_is_refused(
    dynamo: InMemoryDynamo, moment: dict[str, Any]
) -> None:
    with pytest.raises(RequestRejected):
        dynamo.call("PutItem", {"TableName": "T", "Item": item("p", "x", moment=moment)})


def test_index_entries_cost_write_units() -> None:
    dynamo = InMemoryDynamo({"T": {"by_time": BY_TIME}})
    steps = [
        (item("p", "a"), 1),
        (item("p", "a", holder={"S": "o"}, moment={"N": "1"}), 2),
        (item("p", "a", holder={"S": "o"}, moment={"N": "1"}, n={"N": "1"}), 2),
        (item("p", "a", holder={"S": "o"}, moment={"N": "2"}, n={"N": "1"}), 3),
        (item("p", "a"), 2),
    ]
    for stored, _ in steps:
        dynamo.call("PutItem", {"TableName": "T", "Item": stored})
    assert [spent.write_units for spent in dynamo.units] == [units for _, units in steps]
