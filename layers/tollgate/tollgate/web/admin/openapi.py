"""Describes the admin API in OpenAPI from its routes: `python -m tollgate.web.admin.openapi`.

Writes docs/reference/openapi-admin.json; a test compares it with what would be written.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final, cast

from tollgate import __version__
from tollgate.services.account_checks import AccountChecks
from tollgate.services.credits import Credits
from tollgate.store.account_quotas import AccountQuotaTable
from tollgate.store.bucket import Bucket
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.dynamodb import Dynamo
from tollgate.store.jobs import JobStore
from tollgate.store.leases import Leases
from tollgate.store.pepper import Peppers
from tollgate.store.rollups import Rollups
from tollgate.store.secrets import Secrets
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.web.admin.api import endpoints
from tollgate.web.admin.desk import Desk, Stores
from tollgate.web.management.api import resolver
from tollgate.web.management.creation import Creations
from tollgate.web.management.cursors import Cursors
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.problems import CONTENT_TYPE
from tollgate.web.management.trail import Trail

PATH: Final = Path("docs/reference/openapi-admin.json")
TITLE: Final = "Tollgate admin API"
DESCRIPTION: Final = (
    "For staff. Send a management token as `Authorization: Bearer tga-…`. Money, prices and "
    "multipliers are decimal text, times epoch milliseconds. `ETag` is the version of what was "
    "read; `PUT`, `PATCH` and `DELETE` want it in `If-Match`. Refusals are RFC 9457 problems with "
    "a stable `code` (docs/reference/errors.md). `x-permission` says what a role needs."
)
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "param", "request_id", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "param": {"type": ["string", "null"]},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        "facts": {"type": "object"},
        "messages": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
FIELD_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["field", "message", "code"],
    "properties": {
        "field": {"type": "string"},
        "message": {"type": "string"},
        "code": {"type": "string"},
    },
}
REFUSAL: Final[dict[str, Any]] = {
    "description": "A refusal.",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
FILE: Final[dict[str, Any]] = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}}},
}
"""A body that is a file as it is: a list of prices."""

REPLACED: Final = frozenset({"HTTPValidationError", "ResponseValidationError", "ValidationError"})
"""Powertools' own form of a validation error, which nobody ever sees."""


class Unreachable:
    """Stores that are never asked: describing routes reads nothing."""

    def __getattr__(self, name: str) -> "Unreachable":
        return self


def undressed() -> tuple[Endpoint, ...]:
    """Every route, over stores that are not there."""
    nothing: Any = Unreachable()
    stores = Stores(
        catalog=cast(CatalogTable, nothing),
        wallets=Wallets(cast(Dynamo, nothing), "", lambda below: below, lambda: 0),
        usage=UsageRecords(cast(Dynamo, nothing), ""),
        rollups=Rollups(cast(Dynamo, nothing), ""),
        snapshots=Snapshots(cast(Dynamo, nothing), ""),
        peppers=cast(Peppers, nothing),
        secrets=cast(Secrets, nothing),
        jobs=JobStore(cast(Dynamo, nothing), ""),
        bucket=cast(Bucket, nothing),
        account_quotas=cast(AccountQuotaTable, nothing),
        leases=cast(Leases, nothing),
    )
    return endpoints(
        Desk(
            stores,
            cast(Creations, nothing),
            cast(Cursors, nothing),
            cast(Trail, nothing),
            clock=lambda: 0,
            random=lambda below: below,
            checks=cast(AccountChecks, nothing),
            balances=cast(Credits, nothing),
        )
    )


def described(routes: tuple[Endpoint, ...], title: str, description: str) -> dict[str, Any]:
    """An API's description: the resolver's, with our refusals in place of its own."""
    text = resolver(routes).get_openapi_json_schema(
        title=title, version=__version__, description=description, openapi_version="3.1.0"
    )
    schema: dict[str, Any] = json.loads(text)
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"].get("204", {}).pop("content", None)
            operation["responses"]["default"] = REFUSAL
            operation["security"] = [{"token": []}]
    for route in routes:
        if route.file:
            schema["paths"][route.path][route.method.lower()]["requestBody"] = FILE
    parts = schema.setdefault("components", {})
    kept = {n: s for n, s in parts.get("schemas", {}).items() if n not in REPLACED}
    parts["schemas"] = kept | {"Problem": PROBLEM, "FieldError": FIELD_ERROR}
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return schema


def written(schema: dict[str, Any]) -> str:
    """A description as its file has it."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def document() -> str:
    """The admin API's description, as its file has it."""
    return written(described(undressed(), TITLE, DESCRIPTION))


if __name__ == "__main__":
    (Path(sys.argv[1]) if sys.argv[1:] else PATH).write_text(document(), encoding="utf-8")
