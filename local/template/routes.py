"""Which function answers which request: API Gateway's rules over the template's `Api` events."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from local.template.functions import STREAMED, Function

BUFFERED_LIMIT: Final = 29.0
"""Seconds API Gateway waits for a buffered answer unless the route says otherwise."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one resource."""

    method: str
    """In capitals; `ANY` takes every method that has no route of its own."""
    resource: str
    """Such as `/v1/{proxy+}`."""
    function: str
    """Logical id."""
    streams: bool = False
    timeout: float = BUFFERED_LIMIT
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Match:
    """A request that found its route."""

    route: Route
    parameters: dict[str, str]
    """Parts of the path by name, percent-decoded."""


@dataclass(slots=True)
class _Node:
    """One segment of the paths; literal children win over `{name}`, and that over `{name+}`."""

    literal: dict[str, "_Node"] = field(default_factory=dict)
    single: dict[str, "_Node"] = field(default_factory=dict)
    greedy: dict[str, "_Node"] = field(default_factory=dict)
    methods: dict[str, Route] = field(default_factory=dict)

    def child(self, segment: str) -> "_Node":
        if segment.startswith("{"):
            name = segment[1:-1]
            if name.endswith("+"):
                return self.greedy.setdefault(name[:-1], _Node())
            return self.single.setdefault(name, _Node())
        return self.literal.setdefault(segment, _Node())


class RouteTable:
    """The routes of one API."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self.routes = tuple(routes)
        for route in self.routes:
            node = self._root
            for segment in _segments(route.resource):
                node = node.child(segment)
            node.methods[route.method] = route

    def match(self, method: str, path: str) -> Match | None:
        """The route of a request, or None; `path` is percent-encoded as it was sent."""
        found = _find(self._root, _segments(path))
        if found is None:
            return None
        node, parameters = found
        route = node.methods.get(method) or node.methods.get("ANY")
        return Match(route, parameters) if route else None


def _segments(path: str) -> list[str]:
    return path.split("/")[1:] if path != "/" else []


def _find(node: _Node, segments: list[str]) -> tuple[_Node, dict[str, str]] | None:
    if not segments:
        return (node, {}) if node.methods else None
    first, rest = segments[0], segments[1:]
    if (child := node.literal.get(first)) and (found := _find(child, rest)):
        return found
    for name, child in node.single.items():
        if first and (found := _find(child, rest)):
            return found[0], {name: unquote(first), **found[1]}
    for name, child in node.greedy.items():
        if first:
            return child, {name: unquote("/".join(segments))}
    return None


def read(functions: Iterable[Function]) -> RouteTable:
    """The routes that the functions' `Api` events declare."""
    return RouteTable(
        Route(
            method=event.properties["Method"]
            .upper()
            .replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY"),
            resource=event.properties["Path"],
            function=function.id,
            streams=event.properties.get("ResponseTransferMode") == STREAMED,
            timeout=float(event.properties.get("TimeoutInMillis", BUFFERED_LIMIT * 1000)) / 1000,
        )
        for function in functions
        for event in function.events
        if event.type == "Api"
    )
