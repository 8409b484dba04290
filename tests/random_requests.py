"""Says which random items, expressions and requests the evaluator and moto are compared on.

Expressions are drawn as nested pieces; `bound` writes them out and numbers their placeholders.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Wire = dict[str, Any]


class Name(NamedTuple):
    """An attribute name to be written as an alias."""

    name: str


class Literal(NamedTuple):
    """A value to be written as a placeholder."""

    value: Wire


Piece = Any
"""Text, a Name, a Literal, or a tuple of pieces."""

numbers = st.integers(-3, 12).map(lambda number: {"N": str(number)})
texts = st.sampled_from(["", "a", "ab", "b", "é"]).map(lambda text: {"S": text})
binaries = st.sampled_from([b"a", b"ab", b"\x00\xff"]).map(lambda content: {"B": content})
flags = st.booleans().map(lambda flag: {"BOOL": flag})
nulls = st.just({"NULL": True})
number_sets = st.sets(st.integers(0, 4), min_size=1, max_size=3).map(
    lambda members: {"NS": [str(member) for member in sorted(members)]}
)
text_sets = st.sets(st.sampled_from("abc"), min_size=1).map(lambda members: {"SS": sorted(members)})
scalars = numbers | texts | binaries | flags | nulls
lists = st.lists(numbers | texts, max_size=3).map(lambda members: {"L": members})
maps = st.fixed_dictionaries({}, optional={"x": numbers | lists, "y": texts, "z": scalars}).map(
    lambda members: {"M": members}
)
anything = scalars | number_sets | text_sets | lists | maps

items = st.fixed_dictionaries(
    {"n": numbers, "l": lists, "m": maps},
    optional={
        "i": numbers,
        "s": texts,
        "b": binaries,
        "t": text_sets,
        "u": number_sets,
        "any": anything,
    },
)

top_names = st.sampled_from(["n", "i", "s", "b", "t", "u", "l", "m", "any"])
top_paths = top_names.map(lambda name: name if name != "any" else Name("any")) | top_names.map(Name)
nested_paths = st.sampled_from(
    [
        ("m", ".x"),
        ("m", ".", Name("x")),
        ("m", ".y"),
        ("m.z",),
        ("l", "[0]"),
        ("l[1]",),
        ("m.x[0]",),
    ]
)
paths: SearchStrategy[Piece] = st.one_of(top_paths, top_paths, nested_paths)
literals = st.builds(Literal, anything)
ordered_literals = st.builds(Literal, numbers | texts | binaries)
number_literals = st.builds(Literal, numbers)


def _call(name: str, *arguments: SearchStrategy[Piece]) -> SearchStrategy[Piece]:
    def written(drawn: tuple[Piece, ...]) -> Piece:
        first, *others = drawn
        return (name, "(", first, *(piece for other in others for piece in (", ", other)), ")")

    return st.tuples(*arguments).map(written)


sizes = _call("size", paths)
comparisons = st.one_of(
    st.tuples(paths, st.sampled_from([" = ", " <> "]), literals),
    st.tuples(paths, st.sampled_from([" < ", " <= ", " > ", " >= "]), ordered_literals),
    st.tuples(sizes, st.sampled_from([" < ", " = ", " >= "]), number_literals),
    st.tuples(paths, st.sampled_from([" = ", " <> ", " < ", " >= "]), top_paths),
)
betweens = st.tuples(paths, st.integers(-2, 5), st.integers(0, 6)).map(
    lambda drawn: (
        drawn[0],
        " BETWEEN ",
        Literal({"N": str(drawn[1])}),
        " AND ",
        Literal({"N": str(drawn[1] + drawn[2])}),
    )
)
memberships = st.tuples(paths, literals, literals).map(
    lambda drawn: (drawn[0], " IN (", drawn[1], ", ", drawn[2], ")")
)
predicates = st.one_of(
    _call("attribute_exists", paths),
    _call("attribute_not_exists", paths),
    _call("begins_with", paths, st.builds(Literal, texts | binaries)),
    _call("contains", paths, st.builds(Literal, scalars)),
    _call(
        "attribute_type",
        paths,
        st.sampled_from(["N", "S", "SS", "M", "L", "BOOL"]).map(lambda t: Literal({"S": t})),
    ),
)
conditions: SearchStrategy[Piece] = st.recursive(
    comparisons | predicates | betweens | memberships,
    lambda inner: st.one_of(
        st.tuples(inner, st.just(" AND "), inner),
        st.tuples(inner, st.just(" OR "), inner),
        st.tuples(st.just("NOT "), predicates),
    ),
    max_leaves=4,
)

sums = st.tuples(paths | number_literals, st.sampled_from([" + ", " - "]), number_literals)
defaults = _call("if_not_exists", paths, literals)
assigned = st.one_of(
    literals,
    paths,
    sums,
    defaults,
    st.tuples(_call("if_not_exists", paths, number_literals), st.just(" + "), number_literals),
    _call("list_append", paths, st.builds(Literal, lists)),
)
settings = st.tuples(paths, st.just(" = "), assigned)
additions = st.tuples(paths, st.just(" "), st.builds(Literal, numbers | number_sets | text_sets))
deletions = st.tuples(paths, st.just(" "), st.builds(Literal, number_sets | text_sets))


def _section(word: str, entry: SearchStrategy[Piece]) -> SearchStrategy[Piece]:
    def written(entries: list[Piece]) -> Piece:
        return (f"{word} ", *_joined(entries), " ")

    return st.lists(entry, min_size=1, max_size=3).map(written)


def _joined(entries: list[Piece]) -> Iterator[Piece]:
    for at, entry in enumerate(entries):
        if at:
            yield ", "
        yield entry


updates = st.one_of(
    _section("SET", settings),
    _section("SET", settings),
    st.tuples(_section("SET", settings), _section("REMOVE", paths)),
    _section("REMOVE", paths),
    _section("ADD", additions),
    _section("DELETE", deletions),
    st.tuples(_section("SET", settings), _section("ADD", additions)),
)
projections = st.lists(paths, min_size=1, max_size=3).map(lambda found: tuple(_joined(found)))


def bound(**expressions: Piece) -> dict[str, Any]:
    """The request fields of these expressions, with all their placeholders numbered."""
    names: dict[str, str] = {}
    values: dict[str, Wire] = {}

    def written(piece: Piece) -> str:
        if isinstance(piece, Name):
            names[f"#{len(names)}"] = piece.name
            return f"#{len(names) - 1}"
        if isinstance(piece, Literal):
            values[f":{len(values)}"] = piece.value
            return f":{len(values) - 1}"
        return piece if isinstance(piece, str) else "".join(written(part) for part in piece)

    fields: dict[str, Any] = {
        name: written(piece) for name, piece in expressions.items() if piece is not None
    }
    if names:
        fields["ExpressionAttributeNames"] = names
    if values:
        fields["ExpressionAttributeValues"] = values
    return fields


partition_keys = st.sampled_from(["p", "q"])
sort_keys = st.sampled_from(["1", "2", "3"])
keys = st.builds(lambda pk, sk: {"pk": {"S": pk}, "sk": {"S": sk}}, partition_keys, sort_keys)
maybe_condition = st.none() | conditions
shown = st.sampled_from([{}, {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}])

puts = st.builds(
    lambda key, item, condition, returns, show: (
        "PutItem",
        {
            "Item": {**item, **key},
            "ReturnValues": returns,
            **bound(ConditionExpression=condition),
            **show,
        },
    ),
    keys,
    items,
    maybe_condition,
    st.sampled_from(["NONE", "ALL_OLD"]),
    shown,
)
changes = st.builds(
    lambda key, update, condition, returns, show: (
        "UpdateItem",
        {
            "Key": key,
            "ReturnValues": returns,
            **bound(UpdateExpression=update, ConditionExpression=condition),
            **show,
        },
    ),
    keys,
    updates,
    maybe_condition,
    st.sampled_from(["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]),
    shown,
)
removals = st.builds(
    lambda key, condition, returns: (
        "DeleteItem",
        {"Key": key, "ReturnValues": returns, **bound(ConditionExpression=condition)},
    ),
    keys,
    maybe_condition,
    st.sampled_from(["NONE", "ALL_OLD"]),
)
gets = st.builds(
    lambda key, projection: ("GetItem", {"Key": key, **bound(ProjectionExpression=projection)}),
    keys,
    st.none() | projections,
)
key_tests = st.one_of(
    st.just(()),
    st.tuples(
        st.just(" AND sk "),
        st.sampled_from(["= ", "< ", ">= "]),
        sort_keys.map(lambda key: Literal({"S": key})),
    ),
    sort_keys.map(lambda key: (" AND begins_with(sk, ", Literal({"S": key}), ")")),
    st.just((" AND sk BETWEEN ", Literal({"S": "1"}), " AND ", Literal({"S": "2"}))),
)
queries = st.builds(
    lambda pk, test, filtering, projection, extra: (
        "Query",
        {
            **bound(
                KeyConditionExpression=("pk = ", Literal({"S": pk}), test),
                FilterExpression=filtering,
                ProjectionExpression=projection,
            ),
            **extra,
        },
    ),
    partition_keys,
    key_tests,
    maybe_condition,
    st.none() | projections,
    st.fixed_dictionaries(
        {}, optional={"Limit": st.integers(1, 3), "ScanIndexForward": st.booleans()}
    ),
)
scans = st.builds(lambda filtering: ("Scan", bound(FilterExpression=filtering)), maybe_condition)


def _actions(drawn: tuple[tuple[str, dict[str, Any]], ...]) -> tuple[str, dict[str, Any]]:
    """One transaction of these writes, each on a sort key of its own."""
    actions = []
    for at, (operation, request) in enumerate(drawn):
        word = operation.removesuffix("Item")
        action = {name: value for name, value in request.items() if name != "ReturnValues"}
        place = "Item" if word == "Put" else "Key"
        action[place] = {**action[place], "sk": {"S": str(at + 1)}}
        actions.append({word: action})
    return "TransactWriteItems", {"TransactItems": actions}


transactions = st.tuples(changes, puts | removals).map(_actions)
requests = st.one_of(
    changes,
    changes.map(tuple),
    changes.map(tuple),
    puts,
    removals,
    gets,
    queries,
    scans,
    transactions,
)
