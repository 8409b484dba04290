"""From a caller and a call to the accounts it may go to: what resolution looks at is found here.

The same for every call, whether it is made, counted, quoted or only listed: group, channels,
multiplier and prices come from the relay's copy of the catalog.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tollgate.dialects import Dialect
from tollgate.domain.call import Call
from tollgate.domain.catalog import UNLIMITED, GroupPart
from tollgate.domain.effective_group import effective_group, takes_over
from tollgate.domain.errors import GroupNotPermitted, TollgateError
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import (
    Candidate,
    admit,
    after_too_long,
    mapped_name,
    model_group,
    resolve,
)
from tollgate.domain.scheduling import NOTHING_KNOWN, Standing
from tollgate.services.catalog import Catalog


class Questions:
    """Asks of the catalog what a caller's calls lead to.

    `standing` tells what is known of the accounts at that moment.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: Callable[[], int],
        standing: Callable[[], Standing] = lambda: NOTHING_KNOWN,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._standing = standing

    def resolve(
        self, caller: Caller, call: Call, dialect: Dialect
    ) -> tuple[GroupPart, tuple[Candidate, ...]]:
        """The effective group and the candidates of a call, all of them priced.

        Raises:
            a refusal of domain/errors.py, naming what to change.
        """
        admit(caller, call.model, self._clock())
        question = self.question(caller, call, dialect.platforms)
        found = resolve(question)
        if not question.group.invalid_request_group:
            return question.group, found
        return question.group, found + after_too_long(found, self._taking_over(question))

    def settings(self) -> Mapping[str, str | int | bool]:
        """What staff have set for all accounts.

        Raises:
            CatalogUnavailable: it was never read, and cannot be now.
        """
        return self._catalog.global_part().settings

    def group(self, caller: Caller, call: Call) -> GroupPart:
        """The effective group of a call.

        Raises:
            GroupNotPermitted, CatalogUnavailable: there is none, or it cannot be read.
        """
        return effective_group(caller, self._group, claude_code=call.claude_code)

    def question(self, caller: Caller, call: Call, platforms: tuple[str, ...]) -> Question:
        """All that resolution looks at, with the channels that the call's model group names.

        Raises:
            as `group`.
        """
        group = self.group(caller, call)
        own = self._catalog.multiplier(group, caller.profile.user)
        everywhere = self._catalog.global_part()
        now, standing = self._clock(), self._standing()
        return self.bound(
            Question(caller, call, platforms, everywhere, group, now, own, standing=standing)
        )

    def bound(self, question: Question) -> Question:
        """The question with the channels that its model group is bound to."""
        parts = {channel: self._catalog.channel(channel) for channel in bound_channels(question)}
        known = {channel: part for channel, part in parts.items() if part is not None}
        return replace(question, bound=known) if known else question

    def _group(self, group: str) -> GroupPart | None:
        try:
            return self._catalog.group(group)
        except GroupNotPermitted:
            return None

    def _taking_over(self, question: Question) -> tuple[Candidate, ...]:
        """The candidates of the group for calls that are too long; none where it cannot serve.

        Its own fallbacks do not count, and a model group that is bound to channels stays there. The
        hold counts in the call's own group only, so one that limits the user takes over nothing.
        """
        caller = question.caller
        try:
            group = self._catalog.group(question.group.invalid_request_group)
            takes_over(caller, group, claude_code=question.call.claude_code)
            if caller.profile.group_limits.get(group.id, group.limits) != UNLIMITED:
                return ()
            own = self._catalog.multiplier(group, caller.profile.user)
            return resolve(replace(question, group=group, multiplier=own, bound={}))
        except TollgateError:
            return ()


def bound_channels(question: Question) -> tuple[str, ...]:
    """The channels that must be in `bound`; none where resolution will refuse anyway."""
    if not question.everywhere.model_groups:
        return ()  # and the model group is looked for once, not twice
    try:
        chosen = model_group(question, mapped_name(question))
    except TollgateError:
        return ()
    return tuple(each.channel for each in chosen.channels if each.weight > 0)
