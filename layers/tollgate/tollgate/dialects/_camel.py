"""Google's APIs take every field name in camelCase and in snake_case; a reader must know both."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from tollgate.domain.errors import InvalidRequest


@cache
def snake(name: str) -> str:
    """The other spelling of a field's name."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def either(values: Mapping[str, Any], name: str, where: str = "") -> Any:
    """A member under either spelling.

    Raises:
        InvalidRequest: it is there under both, so that nobody knows which one counts.
    """
    other = snake(name)
    if other == name or other not in values:
        return values.get(name)
    if name in values:
        raise InvalidRequest(
            f"{where}{name}: is given twice, also as {other}", param=f"{where}{name}"
        )
    return values[other]
