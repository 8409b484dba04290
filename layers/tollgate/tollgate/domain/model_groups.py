"""Which model group prices a call: the decision table of onehub.md §11.4, or one named refusal.

The key's `pricing_group` asks for a group; nothing else does. A model's default group needs no
permission and may go without a customer's price; any other needs both.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from tollgate.domain.catalog import (
    CustomerPrice,
    GlobalPart,
    Key,
    ModelGroup,
    ModelGroupChannel,
    Profile,
)
from tollgate.domain.errors import (
    ModelGroupDisabled,
    ModelGroupNotFound,
    ModelGroupNotPermitted,
    ModelGroupPriceNotConfigured,
)
from tollgate.domain.patterns import find, matching
from tollgate.domain.versions import in_force

DEFAULT_CODE: Final = "default"
"""What the group is called that a model's first price makes."""

Row = TypeVar("Row")


class Chosen(NamedTuple):
    """The model group of a call, and the user's own price in it, if that is in force.

    `code` is "" where the model has no groups; `fallback` tells that the key asked for another.
    """

    code: str
    price: CustomerPrice | None = None
    channels: tuple[ModelGroupChannel, ...] = ()
    fallback: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """What is noted on the price snapshot."""
        return (*(() if self.code else ("no_model_group",)), *(("fallback",) * self.fallback))


class Asking(NamedTuple):
    """Who asks for which model: the name under which its groups are looked up (ruling R6).

    `requested` is what the caller calls it, where that is another: refusals name no other (R12).
    """

    everywhere: GlobalPart
    profile: Profile
    key: Key
    name: str
    now_ms: int
    requested: str = ""

    @property
    def called(self) -> str:
        """The model's name in refusals."""
        return self.requested or self.name


def at(rows: Mapping[str, Mapping[str, Row]], name: str, code: str) -> Row | None:
    """The row of a code under the best pattern that has one (ruling C12)."""
    return next((rows[p][code] for p in matching(rows, name) if code in rows[p]), None)


def named(everywhere: GlobalPart, requested: str, mapped: str) -> str:
    """The name whose groups count: an alias without any uses those of what it maps to (R6)."""
    if requested == mapped or has_groups(everywhere, requested):
        return requested
    return mapped if has_groups(everywhere, mapped) else requested


def has_groups(everywhere: GlobalPart, name: str) -> bool:
    """Whether any row speaks of the model's groups."""
    rows = (everywhere.default_groups, everywhere.model_groups)
    return any(find(row, name) is not None for row in rows)


def choose(asking: Asking) -> Chosen:
    """The model group of a call.

    Raises:
        ModelGroupNotFound: the key's group is not offered for this model.
        ModelGroupDisabled: it is switched off.
        ModelGroupNotPermitted: the user has no permission for it.
        ModelGroupPriceNotConfigured: permitted, and no price agreed that is in force.
    """
    asked = asking.key.pricing_group
    found = find(asking.everywhere.default_groups, asking.name)
    default = found[1] if found else ""
    plain = asked == DEFAULT_CODE and not has_groups(asking.everywhere, asking.name)
    if not asked or plain or asked == default:
        return of_default(asking, default)
    group = at(asking.everywhere.model_groups, asking.name, asked)
    if group is not None:
        return of_other(asking, asked, group)
    if asking.key.pricing_group_fallback == "default":
        return of_default(asking, default, fallback=True)
    raise ModelGroupNotFound(
        f"pricing group {asked!r} of this key is not offered for model {asking.called!r}; "
        "use a key of another pricing group",
        param="model",
        detail={"group": asked},
    )


def of_default(asking: Asking, code: str, *, fallback: bool = False) -> Chosen:
    """Rows 2 to 9 and 13: the default group, with the user's own price where there is one."""
    if not code:
        return Chosen("", fallback=fallback)
    group = at(asking.everywhere.model_groups, asking.name, code)
    if group is not None and not group.enabled:
        raise disabled(asking, code)
    price = own_price(asking, code)
    channels = group.channels if group else ()
    return Chosen(code, price, channels, fallback)


def of_other(asking: Asking, code: str, group: ModelGroup) -> Chosen:
    """Rows 12 and 14 to 20: a group that takes both a permission and a price."""
    if not group.enabled:
        raise disabled(asking, code)
    if not permitted(asking.profile, asking.name, code):
        raise ModelGroupNotPermitted(
            f"this user is not authorised for pricing group {code!r} of model {asking.called!r}; "
            "ask the operator",
            param="model",
            detail={"group": code},
        )
    price = own_price(asking, code)
    if price is None:
        raise ModelGroupPriceNotConfigured(
            f"no price is agreed for pricing group {code!r} of model {asking.called!r}; "
            "ask the operator",
            param="model",
            detail={"group": code},
        )
    return Chosen(code, price, group.channels)


def disabled(asking: Asking, code: str) -> ModelGroupDisabled:
    """The refusal of a group that is switched off."""
    return ModelGroupDisabled(
        f"pricing group {code!r} is switched off for model {asking.called!r}",
        param="model",
        detail={"group": code},
    )


def refused(code: str) -> str:
    """How a profile tells that a wildcard's permission for a model group does not hold here."""
    return f"!{code}"


def permitted(profile: Profile, name: str, code: str) -> bool:
    """Whether a user may ask for a model group that is not the default: the best record decides."""
    rows = profile.permissions
    said = (rows[pattern] & {code, refused(code)} for pattern in matching(rows, name))
    return code in next(filter(None, said), frozenset())


def own_price(asking: Asking, code: str) -> CustomerPrice | None:
    """The user's own price in a model group, if it is enabled and in force."""
    versions = at(asking.profile.prices, asking.name, code)
    price = None if versions is None else in_force(versions, asking.now_ms)
    return price if price is not None and price.enabled else None
