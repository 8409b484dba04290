"""Decides which attribute values the test evaluator accepts, and how they compare and add up.

Values are DynamoDB's own JSON with `bytes` for binary. Whatever enters is checked and copied into
one canonical form (numbers without leading or trailing zeros, sets sorted), so that equality of
values is equality of Python objects and no caller can reach into the store.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from tollgate.store.dynamodb import RequestRejected

Value = dict[str, Any]

DEEPEST: Final = 32
DIGITS: Final = 38
ORDERED: Final = frozenset({"S", "N", "B"})
TYPES: Final = frozenset({"S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "M", "L"})

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LIMIT = 10**DIGITS
_WIDE = Context(prec=400)


def refused(message: str) -> RequestRejected:
    """The error DynamoDB answers a wrong request with."""
    return RequestRejected("ValidationException", message)


def checked(value: object, depth: int = 1) -> Value:
    """A canonical copy of one value.

    Raises:
        RequestRejected: not one type, a float, a wrong member, too deep, an empty set.
    """
    if not isinstance(value, dict) or len(value) != 1:
        raise refused(f"Supplied AttributeValue must have exactly one type: {value!r}")
    if depth > DEEPEST:
        raise refused("Nesting Levels have exceeded supported limits")
    ((kind, content),) = value.items()
    if type(content) is str and kind in {"N", "S"}:
        return {kind: _canonical(content) if kind == "N" else content}
    check = _CHECKS.get(kind)
    if check is None:
        raise refused(f"Supplied AttributeValue has an unknown type: {kind!r}")
    return {kind: check(content, depth)}


def canonical_number(text: object) -> str:
    """The one way to write a number; what is not text (a float, an int) is refused.

    Raises:
        RequestRejected: not a number, more than 38 significant digits, too large or too small.
    """
    if not isinstance(text, str):
        raise refused(f"A number must be sent as text, not {text!r}")
    return _canonical(text)


@lru_cache(maxsize=1 << 16)
def _canonical(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise refused(f"The parameter cannot be converted to a numeric value: {text}")
    return written(Decimal(text))


def written(number: int | Decimal) -> str:
    """A number as DynamoDB writes it.

    Raises:
        RequestRejected: more than 38 significant digits, or a magnitude it cannot hold.
    """
    if isinstance(number, int) and -_LIMIT < number < _LIMIT:
        return str(number)
    exact = Decimal(number).normalize(_WIDE)
    if len(exact.as_tuple().digits) > DIGITS:
        raise refused("Attempting to store more than 38 significant digits in a Number")
    if exact and not -130 <= exact.adjusted() <= 125:
        raise refused("Number overflow or underflow: magnitude must be 1E-130 to 9.99E+125")
    return "0" if not exact else format(exact, "f")


def parsed(text: str) -> int | Decimal:
    """A canonical number as an exact Python number."""
    return Decimal(text) if "." in text else int(text)


def added(left: str, right: str, sign: int) -> str:
    """`left + sign × right` of two canonical numbers.

    Raises:
        RequestRejected: the result does not fit into 38 digits.
    """
    try:
        return written(int(left) + sign * int(right))
    except ValueError:
        return written(_WIDE.add(Decimal(left), _WIDE.multiply(sign, Decimal(right))))


def order(value: Value) -> Any:
    """What values of one ordered type (S, N, B) are compared by."""
    ((kind, content),) = value.items()
    return parsed(content) if kind == "N" else content


def copied(value: Value) -> Value:
    """A copy a caller may change."""
    if "S" in value or "N" in value:
        return value.copy()
    ((kind, content),) = value.items()
    if kind == "M":
        return {"M": {name: copied(member) for name, member in content.items()}}
    if kind == "L":
        return {"L": [copied(member) for member in content]}
    return {kind: list(content) if isinstance(content, list) else content}


def _text(content: object, _: int) -> str:
    if not isinstance(content, str):
        raise refused(f"A string is expected, not {content!r}")
    return content


def _binary(content: object, _: int) -> bytes:
    if not isinstance(content, bytes | bytearray):
        raise refused(f"Bytes are expected, not {content!r}")
    return bytes(content)


def _truth(content: object, _: int) -> bool:
    if not isinstance(content, bool):
        raise refused(f"A boolean is expected, not {content!r}")
    return content


def _null(content: object, _: int) -> bool:
    if content is not True:
        raise refused("Null attribute value types must have the value of true")
    return True


def _set_of(check: Callable[[object, int], Any], key: Callable[[Any], Any]) -> Any:
    def members(content: object, depth: int) -> list[Any]:
        if not isinstance(content, list | tuple) or not content:
            raise refused("A set must be a list with members")
        result = sorted((check(member, depth) for member in content), key=key)
        if any(one == next_one for one, next_one in pairwise(result)):
            raise refused("Input collection contains duplicates")
        return result

    return members


def _map(content: object, depth: int) -> dict[str, Value]:
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise refused(f"A map with string names is expected, not {content!r}")
    return {name: checked(member, depth + 1) for name, member in content.items()}


def _list(content: object, depth: int) -> list[Value]:
    if not isinstance(content, list | tuple):
        raise refused(f"A list is expected, not {content!r}")
    return [checked(member, depth + 1) for member in content]


def _number(content: object, _: int) -> str:
    return canonical_number(content)


_CHECKS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "S": _text,
    "N": _number,
    "B": _binary,
    "BOOL": _truth,
    "NULL": _null,
    "SS": _set_of(_text, str),
    "NS": _set_of(_number, parsed),
    "BS": _set_of(_binary, bytes),
    "M": _map,
    "L": _list,
}
