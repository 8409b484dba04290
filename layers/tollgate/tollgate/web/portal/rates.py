"""One's own multipliers over HTTP: in which groups they differ from the groups' own."""

from collections.abc import Iterator

from tollgate.services.own_keys import may_name
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import Entries
from tollgate.web.management.multipliers import UserMultiplier
from tollgate.web.portal.desk import ROOT, Desk


class RateResource:
    """/groups/rates"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (Endpoint("GET", f"{ROOT}/groups/rates", "groups.own", self.list),)

    def list(self) -> Entries[UserMultiplier]:
        """List one's own multipliers in groups that a key may name."""
        return Entries(entries=[*self._rates()])

    def _rates(self) -> Iterator[UserMultiplier]:
        catalog, user = self._desk.stores.catalog, self._desk.user
        owner, own = catalog.users.get(user), catalog.multipliers.of_user(user)
        for name in sorted(own.rows):
            group = own.groups[name]
            if may_name(owner, group):
                yield UserMultiplier.of(group, own.rows[name])
