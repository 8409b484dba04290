"""The decision table of onehub.md §11.4, row by row, and the names it is asked about."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tollgate.domain import errors
from tollgate.domain.call import Call
from tollgate.domain.catalog import (
    CustomerPrice,
    GlobalPart,
    GroupPart,
    Key,
    ModelGroup,
    ModelGroupChannel,
    Price,
    Profile,
)
from tollgate.domain.compilation import (
    Everywhere,
    compile_global,
    compile_permissions,
    compile_prices,
)
from tollgate.domain.definitions import CustomerPriceDefinition, Permission, PriceDefinition
from tollgate.domain.model_groups import Asking, Chosen, choose, named
from tollgate.domain.question import Caller, Question
from tollgate.store.snapshot_parts import read_global, write_global

NO_GROUP = GroupPart("grp_1", 1, "g001", "main", "openai", "active", Decimal(1))
NOW = 1_000
KEY = Key("key_1", "k001", "hash", 1, "grp_1")
VIP = replace(KEY, pricing_group="vip")
ELSE = replace(KEY, pricing_group="vip", pricing_group_fallback="default")
ON = CustomerPrice("m", "vip", 3, prices={"input": "1"})
OFF = replace(ON, enabled=False)
PAST = replace(ON, effective_to=NOW)
LATER = replace(ON, effective_from=NOW + 1)
MINE = CustomerPrice("m", "default", 5, prices={"input": "2"})


def asking(
    key: Key = KEY,
    *,
    default: str = "default",
    group: ModelGroup | None = None,
    permitted: bool = False,
    price: CustomerPrice | None = None,
) -> Asking:
    """A call for model m, its groups, and what the user has in the group the price names."""
    groups = {} if group is None else {"m": {key.pricing_group or default: group}}
    everywhere = GlobalPart(1, {}, {"m": default} if default else {}, {}, groups)
    profile = Profile(
        "usr_1",
        1,
        "active",
        {},
        prices={} if price is None else {"m": {price.code: (price,)}},
        permissions={"m": frozenset({"vip"})} if permitted else {},
    )
    return Asking(everywhere, profile, key, "m", NOW)


GROUP = ModelGroup("tokens")
SWITCHED_OFF = ModelGroup("tokens", enabled=False)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(asking(default=""), Chosen(""), id="rows 2 and 3: no groups at all"),
        pytest.param(
            asking(replace(KEY, pricing_group="default"), default=""),
            Chosen(""),
            id="row 4: 'default' of a model without groups",
        ),
        pytest.param(asking(price=MINE), Chosen("default", MINE), id="row 6: own price"),
        pytest.param(asking(), Chosen("default"), id="row 7: none, the official one"),
        pytest.param(
            asking(price=replace(MINE, enabled=False)), Chosen("default"), id="row 8: own off"
        ),
        pytest.param(
            asking(price=replace(MINE, effective_to=NOW)),
            Chosen("default"),
            id="row 8: own over",
        ),
        pytest.param(
            asking(ELSE),
            Chosen("default", fallback=True),
            id="row 11: falls back to the default",
        ),
        pytest.param(
            asking(ELSE, price=MINE),
            Chosen("default", MINE, fallback=True),
            id="row 11: falls back to the own price in the default",
        ),
        pytest.param(
            asking(replace(KEY, pricing_group="default")),
            Chosen("default"),
            id="row 13: the default by its name",
        ),
        pytest.param(
            asking(VIP, default="vip", price=ON),
            Chosen("vip", ON),
            id="row 13: the default needs no permission",
        ),
        pytest.param(
            asking(VIP, group=GROUP, permitted=True, price=ON),
            Chosen("vip", ON),
            id="row 20: permission and price",
        ),
        pytest.param(
            asking(ELSE, group=GROUP, permitted=True, price=ON),
            Chosen("vip", ON),
            id="row 20: a key that may fall back need not",
        ),
        pytest.param(
            asking(group=ModelGroup("tokens", channels=(ModelGroupChannel("chn_1", 2, 3),))),
            Chosen("default", channels=(ModelGroupChannel("chn_1", 2, 3),)),
            id="the default's channels",
        ),
    ],
)
def test_rows_that_end_in_a_price(asked: Asking, expected: Chosen) -> None:
    assert choose(asked) == expected


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        pytest.param(asking(group=SWITCHED_OFF), errors.ModelGroupDisabled, id="row 5"),
        pytest.param(asking(VIP), errors.ModelGroupNotFound, id="row 10"),
        pytest.param(
            asking(VIP, default=""), errors.ModelGroupNotFound, id="row 10: a model without groups"
        ),
        pytest.param(
            asking(ELSE, group=SWITCHED_OFF),
            errors.ModelGroupDisabled,
            id="row 11: only a missing group falls back, never a refused one",
        ),
        pytest.param(
            asking(VIP, group=SWITCHED_OFF, permitted=True, price=ON),
            errors.ModelGroupDisabled,
            id="row 12",
        ),
        pytest.param(asking(VIP, group=GROUP), errors.ModelGroupNotPermitted, id="rows 14 and 17"),
        pytest.param(
            asking(VIP, group=GROUP, price=ON), errors.ModelGroupNotPermitted, id="row 15"
        ),
        pytest.param(
            asking(VIP, group=GROUP, price=OFF), errors.ModelGroupNotPermitted, id="row 16"
        ),
        pytest.param(
            asking(ELSE, group=GROUP), errors.ModelGroupNotPermitted, id="row 14: no falling back"
        ),
        pytest.param(
            asking(VIP, group=GROUP, permitted=True),
            errors.ModelGroupPriceNotConfigured,
            id="row 18",
        ),
        pytest.param(
            asking(VIP, group=GROUP, permitted=True, price=OFF),
            errors.ModelGroupPriceNotConfigured,
            id="row 19: off",
        ),
        pytest.param(
            asking(VIP, group=GROUP, permitted=True, price=PAST),
            errors.ModelGroupPriceNotConfigured,
            id="row 19: over",
        ),
        pytest.param(
            asking(VIP, group=GROUP, permitted=True, price=LATER),
            errors.ModelGroupPriceNotConfigured,
            id="row 19: not begun",
        ),
    ],
)
def test_rows_that_end_in_a_refusal(asked: Asking, refusal: type[errors.TollgateError]) -> None:
    with pytest.raises(refusal) as caught:
        choose(asked)
    assert type(caught.value) is refusal
    assert caught.value.param == "model"
    assert caught.value.detail == {"group": asked.key.pricing_group or "default"}


def test_what_a_snapshot_notes_of_the_choice() -> None:
    assert Chosen("").flags == ("no_model_group",)
    assert Chosen("default", fallback=True).flags == ("fallback",)
    assert Chosen("", fallback=True).flags == ("no_model_group", "fallback")
    assert Chosen("vip").flags == ()


@pytest.mark.parametrize(
    ("requested", "mapped", "expected"),
    [
        pytest.param("alias", "m", "m", id="an alias uses those of what it maps to"),
        pytest.param("own", "m", "own", id="unless it has its own"),
        pytest.param("m", "own", "m", id="a model's own, whatever it maps to"),
        pytest.param("alias", "nothing", "alias", id="neither has any"),
        pytest.param("m", "m", "m", id="not mapped"),
    ],
)
def test_whose_groups_a_name_uses(requested: str, mapped: str, expected: str) -> None:
    everywhere = GlobalPart(1, {}, {"m": "default"}, {}, {"own": {"vip": GROUP}})
    assert named(everywhere, requested, mapped) == expected


def test_lookups_take_the_exact_model_then_the_longest_prefix_one_record_each() -> None:
    everywhere = GlobalPart(
        1, {}, {"gpt-4o": "default"}, {}, {"gpt-*": {"vip": GROUP}, "*": {"vip": SWITCHED_OFF}}
    )
    near = CustomerPrice("gpt-4*", "vip", 2, prices={"input": "2"})
    far = CustomerPrice("*", "vip", 1, prices={"input": "1"})
    profile = Profile(
        "usr_1", 1, "active", {},
        prices={"*": {"vip": (far,)}, "gpt-4*": {"vip": (near,)}, "gpt-4o": {"other": (far,)}},
        permissions={"gpt-4o": frozenset({"other"}), "gpt-*": frozenset({"vip"})},
    )  # fmt: skip
    assert choose(Asking(everywhere, profile, VIP, "GPT-4o", NOW)) == Chosen("vip", near)


EXACT_OFF = {"gpt-*": frozenset({"vip"}), "gpt-4o": frozenset({"!vip"})}


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        pytest.param("gpt-4o", errors.ModelGroupNotPermitted, id="the exact record is off"),
        pytest.param("gpt-5", None, id="the prefix holds for every other name"),
    ],
)
def test_a_permission_that_is_off_goes_before_a_wider_one(
    name: str, refusal: type[errors.TollgateError] | None
) -> None:
    """One record is chosen, the most exact, and one that is off refuses (C12, row 17)."""
    everywhere = GlobalPart(1, {}, {}, {}, {"gpt-*": {"vip": GROUP}})
    wide = replace(ON, model="gpt-*")
    profile = Profile(
        "usr_1", 1, "active", {}, prices={"gpt-*": {"vip": (wide,)}}, permissions=EXACT_OFF
    )
    asked = Asking(everywhere, profile, VIP, name, NOW)
    if refusal is None:
        assert choose(asked).price == wide
        return
    with pytest.raises(refusal):
        choose(asked)


def test_a_price_that_is_off_goes_before_a_wider_one() -> None:
    everywhere = GlobalPart(1, {}, {"gpt-*": "default"}, {}, {})
    wide = replace(MINE, model="gpt-*")
    live: tuple[tuple[str, tuple[CustomerPrice, ...]], ...] = (("gpt-*", (wide,)), ("gpt-4o", ()))
    rows = {pattern: {"default": versions} for pattern, versions in live}
    profile = Profile("usr_1", 1, "active", {}, prices=rows)
    assert choose(Asking(everywhere, profile, KEY, "gpt-4o", NOW)) == Chosen("default")
    assert choose(Asking(everywhere, profile, KEY, "gpt-5", NOW)) == Chosen("default", wide)


def test_what_is_off_is_published_only_where_a_wider_record_would_be_found_in_its_place() -> None:
    granted = [
        Permission("usr_1", "GPT-4o", "vip", enabled=False),
        Permission("usr_1", "gpt-*", "vip"),
        Permission("usr_1", "gpt-4o", "pro", enabled=False),
    ]
    assert compile_permissions(granted) == EXACT_OFF
    off = replace(MINE, model="gpt-4o", enabled=False)
    wide = replace(MINE, model="gpt-*")
    heads = [
        CustomerPriceDefinition("usr_1", "gpt-4o", "default", 1, (off,)),
        CustomerPriceDefinition("usr_1", "gpt-*", "default", 1, (wide,)),
        CustomerPriceDefinition("usr_1", "gpt-5", "default", 1, (), "withdrawn"),
        CustomerPriceDefinition("usr_1", "claude-*", "default", 1, (off,)),
    ]
    assert compile_prices(heads) == {"gpt-*": {"default": (wide,)}, "gpt-4o": {"default": ()}}


def test_a_withdrawn_official_price_is_not_replaced_by_a_wildcards() -> None:
    live = (Price("gpt-*", 1, prices={"input": "1"}),)
    heads = (
        PriceDefinition("gpt-4o", 3, (), status="withdrawn"),
        PriceDefinition("gpt-*", 1, live),
        PriceDefinition("claude", 1, (), status="withdrawn"),
    )
    found = compile_global(1, Everywhere(heads, (), ()))
    assert found.prices == {"gpt-*": live, "gpt-4o": ()}
    asked = Question(
        Caller(Profile("usr_1", 1, "active", {}), KEY), Call("generate", "gpt-4o", b""),
        ("openai",), read_global(1, write_global(found)), NO_GROUP, NOW,
    )  # fmt: skip
    assert asked.official("gpt-4o") is None
    assert asked.official("gpt-5") == live[0]
