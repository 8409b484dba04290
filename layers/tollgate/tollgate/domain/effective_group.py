"""Which group a call goes through: its key's own, or the one that a closed group falls back to.

It is found before anything else is looked at, and mapping, restriction, price, multiplier and
accounts are this group's; the key's own is only recorded beside it.
"""

from collections.abc import Callable

from tollgate.domain.catalog import GroupPart
from tollgate.domain.errors import ClaudeCodeOnly, GroupNotPermitted
from tollgate.domain.question import Caller

GroupOf = Callable[[str], GroupPart | None]
"""A group by its id; None when there is none."""


def effective_group(caller: Caller, group_of: GroupOf, *, claude_code: bool) -> GroupPart:
    """The group of a call; `claude_code` tells whether Claude Code makes it.

    Every group on the way must be open to the caller: a fallback opens no door that is shut, and
    one that is switched off is passed over by nobody.

    Raises:
        ClaudeCodeOnly: the group is for Claude Code only, and leads nowhere else.
        GroupNotPermitted: a group on the way is not there, switched off or not open to the user.
    """
    passed: list[str] = []
    wanted = caller.key.group
    while True:
        group = group_of(wanted)
        if group is None:
            raise not_there(passed)
        permit(caller, group)
        if claude_code or not group.claude_code_only:
            return group
        passed.append(group.id)
        if not group.fallback_group:
            raise ClaudeCodeOnly(
                f"group {group.name!r} is for Claude Code only; use a key of another group"
            )
        if group.fallback_group in passed:
            raise ClaudeCodeOnly(
                f"group {group.name!r} is for Claude Code only, and the groups it falls back to "
                "lead round in a circle; use a key of another group, or ask the operator"
            )
        wanted = group.fallback_group


def takes_over(caller: Caller, group: GroupPart, *, claude_code: bool) -> None:
    """Refuse a group as the one that takes over what an upstream found too long.

    Raises:
        GroupNotPermitted: the caller could not call through it, either.
    """
    permit(caller, group)
    if group.claude_code_only and not claude_code:
        raise ClaudeCodeOnly(f"group {group.name!r} is for Claude Code only")


def not_there(passed: list[str]) -> GroupNotPermitted:
    """The refusal where a group is gone: the key's own, or one that another falls back to."""
    if not passed:
        return GroupNotPermitted("the group of this key is not there any more; use another key")
    return GroupNotPermitted(
        "this key's group is for Claude Code only, and the group it falls back to is not there "
        "any more; use a key of another group"
    )


def permit(caller: Caller, group: GroupPart) -> None:
    """Refuse a group that is switched off, or exclusive and not granted to the user."""
    if group.status != "active":
        raise GroupNotPermitted(f"group {group.name!r} is switched off; use a key of another group")
    if group.exclusive and group.id not in caller.profile.groups:
        raise GroupNotPermitted(f"group {group.name!r} is not open to this user")
