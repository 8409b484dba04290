"""What the template says of the API as a whole: routes, refusals, binary bodies."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from local.gateway.response import Refusals
from local.template import routes
from local.template.application import Application
from local.template.functions import Function
from local.template.played import check
from local.template.routes import RouteTable

KIND: Final = "AWS::Serverless::Api"

PLAYED: Final = frozenset(
    {
        "BinaryMediaTypes",
        "Description",
        "EndpointConfiguration",
        "GatewayResponses",
        "MethodSettings",
        "Name",
        "OpenApiVersion",
        "StageName",
        "Tags",
        "AccessLogSetting",
        "TracingEnabled",
        "PropagateTags",
        "AlwaysDeploy",
    }
)
"""Properties that are played here, or change nothing a caller could see."""


@dataclass(frozen=True, slots=True)
class Api:
    """One REST API."""

    routes: RouteTable
    refusals: Refusals
    binary: frozenset[str] = frozenset()
    """Media types whose bodies travel in base 64."""


def read(application: Application, functions: Iterable[Function]) -> Api:
    """The application's API.

    Raises:
        NotPlayed: it uses a property that would silently be missing on this machine.
    """
    declared: dict[str, Any] = dict(application.defaults.get("Api", {}))
    for resource in application.of_type(KIND):
        declared |= resource.properties
    check("an API's", declared, PLAYED)
    types = application.resolved(declared.get("BinaryMediaTypes", []))
    return Api(
        routes.read(functions),
        Refusals(application.resolved(declared.get("GatewayResponses", {}))),
        frozenset(each.replace("~1", "/").lower() for each in types),
    )
