"""Which list of users' own multipliers is refused."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from tollgate.domain.definition_rules import check_multiplier
from tollgate.domain.errors import ValidationFailed


def check_rows(rows: Iterable[tuple[str, str]], field: str = "user_id") -> dict[str, str]:
    """The multipliers that rows of an id and a multiplier list; `field` is what the id is called.

    Raises:
        ValidationFailed: an id is there twice, or a multiplier is none; names row and field.
    """
    numbers: dict[str, int] = {}
    found: dict[str, str] = {}
    for number, (name, multiplier) in enumerate(rows, start=1):
        if name in found:
            raise row_refused(number, field, f"{name} is in row {numbers[name]} already")
        check_multiplier(Decimal(multiplier), row_field(number, "multiplier"))
        numbers[name], found[name] = number, multiplier
    return found


def check_users(users: Iterable[str], statuses: Mapping[str, str]) -> None:
    """See that everybody listed may be charged, given the status of those who exist.

    Raises:
        ValidationFailed: somebody is not there, or is deleted; names row and field.
    """
    for number, user in enumerate(users, start=1):
        status = statuses.get(user)
        if status is None:
            raise row_refused(number, "user_id", f"there is no user {user}")
        if status == "deleted":
            raise row_refused(number, "user_id", f"user {user} is deleted")


def row_field(number: int, name: str) -> str:
    """A field of a row, as forms that do not fit are told of; rows are counted from 1."""
    return f"entries[{number}].{name}"


def row_refused(number: int, name: str, message: str) -> ValidationFailed:
    """The refusal of one row."""
    field = row_field(number, name)
    return ValidationFailed(f"{field}: {message}", param=field)
