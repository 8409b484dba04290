"""What a management route is: method, path, permission, handler, and what it lets one send."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, get_args

from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate.domain.errors import InvalidRequest
from tollgate.web.management.fields import Body

BODY_LIMIT: Final = 512 * 1024


@dataclass(frozen=True)
class Endpoint:
    """One route. `path` names its variables `<so>`; `permission` empty opens it to everybody.

    `body_limit` is in bytes. With `file` the body is kept for the handler as it came: a list that
    staff upload is read by other rules than requests are.
    """

    method: str
    path: str
    permission: str
    handler: Callable[..., Any]
    status: int = 200
    body_limit: int = BODY_LIMIT
    file: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What its paths look like; a trailing slash is nothing."""
        return re.compile(re.sub(r"<\w+>", "[^/]+", self.path) + "/*")

    @cached_property
    def body(self) -> type[Body] | None:
        """The body it takes, if any."""
        found = (each.annotation for each in self._parameters)
        return next((a for a in found if inspect.isclass(a) and issubclass(a, Body)), None)

    @cached_property
    def query(self) -> frozenset[str]:
        """The names its query may use."""
        return frozenset(self._query_names())

    @property
    def summary(self) -> str:
        """The first line of what its handler says of itself."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    @property
    def tag(self) -> str:
        """What it is about: the permission's noun."""
        return self.permission.partition(".")[0] or "public"

    def check_query(self, query: Mapping[str, Any]) -> None:
        """Refuse a query with a name that means nothing here: it may be a mistyped filter.

        Raises:
            InvalidRequest: naming it.
        """
        unknown = sorted(set(query) - self.query)
        if unknown:
            raise InvalidRequest(f"there is no query parameter {unknown[0]!r}", param=unknown[0])

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.handler).parameters.values())

    def _query_names(self) -> Iterator[str]:
        for parameter in self._parameters:
            for extra in get_args(parameter.annotation)[1:]:
                if isinstance(extra, Query):
                    yield extra.alias or parameter.name
