"""The second address of all about customers' prices, /api/customer_pricing (onehub.md C10)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from tollgate.web.admin.desk import ROOT
from tollgate.web.management.endpoints import Endpoint

ALIAS_ROOT: Final = "/api/customer_pricing"


def with_aliases(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Each route under its own address and under its second one."""
    canonical = tuple(endpoints)
    aliases = (replace(each, path=ALIAS_ROOT + each.path.removeprefix(ROOT)) for each in canonical)
    return (*canonical, *aliases)
