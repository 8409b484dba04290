"""Members of a request body as typed values, and the refusal that names the wrong one."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tollgate.dialects._json import shortened
from tollgate.domain.errors import InvalidRequest, MissingParameter

NAME_LIMIT: Final = 256
TOKENS_LIMIT: Final = 10**8
CHOICES_LIMIT: Final = 16

KINDS: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    dict: "an object",
    list: "an array",
    float: "a fraction",
    type(None): "null",
}


def wrong(name: str, wanted: str, value: object) -> InvalidRequest:
    """The refusal of a value of the wrong kind."""
    got = KINDS.get(type(value)) or str(value)[:40]
    return InvalidRequest(f"{name}: must be {wanted}, not {got}", param=name)


def missing(name: str, wanted: str) -> MissingParameter:
    """The refusal of a body without a member it needs."""
    return MissingParameter(f"{name}: is required ({wanted})", param=name)


def model_of(value: object, name: str = "model") -> str:
    """A model's name: printable, not empty, of a size that fits into keys and paths."""
    if value is None:
        raise missing(name, "the model to call")
    if not isinstance(value, str):
        raise wrong(name, "a string", value)
    if not value.strip():
        raise missing(name, "the model to call")
    if len(value) > NAME_LIMIT or not value.isprintable() or value != value.strip():
        raise InvalidRequest(
            f"{name}: {shortened(value)} cannot be a model's name: it must be printable, "
            f"without blanks around it, and at most {NAME_LIMIT} characters long",
            param=name,
        )
    return value


def flag(values: Mapping[str, Any], name: str, where: str = "") -> bool:
    """A boolean member; absent and null are False."""
    value = values.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise wrong(f"{where}{name}", "true or false", value)


def whole(value: object, name: str, least: int, most: int) -> int | None:
    """A whole number in a range; None when it is not given."""
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        raise wrong(name, f"a whole number from {least} to {most}", value)
    return value


def objects(value: object, name: str) -> list[dict[str, Any]]:
    """An array of objects; absent and null are empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(name, "an array", value)
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise wrong(f"{name}[{index}]", "an object", item)
    return value


def mapping(value: object, name: str) -> dict[str, Any]:
    """An object; absent and null are empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(name, "an object", value)
    return value


def refuse(values: Mapping[str, Any], names: Iterable[str], why: str, where: str = "") -> None:
    """Refuse members that are given a meaning (null, false and empty values have none)."""
    for name in names:
        if values.get(name):
            raise InvalidRequest(f"{where}{name}: {why}", param=f"{where}{name}")


def tier_of(values: Mapping[str, Any], name: str, ordinary: frozenset[str]) -> str:
    """The service tier a caller names; "" for those that are ordinary, and for none."""
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > NAME_LIMIT:
        raise wrong(name, "a short string", value)
    return "" if value.lower() in ordinary else value.lower()


def only(values: Mapping[str, Any], name: str, allowed: frozenset[str]) -> None:
    """Refuse a way of serving that costs more than the price we know."""
    value = values.get(name)
    if value is None or (isinstance(value, str) and value.lower() in allowed):
        return
    raise InvalidRequest(
        f"{name}: {shortened(str(value))} is not offered here; leave it out", param=name
    )


HELD_UPSTREAM: Final = (
    "refers to something kept at the vendor, which is not offered here; send the content itself"
)
"""Why anything is refused that could let one customer reach what another one left (R34)."""
