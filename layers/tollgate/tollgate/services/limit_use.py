"""Which limits a user has, by themselves, with their keys and in the groups these call through."""

from dataclasses import dataclass

from tollgate.domain.limit_use import LimitUse, uses
from tollgate.domain.scopes import Scope
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.wallet import Wallets


@dataclass(frozen=True, slots=True)
class LimitUses:
    """Looks up how the limits of a user stand."""

    catalog: CatalogTable
    wallets: Wallets

    def of(self, user: str, now: int) -> list[LimitUse]:
        """Every limit of a user at epoch second `now`: theirs, their keys', then by group.

        Raises:
            NotFound: there is no such user.
        """
        owner = self.catalog.users.get(user)
        keys = [key for key in self.catalog.keys(user).everything() if key.status == "active"]
        scopes = [(Scope("user", owner.limits), user)]
        scopes += [(Scope("key", key.limits, key.alias), key.id) for key in keys]
        for name in sorted({*owner.group_limits, *(key.group for key in keys)}):
            group = self.catalog.groups.find(name)
            if group is not None:
                own = owner.group_limits.get(name, group.limits)
                scopes.append((Scope("group", own, group.alias), name))
        shards = self.wallets.read(user).shards
        return [use for scope, name in scopes for use in uses(shards, scope, name, now)]
