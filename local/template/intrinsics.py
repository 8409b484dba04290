"""What `!Ref`, `!Sub`, `!If` and their kin mean on this machine."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Attributes = dict[str, str]
"""Of one resource: `Ref` and whatever `!GetAtt` may ask for."""

NO_VALUE: Final = object()
"""What `AWS::NoValue` becomes: the key that holds it disappears."""

VARIABLE: Final = re.compile(r"\$\{([^!}][^}]*)\}")


class UnknownName(LookupError):
    """The template names something that has no meaning on this machine."""


@dataclass(frozen=True, slots=True)
class Names:
    """Everything a template may refer to."""

    values: Mapping[str, Any]
    """Parameters and pseudo parameters."""
    conditions: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Attributes] = field(default_factory=dict)

    def reference(self, name: str) -> Any:
        """What `!Ref name` is.

        Raises:
            UnknownName: neither a parameter nor a resource.
        """
        if name in self.values:
            return self.values[name]
        return self.attribute(name, "Ref")

    def attribute(self, resource: str, name: str) -> str:
        """What `!GetAtt resource.name` is.

        Raises:
            UnknownName: no such resource, or it has no such attribute here.
        """
        try:
            return self.resources[resource][name]
        except KeyError:
            raise UnknownName(f"{resource}.{name} means nothing on this machine") from None


def resolve(value: Any, names: Names) -> Any:
    """The value with every intrinsic function replaced by what it means.

    Raises:
        UnknownName: a name or function that is not known here.
    """
    if isinstance(value, list):
        return [item for each in value if (item := resolve(each, names)) is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name in FUNCTIONS:
            return FUNCTIONS[name](argument, names)
        if name.startswith("Fn::"):
            raise UnknownName(f"{name} is not understood on this machine")
    resolved = {key: resolve(each, names) for key, each in value.items()}
    return {key: each for key, each in resolved.items() if each is not NO_VALUE}


def _sub(argument: Any, names: Names) -> str:
    text, extra = argument if isinstance(argument, list) else (argument, {})
    local = resolve(extra, names)

    def meaning(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name in local:
            return str(local[name])
        resource, dot, attribute = name.partition(".")
        return str(names.attribute(resource, attribute) if dot else names.reference(name))

    return VARIABLE.sub(meaning, text).replace("${!", "${")


def _holds(condition: Any, names: Names) -> bool:
    if isinstance(condition, str):
        if condition not in names.conditions:
            raise UnknownName(f"there is no condition {condition}")
        condition = names.conditions[condition]
    return bool(resolve(condition, names))


def _if(argument: list[Any], names: Names) -> Any:
    condition, then, otherwise = argument
    return resolve(then if _holds(condition, names) else otherwise, names)


def _equals(argument: list[Any], names: Names) -> bool:
    left, right = resolve(argument, names)
    return str(left) == str(right)


def _find(argument: list[Any], names: Names) -> Any:
    table, row, column = resolve(argument, names)
    return names.mappings[table][row][column]


def _select(argument: list[Any], names: Names) -> Any:
    index, options = argument
    return resolve(options, names)[int(resolve(index, names))]


def _join(argument: list[Any], names: Names) -> str:
    separator, parts = argument
    return str(separator).join(str(part) for part in resolve(parts, names))


def _split(argument: list[Any], names: Names) -> list[str]:
    separator, text = argument
    return str(resolve(text, names)).split(separator)


def _reference(argument: str, names: Names) -> Any:
    return NO_VALUE if argument == "AWS::NoValue" else names.reference(argument)


FUNCTIONS: Final[Mapping[str, Callable[[Any, Names], Any]]] = {
    "Ref": _reference,
    "Fn::GetAtt": lambda argument, names: names.attribute(*argument),
    "Fn::Sub": _sub,
    "Fn::If": _if,
    "Condition": _holds,
    "Fn::Equals": _equals,
    "Fn::And": lambda argument, names: all(_holds(each, names) for each in argument),
    "Fn::Or": lambda argument, names: any(_holds(each, names) for each in argument),
    "Fn::Not": lambda argument, names: not _holds(argument[0], names),
    "Fn::FindInMap": _find,
    "Fn::Select": _select,
    "Fn::Join": _join,
    "Fn::Split": _split,
}
