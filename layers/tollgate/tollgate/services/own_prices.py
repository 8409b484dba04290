"""What a user pays for every model through one of their groups, as relays know it by now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from tollgate.domain.call import Call
from tollgate.domain.catalog import GlobalPart, GroupPart, Key, Profile
from tollgate.domain.explanation import Explanation, explain
from tollgate.domain.model_groups import permitted
from tollgate.domain.multipliers import place
from tollgate.domain.patterns import find, matching
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import mapped_name
from tollgate.domain.routing import serves
from tollgate.store.snapshots import Snapshots

PLAIN_KEY: Final = Key("", "", "", 0, "")


@dataclass(frozen=True, slots=True)
class OwnPrices:
    """Explains prices from the published snapshot; `clock` is in epoch ms."""

    snapshots: Snapshots
    clock: Callable[[], int]

    def page(self, user: str, group: str, limit: int, after: str) -> tuple[list[Explanation], str]:
        """The prices of so many models that follow `after`, and the last of these ("": the end).

        A model has one price for each pricing group that the user may ask for; it is not listed
        where its group serves it not, or nothing prices it.
        """
        question = self._question(user, group)
        if question is None:
            return [], ""
        names = sorted(name for name in models(question) if name > after)
        asked = (asking(question, name) for name in names)
        # Most of a large list may be served by no account here: those fill no page.
        page = list(islice(filter(offered, asked), limit + 1))
        found = [each for one in page[:limit] for each in prices_of(one)]
        return found, page[limit - 1].call.model if len(page) > limit else ""

    def _question(self, user: str, group: str) -> Question | None:
        """Everything that prices depend on; None before any of it is published."""
        numbers = self.snapshots.heads().numbers
        profile = self.snapshots.profile(user)
        if profile is None or not numbers.everywhere or group not in numbers.groups:
            return None
        part = self.snapshots.group(group, numbers.groups[group])
        everywhere = self.snapshots.everywhere(numbers.everywhere)
        caller, call = Caller(profile, PLAIN_KEY), Call("generate", "", b"")
        own = self._multiplier(part, user)
        return Question(caller, call, (), everywhere, part, self.clock(), own)

    def _multiplier(self, group: GroupPart, user: str) -> str | None:
        if not group.slices:
            return None
        slice_ = place(user, group.slices)
        return self.snapshots.multipliers(group.id, group.version, slice_).get(user)


def models(question: Question) -> frozenset[str]:
    """Every name and pattern that something may price for the user."""
    everywhere, profile = question.everywhere, question.caller.profile
    return frozenset({*everywhere.prices, *profile.prices})


def asking(question: Question, name: str) -> Question:
    """The same of one model."""
    return replace(question, call=replace(question.call, model=name))


def prices_of(asked: Question) -> Iterator[Explanation]:
    """The user's prices of a model, in the default group and in those they may ask for."""
    caller = asked.caller
    for code in ("", *codes(asked.everywhere, caller.profile, asked.call.model)):
        key = replace(caller.key, pricing_group=code)
        found = explain(replace(asked, caller=replace(caller, key=key)))
        if found.rule is not None:
            yield found


def offered(question: Question) -> bool:
    """Whether some account of the group serves the model; of a pattern this is not known."""
    mapped = mapped_name(question)
    served = any(serves(account, mapped) for account in question.group.accounts)
    return served or question.call.model.endswith("*")


def codes(everywhere: GlobalPart, profile: Profile, name: str) -> list[str]:
    """The model groups of a model other than the default that the user may ask for."""
    granted = profile.permissions
    named = {
        code
        for pattern in matching(granted, name)
        for code in granted[pattern]
        if permitted(profile, name, code)
    }
    default = find(everywhere.default_groups, name)
    return sorted(named - ({default[1]} if default else set()))
