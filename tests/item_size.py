"""Says how many bytes DynamoDB counts for an item and how many units a write or a read costs.

Emulators report a flat 1, so every promised write budget is counted here, from what was sent.
The rules are those of the developer guide: names and strings in UTF-8, a number a byte for two
significant digits plus one, three bytes for a map or list and one more for each of its members.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

WRITE_UNIT: Final = 1_024
READ_UNIT: Final = 4_096
LARGEST_ITEM: Final = 400 * 1_024

Value = Mapping[str, Any]


def item_size(item: Mapping[str, Value]) -> int:
    """Bytes of the whole item, names included."""
    return sum(attribute_size(name, value) for name, value in item.items())


def attribute_size(name: str, value: Value) -> int:
    """Bytes of one attribute, its name included."""
    return len(name.encode()) + value_size(value)


def value_size(value: Value) -> int:
    """Bytes of one value in DynamoDB's JSON."""
    ((kind, content),) = value.items()
    return _SIZES[kind](content)


def write_units(largest: int) -> int:
    """Units of a write whose larger image (before or after) has that many bytes."""
    return max(1, -(-largest // WRITE_UNIT))


def read_half_units(size: int, *, consistent: bool) -> int:
    """Half read units of reading that many bytes: two for 4 KB consistently, else one."""
    return max(1, -(-size // READ_UNIT)) * (2 if consistent else 1)


def number_size(text: str) -> int:
    """Bytes of a number written in decimal digits; a minus sign takes one more."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")


def _text_size(content: str) -> int:
    return len(content.encode())


def _map_size(content: Mapping[str, Value]) -> int:
    return 3 + sum(attribute_size(name, value) + 1 for name, value in content.items())


_SIZES: Final[dict[str, Callable[[Any], int]]] = {
    "S": _text_size,
    "N": number_size,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "SS": lambda members: sum(map(_text_size, members)),
    "NS": lambda members: sum(map(number_size, members)),
    "BS": lambda members: sum(map(len, members)),
    "M": _map_size,
    "L": lambda members: 3 + sum(value_size(member) + 1 for member in members),
}
