"""Which group a call goes through: fallbacks of groups for Claude Code, and where they end."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tollgate.domain.catalog import GroupPart, Key, Profile
from tollgate.domain.effective_group import effective_group, permit, takes_over
from tollgate.domain.errors import ClaudeCodeOnly, GroupNotPermitted
from tollgate.domain.question import Caller

OPEN = GroupPart("grp_a", 1, "a001", "a", "anthropic", "active", Decimal(1))
CLOSED = replace(OPEN, claude_code_only=True)
KEY = Key("key_1", "k001", "hash", 1, "grp_a")
PROFILE = Profile("usr_1", 1, "active", {"hash": KEY})
CALLER = Caller(PROFILE, KEY)


def called(letter: str, **fields: object) -> GroupPart:
    """A group of that letter: for Claude Code only where it names a fallback."""
    closed = "fallback_group" in fields
    group = replace(OPEN, id=f"grp_{letter}", name=letter, claude_code_only=closed)
    return replace(group, **fields)  # type: ignore[arg-type]


def found(*groups: GroupPart, claude_code: bool = False, caller: Caller = CALLER) -> str:
    known = {group.id: group for group in groups}
    return effective_group(caller, known.get, claude_code=claude_code).id


A_TO_B = called("a", fallback_group="grp_b")
B_TO_A = called("b", fallback_group="grp_a")
B_TO_C = called("b", fallback_group="grp_c")


@pytest.mark.parametrize(
    ("groups", "claude_code", "group"),
    [
        pytest.param([OPEN], False, "grp_a", id="open to every client"),
        pytest.param([OPEN], True, "grp_a", id="open to Claude Code as well"),
        pytest.param([CLOSED], True, "grp_a", id="Claude Code in a group of its own"),
        pytest.param([A_TO_B, called("b")], True, "grp_a", id="Claude Code needs no fallback"),
        pytest.param([A_TO_B, called("b")], False, "grp_b", id="another client falls back"),
        pytest.param(
            [A_TO_B, B_TO_C, called("c")], False, "grp_c", id="and on, while it is for Claude Code"
        ),
        pytest.param(
            [replace(OPEN, fallback_group="grp_b"), called("b")],
            False,
            "grp_a",
            id="a fallback of an open group is not looked at",
        ),
        pytest.param([A_TO_B, B_TO_A], True, "grp_a", id="a circle does not concern Claude Code"),
    ],
)
def test_the_group_of_a_call(groups: list[GroupPart], claude_code: bool, group: str) -> None:
    assert found(*groups, claude_code=claude_code) == group


@pytest.mark.parametrize(
    ("groups", "refusal", "says"),
    [
        pytest.param(
            [CLOSED], ClaudeCodeOnly, "group 'a' is for Claude Code only", id="no fallback"
        ),
        pytest.param([A_TO_B, B_TO_A], ClaudeCodeOnly, "lead round in a circle", id="a circle"),
        pytest.param(
            [called("a", fallback_group="grp_a")],
            ClaudeCodeOnly,
            "lead round in a circle",
            id="back to itself",
        ),
        pytest.param(
            [A_TO_B, called("b", claude_code_only=True)],
            ClaudeCodeOnly,
            "group 'b' is for Claude Code only",
            id="the fallback is for Claude Code, too",
        ),
        pytest.param(
            [A_TO_B], GroupNotPermitted, "the group it falls back to is not there", id="gone"
        ),
        pytest.param([], GroupNotPermitted, "the group of this key is not there", id="no group"),
        pytest.param(
            [A_TO_B, called("b", status="disabled")],
            GroupNotPermitted,
            "group 'b' is switched off",
            id="the fallback is switched off",
        ),
        pytest.param(
            [replace(A_TO_B, status="disabled"), called("b")],
            GroupNotPermitted,
            "group 'a' is switched off",
            id="what is switched off leads nowhere",
        ),
        pytest.param(
            [A_TO_B, called("b", exclusive=True)],
            GroupNotPermitted,
            "group 'b' is not open to this user",
            id="the fallback is not open to the user",
        ),
        pytest.param(
            [replace(A_TO_B, exclusive=True), called("b")],
            GroupNotPermitted,
            "group 'a' is not open to this user",
            id="the key's own group is not open to the user",
        ),
    ],
)
def test_where_no_group_takes_the_call(
    groups: list[GroupPart], refusal: type[GroupNotPermitted], says: str
) -> None:
    with pytest.raises(refusal) as caught:
        found(*groups)
    assert type(caught.value) is refusal
    assert says in caught.value.message
    assert caught.value.status == 403


def test_a_fallback_that_is_granted_takes_the_call() -> None:
    caller = replace(CALLER, profile=replace(PROFILE, groups=("grp_b",)))
    assert found(A_TO_B, called("b", exclusive=True), caller=caller) == "grp_b"


def test_a_long_chain_of_fallbacks_ends() -> None:
    chain = [called(f"{n}", fallback_group=f"grp_{n + 1}") for n in range(200)]
    start = replace(CALLER, key=replace(KEY, group="grp_0"))
    assert found(*chain, called("200"), caller=start) == "grp_200"


def test_an_exclusive_group_is_open_to_whom_it_is_granted() -> None:
    granted = replace(CALLER, profile=replace(PROFILE, groups=("grp_a",)))
    permit(granted, replace(OPEN, exclusive=True))
    with pytest.raises(GroupNotPermitted):
        permit(CALLER, replace(OPEN, exclusive=True))


@pytest.mark.parametrize(
    ("group", "claude_code", "refusal"),
    [
        pytest.param(OPEN, False, None, id="open"),
        pytest.param(CLOSED, True, None, id="for Claude Code, which calls"),
        pytest.param(CLOSED, False, ClaudeCodeOnly, id="for Claude Code, another client calls"),
        pytest.param(replace(OPEN, status="disabled"), True, GroupNotPermitted, id="switched off"),
        pytest.param(
            replace(OPEN, exclusive=True), True, GroupNotPermitted, id="not open to the user"
        ),
    ],
)
def test_which_group_takes_over_what_is_too_long(
    group: GroupPart, claude_code: bool, refusal: type[GroupNotPermitted] | None
) -> None:
    if refusal is None:
        takes_over(CALLER, group, claude_code=claude_code)
        return
    with pytest.raises(refusal) as caught:
        takes_over(CALLER, group, claude_code=claude_code)
    assert type(caught.value) is refusal
