"""Lists where moto is known to answer other than DynamoDB does, with the reason for each.

The evaluator follows DynamoDB; a disagreement with moto is either one of these or a failed test.
The list is capped, so that it cannot grow into an excuse.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

CAP: Final = 8

Request = dict[str, Any]


class Outcome(NamedTuple):
    """How a request ended: `ok`, the port's error or the name of moto's crash; and with what."""

    kind: str
    answer: Any


class Difference(NamedTuple):
    """One known way to disagree, and why the evaluator is right."""

    reason: str
    explains: Callable[[Request, Outcome, Outcome], bool]


_UNLIKE = re.compile(r"\bsize\(|\[\d+\]|[<>]|BETWEEN|begins_with|contains")
_EQUALITY = re.compile(r"(=|<>) (?!:)|IN \(")


def expressions(request: Request) -> str:
    """All conditions and filters of a request or of its actions."""
    own = [str(request.get(f"{kind}Expression", "")) for kind in ("Condition", "Filter")]
    actions = [part for action in request.get("TransactItems", ()) for part in action.values()]
    return " ; ".join([*own, *(expressions(action) for action in actions)])


def _null_is_named(request: Request) -> bool:
    return "{'NULL': True}" in repr(request)


def _crashed(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    told = repr(theirs.answer)
    crashed = theirs.kind in {"ValueError", "TypeError", "AttributeError", "KeyError"}
    cancelled = any(name in told for name in ("'ValueError'", "'TypeError'", "'KeyError'"))
    filtered = "Bad Filter Expression" in told
    return (crashed or cancelled or filtered) and bool(_UNLIKE.search(expressions(request)))


def _missing_is_equal(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    return bool(_EQUALITY.search(expressions(request))) or _null_is_named(request)


def _overlap(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    return ours.kind == "Rejected" and bool(re.search("overlap|conflict", str(ours.answer)))


def _last_page(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    if "Limit" not in request or {ours.kind, theirs.kind} != {"ok"}:
        return False
    without_end = {**ours.answer, "LastEvaluatedKey": None}
    return bool(without_end == {**theirs.answer, "LastEvaluatedKey": None})


def _whole_attributes(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    shown = str(request.get("ReturnValues", "")).startswith("UPDATED")
    return shown and ours.kind == theirs.kind == "ok"


def _refused_action(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    return (
        ours.kind == "TransactionRefused"
        and theirs.kind == "Rejected"
        and "ValidationError" in ours.answer[0]
    )


def _half_written(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    return ours.kind == theirs.kind == "Rejected" and "," in str(request.get("UpdateExpression"))


KNOWN: Final = (
    Difference(
        "moto raises where operands have unlike types or no size; for DynamoDB it is false",
        _crashed,
    ),
    Difference(
        "moto takes what is missing for NULL, and two missing attributes for equal",
        _missing_is_equal,
    ),
    Difference(
        "moto does not see overlapping aliases, and checks overlaps after the condition", _overlap
    ),
    Difference(
        "moto leaves out the last key when the limit is met by the very last item", _last_page
    ),
    Difference(
        "moto shows whole attributes, keys or nothing for UPDATED_OLD or UPDATED_NEW",
        _whole_attributes,
    ),
    Difference(
        "moto rejects the whole transaction where DynamoDB cancels it with a reason",
        _refused_action,
    ),
    Difference(
        "moto keeps the first half of an update whose second half it refuses", _half_written
    ),
)


def explained(request: Request, ours: Outcome, theirs: Outcome) -> bool:
    """Whether a disagreement is a known one."""
    return any(difference.explains(request, ours, theirs) for difference in KNOWN)
