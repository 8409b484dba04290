"""Which stream records a mapping's FilterCriteria let through."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from local.template.played import NotPlayed

ABSENT: Final = object()


class UnknownRule(NotPlayed):
    """A filter uses a comparison that is not played on this machine."""


def read(criteria: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], ...]:
    """The patterns of a `FilterCriteria`; none means that everything passes.

    Raises:
        UnknownRule: a pattern cannot be understood.
    """
    patterns = tuple(json.loads(each["Pattern"]) for each in (criteria or {}).get("Filters", ()))
    for pattern in patterns:
        _check(pattern)
    return patterns


def _check(pattern: Any) -> None:
    if isinstance(pattern, dict):
        for name, part in pattern.items():
            for each in part if name == "$or" else [part]:
                _check(each)
    elif not isinstance(pattern, list):
        raise UnknownRule(f"a pattern ends in a list of rules, not in {pattern!r}")
    else:
        for rule in pattern:
            if isinstance(rule, dict) and (len(rule) != 1 or not rule.keys() <= RULES.keys()):
                raise UnknownRule(f"the local stack does not play the filter rule {rule!r}")


def passes(record: Mapping[str, Any], patterns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any pattern fits, or there is none; patterns are as `read` gives them."""
    patterns = tuple(patterns)
    return not patterns or any(_fits(record, pattern) for pattern in patterns)


def _fits(value: Any, pattern: Any) -> bool:
    if isinstance(pattern, list):
        return any(_matches(value, rule) for rule in pattern)
    return all(_field(value, name, part) for name, part in pattern.items())


def _field(value: Any, name: str, part: Any) -> bool:
    if name == "$or":
        return any(_fits(value, each) for each in part)
    return _fits(value.get(name, ABSENT) if isinstance(value, dict) else ABSENT, part)


def _matches(value: Any, rule: Any) -> bool:
    if not isinstance(rule, dict):
        return value is not ABSENT and type(value) is type(rule) and bool(value == rule)
    ((name, argument),) = rule.items()
    return RULES[name](value, argument)


def _numeric(value: Any, argument: list[Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    pairs = zip(argument[::2], argument[1::2], strict=True)
    return all(COMPARISONS[sign](value, bound) for sign, bound in pairs)


def _is_text(value: Any, test: Callable[[str], bool]) -> bool:
    return isinstance(value, str) and test(value)


COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda value, bound: bool(value == bound),
    "<": lambda value, bound: bool(value < bound),
    "<=": lambda value, bound: bool(value <= bound),
    ">": lambda value, bound: bool(value > bound),
    ">=": lambda value, bound: bool(value >= bound),
}
RULES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "exists": lambda value, wanted: (value is not ABSENT) == wanted,
    "prefix": lambda value, text: _is_text(value, lambda it: it.startswith(text)),
    "suffix": lambda value, text: _is_text(value, lambda it: it.endswith(text)),
    "equals-ignore-case": lambda value, text: _is_text(
        value, lambda it: it.casefold() == text.casefold()
    ),
    "anything-but": lambda value, others: (
        value is not ABSENT and value not in (others if isinstance(others, list) else [others])
    ),
    "numeric": _numeric,
}
