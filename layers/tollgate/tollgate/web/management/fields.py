"""What fields of management requests and answers may be: exact, bounded, and nothing unnamed.

Money, prices and multipliers are decimal text; numbers are whole and never coerced. A field that
a body does not know is refused, so nobody can set what they were not offered.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Self, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

LARGEST: Final = 2**53 - 1
"""Beyond it a JavaScript client would read another number."""

MOST_ENTRIES: Final = 1_000
V = TypeVar("V")


class Body(BaseModel):
    """A request's JSON object: strict, with nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def changes(self, cleared: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The fields that were sent. Null clears those in `cleared` to what stands there."""
        defaults = cleared or {}
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {
            name: defaults[name] if value is None and name in defaults else value
            for name, value in sent.items()
        }


class View(BaseModel):
    """A definition as people see it: the fields it names and no others, with its version."""

    model_config = ConfigDict(frozen=True)

    version: int = Field(description="Goes into If-Match to change exactly what was read.")
    created_at: int = Field(description="Epoch milliseconds.")
    updated_at: int = Field(description="Epoch milliseconds.")
    updated_by: str

    @classmethod
    def of(cls, definition: Any, **more: Any) -> Self:
        """The view of a definition; `more` are fields that it does not have by that name."""
        stamp = definition.stamp
        own = {
            name: getattr(definition, name)
            for name in cls.model_fields
            if hasattr(definition, name) and name not in more
        }
        stamped = {
            name: getattr(stamp, name)
            for name in ("version", "created_at", "updated_at", "updated_by")
        }
        return cls(**own, **stamped, **more)


class Entries(BaseModel, Generic[V]):
    """One page of a list; `next_cursor` asks for the next one, null ends."""

    entries: list[V]
    next_cursor: str | None = None


def absent() -> Any:
    """The default of a field that keeps what is there when it is not sent."""
    return Field(default=None)


def empty(kind: type[list[Any]] | type[dict[Any, Any]]) -> Any:
    """The default of a list or map that has nothing in it."""
    return Field(default_factory=kind)


def whole(text: Any) -> Any:
    """A number in a query: digits only."""
    if not isinstance(text, int) and not (isinstance(text, str) and re.fullmatch("[0-9]+", text)):
        raise ValueError("a whole number")
    return text


def plain_decimal(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


def distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("a name is there twice")
    return names


PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$"
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Positive = Annotated[int, Field(ge=1, le=LARGEST)]
Epoch = Annotated[int, Field(ge=0, le=LARGEST, description="Epoch milliseconds.")]
Text = Annotated[str, StringConstraints(max_length=1_000, pattern=PRINTABLE)]
NewPassword = Annotated[
    str,
    StringConstraints(min_length=8, max_length=256),
    Field(repr=False, description="8 to 256 characters."),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern="^[a-z0-9_]+$")]
Ids = Annotated[list[Id], Field(max_length=40), AfterValidator(distinct)]
Names = Annotated[list[Name], Field(max_length=MOST_ENTRIES), AfterValidator(distinct)]
Mapped = Annotated[dict[Name, Name], Field(max_length=MOST_ENTRIES)]
Dollars = Annotated[
    str,
    StringConstraints(pattern=r"^-?[0-9]{1,10}(\.[0-9]{1,9})?$"),
    Field(description="US dollars as decimal text, at most 9 decimals.", examples=["12.50"]),
]
Budget = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,10}(\.[0-9]{1,9})?$"),
    Field(description="US dollars as decimal text, not negative.", examples=["12.50"]),
]
Multiplier = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,4}(\.[0-9]{1,6})?$"),
    Field(description="A factor as decimal text, at most 6 decimals.", examples=["1.25"]),
]
Decimals = Annotated[str, BeforeValidator(plain_decimal), PlainSerializer(str, return_type=str)]

MEANINGS: Final = {
    PRINTABLE: "text without control characters",
    "^[a-z0-9_]+$": "an id or a name of lower-case letters, digits and _",
    "^[a-z][a-z0-9_.]{0,63}$": "a name of lower-case letters, digits, _ and ., a letter first",
    r"^[A-Za-z0-9._:/-]+$": "letters, digits and . _ : / - only",
    r"^[\x20-\x7e\r\n\t]*$": "plain ASCII text",
    "^[a-z0-9_]*$": "a name of lower-case letters, digits and _",
    "^[1-9][0-9]{0,3}$": "a number from 1",
    r"^[\x21-\x7e]+$": "plain ASCII text without spaces",
    r"^-?[0-9]{1,10}(\.[0-9]{1,9})?$": 'US dollars as text, such as "12.50" or "-0.000000001"',
    r"^[0-9]{1,10}(\.[0-9]{1,9})?$": 'US dollars as text, such as "12.50"',
    r"^[0-9]{1,4}(\.[0-9]{1,6})?$": 'a factor as text, such as "1.25"',
    "^[0-9]{4}(0[1-9]|1[0-2])$": "a month as yyyymm",
}
"""What is said of a text that does not match; a regular expression helps nobody."""

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description='The version that was read, such as "3".'),
]
Once = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeating a request with the same key within 24 hours creates nothing twice.",
    ),
]
Limit = Annotated[int, BeforeValidator(whole), Query(ge=1, le=100)]
After = Annotated[str | None, Query(alias="cursor", max_length=2_000)]
ModelName = Annotated[str, Query(alias="model", min_length=1, max_length=100, pattern=PRINTABLE)]
OneModel = Annotated[
    str | None,
    Query(alias="model", min_length=1, max_length=100, pattern=PRINTABLE, description="All."),
]
Code = Annotated[str, Query(min_length=1, max_length=32, description="A model group's code.")]
Since = Annotated[
    int | None,
    BeforeValidator(whole),
    Query(alias="from", ge=0, le=LARGEST, description="Epoch ms."),
]
Until = Annotated[
    int | None, BeforeValidator(whole), Query(alias="to", ge=0, le=LARGEST, description="Epoch ms.")
]
