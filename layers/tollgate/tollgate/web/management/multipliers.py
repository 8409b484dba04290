"""How a user's own multiplier in a group is told, to staff and to the user alike."""

from typing import Self

from pydantic import BaseModel

from tollgate.domain.definitions import GroupDefinition
from tollgate.web.management.fields import Decimals


class UserMultiplier(BaseModel):
    """A group in which the user has a multiplier of their own, in place of the group's."""

    group_id: str
    name: str
    group_multiplier: Decimals
    multiplier: Decimals

    @classmethod
    def of(cls, group: GroupDefinition, multiplier: str) -> Self:
        """The view of a user's multiplier in a group."""
        return cls(
            group_id=group.id,
            name=group.name,
            group_multiplier=format(group.multiplier, "f"),
            multiplier=multiplier,
        )
