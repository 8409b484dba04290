"""Decides what an expression text compiles to; each distinct text is read once and kept.

A program gets the item, the names and the values of a request: conditions answer true or false,
the reads of an update answer the values to write.
"""

from dataclasses import dataclass
from functools import lru_cache

from tests.dynamodb_conditions import Test, decider_of
from tests.dynamodb_grammar import Action, Call, Condition, Demand, Path, Reader
from tests.dynamodb_operands import Read, reader_of


@dataclass(frozen=True, slots=True)
class Program:
    """One compiled expression with the placeholders and paths its text uses.

    `copies` counts the actions that may write a value read from the item.
    """

    names: frozenset[str]
    values: frozenset[str]
    paths: tuple[Path, ...]
    demands: tuple[Demand, ...] = ()
    test: Test | None = None
    condition: Condition | None = None
    reads: tuple[tuple[str, Read | None], ...] = ()
    copies: int = 0


@lru_cache(maxsize=4_096)
def condition_program(text: str, kind: str = "ConditionExpression") -> Program:
    """A condition, filter or key condition.

    Raises:
        RequestRejected: not DynamoDB's language.
    """
    reader = Reader(text, kind)
    condition = reader.condition()
    return Program(
        names=frozenset(reader.names),
        values=frozenset(reader.values),
        paths=tuple(reader.seen),
        demands=tuple(reader.demands),
        test=decider_of(condition),
        condition=condition,
    )


@lru_cache(maxsize=4_096)
def update_program(text: str) -> Program:
    """An update; raises as `condition_program`."""
    reader = Reader(text, "UpdateExpression")
    actions = reader.actions()
    return Program(
        names=frozenset(reader.names),
        values=frozenset(reader.values),
        paths=tuple(action.path for action in actions),
        demands=tuple(reader.demands),
        reads=tuple((action.word, _read(action)) for action in actions),
        copies=sum(isinstance(action.value, Path | Call) for action in actions),
    )


def _read(action: Action) -> Read | None:
    return None if action.value is None else reader_of(action.value)


@lru_cache(maxsize=4_096)
def projection_program(text: str) -> Program:
    """A projection; raises as `condition_program`."""
    reader = Reader(text, "ProjectionExpression")
    return Program(paths=reader.paths(), names=frozenset(reader.names), values=frozenset())
