"""The functions of the template: code, settings and limits, with `Globals` applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.template.application import Application, Resource
from local.template.played import EVENTS, check

KIND: Final = "AWS::Serverless::Function"
STREAMED: Final = "RESPONSE_STREAM"


@dataclass(frozen=True, slots=True)
class Event:
    """One reason to call a function, as the template gives it (resolved)."""

    id: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """One function as it is to be run."""

    id: str
    name: str
    handler: str
    folder: Path
    environment: Mapping[str, str]
    timeout: float
    """Seconds."""
    memory: int
    """MB; told to the function, not enforced."""
    events: tuple[Event, ...]

    @property
    def short_name(self) -> str:
        """The name of its folder, which is how people speak of it."""
        return self.folder.name

    @property
    def streams(self) -> bool:
        """Whether its answers are sent while they are made."""
        return any(
            event.properties.get("ResponseTransferMode") == STREAMED for event in self.events
        )


def read(application: Application) -> list[Function]:
    """Every function of the application.

    Raises:
        UnknownName: a setting refers to something that has no meaning here.
        NotPlayed: an event is of a kind that nobody would send.
    """
    found = [_function(application, each) for each in application.of_type(KIND)]
    check("events of type", (event.type for each in found for event in each.events), EVENTS)
    return found


def _function(application: Application, resource: Resource) -> Function:
    shared = application.defaults.get("Function", {})
    properties = {**shared, **resource.properties}
    variables = _variables(shared) | _variables(resource.properties)
    return Function(
        id=resource.id,
        name=application.names.attribute(resource.id, "Ref"),
        handler=properties["Handler"],
        folder=application.folder / properties["CodeUri"],
        environment={key: str(value) for key, value in application.resolved(variables).items()},
        timeout=float(application.resolved(properties.get("Timeout", 3))),
        memory=int(application.resolved(properties.get("MemorySize", 128))),
        events=tuple(
            Event(name, body["Type"], application.resolved(body.get("Properties", {})))
            for name, body in resource.properties.get("Events", {}).items()
        ),
    )


def _variables(properties: Mapping[str, Any]) -> dict[str, Any]:
    return dict(properties.get("Environment", {}).get("Variables", {}))
