"""Describes the portal API in OpenAPI from its routes: `python -m tollgate.web.portal.openapi`.

Writes docs/reference/openapi-portal.json; a test compares it with what would be written.
"""

import sys
from pathlib import Path
from typing import Any, Final, cast

from tollgate.store.dynamodb import Dynamo
from tollgate.store.rollups import Rollups
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.web.admin.openapi import Unreachable, described, written
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.portal.api import endpoints
from tollgate.web.portal.cookies import NAME
from tollgate.web.portal.desk import Desk, Stores
from tollgate.web.portal.gate import CSRF_HEADER

PATH: Final = Path("docs/reference/openapi-portal.json")
TITLE: Final = "Tollgate portal API"
DESCRIPTION: Final = (
    "For users. `POST /api/portal/session` sets the session's cookie and answers a `csrf_token`, "
    "which goes into `X-CSRF-Token` with everything that changes something. Money is decimal text, "
    "times epoch milliseconds. `ETag` is the version of the key that was read; `PUT`, `PATCH` and "
    "`DELETE` of a key want it in `If-Match`. Refusals are RFC 9457 problems with a stable `code` "
    "(docs/reference/errors.md)."
)
SCHEMES: Final = {
    "session": {"type": "apiKey", "in": "cookie", "name": NAME},
    "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
}


def undressed() -> tuple[Endpoint, ...]:
    """Every route, over stores that are not there."""
    nothing: Any = Unreachable()
    stores = Stores(
        catalog=nothing,
        wallets=Wallets(cast(Dynamo, nothing), "", lambda below: below, lambda: 0),
        usage=UsageRecords(cast(Dynamo, nothing), ""),
        rollups=Rollups(cast(Dynamo, nothing), ""),
        snapshots=nothing,
        peppers=nothing,
        attempts=nothing,
    )
    return endpoints(
        Desk(
            stores,
            people=nothing,
            creations=nothing,
            cursors=nothing,
            trail=nothing,
            clock=lambda: 0,
            random=lambda below: below,
        )
    )


def schema() -> dict[str, Any]:
    """The description: who must be signed in is said by what a route wants, not by roles."""
    found = described(undressed(), TITLE, DESCRIPTION)
    for path in found["paths"].values():
        for method, operation in path.items():
            wants = operation.pop("x-permission")
            needed: dict[str, list[str]] = (
                {"session": []}
                if method == "get"
                else {
                    "session": [],
                    "csrf": [],
                }
            )
            operation["security"] = [needed] if wants else []
    found["components"]["securitySchemes"] = SCHEMES
    return found


def document() -> str:
    """The portal API's description, as its file has it."""
    return written(schema())


if __name__ == "__main__":
    (Path(sys.argv[1]) if sys.argv[1:] else PATH).write_text(document(), encoding="utf-8")
