"""What a role of the template may do, by IAM's own rules, for the statements we write.

Neither moto nor ministack looks at roles, so this is the only place where a forgotten permission
shows before the stack is deployed.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from tests import template

Context = Mapping[str, Sequence[str]]
"""Condition key → the values of a request."""

_FIRST_SEGMENT: Final = re.compile(r"(?<![.\w#:])(#?[A-Za-z]\w*)(?!\w*\s*\()")
_KEYWORDS: Final = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}
_ACTIONS: Final = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}


class AccessDenied(AssertionError):
    """The code asks for something its role does not grant."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One action on one resource, such as `Wallets` or `Bucket/poison/x`."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


class Role:
    """The statements of one function's role."""

    def __init__(self, function: str) -> None:
        policies = template.properties(f"{function}Role")["Policies"]
        self.statements = [
            statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]
        ]

    def allows(self, ask: Ask) -> bool:
        """An explicit no wins; without a yes it is no."""
        effects = {
            statement["Effect"]
            for statement in self.statements
            if _names(statement, ask) and _conditions_hold(statement, ask.context)
        }
        return effects == {"Allow"}

    def ever_allows(self, action: str, resource: str) -> bool:
        """Whether there is any condition under which it may."""
        return any(_names(each, Ask(action, resource)) for each in self.statements)

    def guard(self, operation: str, request: Mapping[str, Any]) -> None:
        """A hook for `InMemoryDynamo.before`: lets through what DynamoDB would let this role do.

        Raises:
            AccessDenied: it would not.
        """
        for ask in asks(operation, request):
            if not self.allows(ask):
                raise AccessDenied(f"{ask.action} on {ask.resource} with {dict(ask.context)}")


def listed(value: Any) -> list[Any]:
    """IAM takes one of a thing or a list of them."""
    return value if isinstance(value, list) else [value]


def resource_name(intrinsic: Any) -> str:
    """A resource by its logical id: `Wallets`, `Usage/stream`, `Bucket/poison/*`."""
    match intrinsic:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return str(name)
        case {"Fn::GetAtt": [name, "StreamArn"]}:
            return f"{name}/stream"
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)
    raise AssertionError(f"a resource that is not named exactly: {intrinsic!r}")


def asks(operation: str, request: Mapping[str, Any]) -> Iterator[Ask]:
    """What DynamoDB asks IAM for one request; tables are named by their logical ids."""
    if operation in {"TransactWriteItems", "TransactGetItems"}:
        enclosing = {"dynamodb:EnclosingOperation": [operation]}
        for action in request["TransactItems"]:
            for kind, body in action.items():
                yield Ask(_ACTIONS[kind], body["TableName"], {**_context(body), **enclosing})
    elif operation == "BatchGetItem":
        for table, body in request["RequestItems"].items():
            keys = {"dynamodb:LeadingKeys": [key["pk"]["S"] for key in body["Keys"]]}
            yield Ask("dynamodb:BatchGetItem", table, keys)
    elif operation == "BatchWriteItem":
        for table in request["RequestItems"]:
            yield Ask("dynamodb:BatchWriteItem", table)
    else:
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        yield Ask(f"dynamodb:{operation}", request["TableName"] + index, _context(request))


def _context(request: Mapping[str, Any]) -> Context:
    key = request.get("Key") or request.get("Item") or {}
    context = {"dynamodb:Attributes": sorted({*key, *_top_level(request)})}
    if "pk" in key:
        context["dynamodb:LeadingKeys"] = [key["pk"]["S"]]
    return context


def _top_level(request: Mapping[str, Any]) -> Iterator[str]:
    """The attributes at the root of every path in a request's expressions."""
    names = request.get("ExpressionAttributeNames", {})
    for part in ("UpdateExpression", "ConditionExpression"):
        for segment in _FIRST_SEGMENT.findall(request.get(part, "")):
            if segment not in _KEYWORDS:
                yield names.get(segment, segment)


def _names(statement: Mapping[str, Any], ask: Ask) -> bool:
    resources = map(resource_name, listed(statement["Resource"]))
    return ask.action in listed(statement["Action"]) and any(
        fnmatchcase(ask.resource, each) for each in resources
    )


def _conditions_hold(statement: Mapping[str, Any], context: Context) -> bool:
    return all(
        _holds(operator, listed(wanted), context.get(key))
        for operator, tests in statement.get("Condition", {}).items()
        for key, wanted in tests.items()
    )


def _holds(operator: str, wanted: Sequence[str], given: Sequence[str] | None) -> bool:
    quantifier, _, test = operator.rpartition(":")
    fits: Callable[[str], bool] = {
        "StringEquals": lambda value: value in wanted,
        "StringLike": lambda value: any(fnmatchcase(value, each) for each in wanted),
    }[test]
    if quantifier == "ForAllValues":
        return all(map(fits, given or ()))
    return any(map(fits, given or ()))
