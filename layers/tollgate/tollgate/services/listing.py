"""What a key can use: the models that its group can route and that have a price."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from tollgate.dialects import Dialect
from tollgate.domain.call import Call
from tollgate.domain.catalog import PLATFORMS, GlobalPart, GroupPart, Profile
from tollgate.domain.errors import (
    CatalogUnavailable,
    ModelNotFound,
    StoreUnavailable,
    TollgateError,
)
from tollgate.domain.patterns import find, normal
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import admit, check, resolve
from tollgate.domain.routing import channel_mapped
from tollgate.domain.scheduling import NOTHING_KNOWN
from tollgate.services.admission import Admission, Presented
from tollgate.services.catalog import Catalog
from tollgate.services.receipts import Receipts
from tollgate.services.relay import FRESH_MS, Reply
from tollgate.store.dynamodb import StoreError


class Listing:
    """Answers the unmetered reads of the relay."""

    def __init__(
        self,
        admission: Admission,
        catalog: Catalog,
        receipts: Receipts,
        clock: Callable[[], int],
    ) -> None:
        self._admission = admission
        self._catalog = catalog
        self._receipts = receipts
        self._clock = clock

    def ready(self) -> None:
        """Raise CatalogUnavailable while the catalog cannot be read."""
        self._catalog.check()

    def models(
        self,
        dialect: Dialect,
        presented: Presented,
        model: str | None,
        *,
        claude_code: bool = False,
    ) -> Reply:
        """The list, or one entry of it, in the caller's dialect.

        Raises:
            ModelNotFound: the one asked for is not in the list.
            GroupNotPermitted: the key's group, or what it falls back to, is not open to it.
        """
        caller = self._caller(presented)
        created = self._clock() // 1_000
        no_call = Call("generate", "", b"", claude_code=claude_code)
        asked = self._admission.questions.question(caller, no_call, PLATFORMS)
        # What rests for a while is still offered.
        pool = without_twins(asked.group, asked.now_ms)
        asked = replace(asked, group=pool, standing=NOTHING_KNOWN)
        if model is None:
            sold = sorted(name for name in served(asked) if self._sells(asked, name))
            return json_reply(dialect.write_models(sold, created))
        if not self._sells(asked, model):
            raise ModelNotFound(f"model {model!r} is not offered to this key", param="model")
        return json_reply(dialect.write_model(model, created))

    def _sells(self, asked: Question, model: str) -> bool:
        """Whether a call of that model finds an account and a price: by the very rule of calls."""
        question = replace(asked, call=Call("generate", model, b""))
        try:
            admit(question.caller, model, question.now_ms)
            return bool(resolve(self._admission.questions.bound(question)))
        except CatalogUnavailable:
            raise
        except TollgateError:
            return False

    def receipt(self, presented: Presented, request_id: str) -> Reply:
        """The explanation of one call of the key's own user.

        Raises:
            NotFound: no such call, or somebody else's.
            StoreUnavailable: it cannot be read now.
        """
        caller = self._caller(presented)
        try:
            told = self._receipts.one(request_id, caller.profile.user)
        except StoreError as error:
            raise StoreUnavailable(
                "receipts cannot be read now; try again", retry_after=1
            ) from error
        return json_reply(json.dumps(told, ensure_ascii=False).encode())

    def _caller(self, presented: Presented) -> Caller:
        """Who asks, if they may: no hold will say that a key is not good any more."""
        caller = self._admission.authenticate(presented, FRESH_MS)
        check(caller, self._clock())
        return caller


def json_reply(body: bytes) -> Reply:
    """An answer that is complete."""
    return Reply(200, {"content-type": "application/json"}, body)


def without_twins(group: GroupPart, now_ms: int) -> GroupPart:
    """The group with one account of those that offer the same: it lists what all of them do."""
    alike = {
        (each.platform, each.mixed, each.models, tuple(each.model_mapping.items())): each
        for each in group.accounts
        if each.weight > 0 and (each.expires_at is None or each.expires_at > now_ms)
    }
    return replace(group, accounts=tuple(alike.values()))


def served(asked: Question) -> Iterable[str]:
    """The names that may be sold: all there are, where bindings or accounts leave that open."""
    every = names(asked.everywhere, asked.group, asked.caller.profile)
    accounts, rows = asked.group.accounts, asked.everywhere.model_groups.values()
    bound = any(group.channels for by_code in rows for group in by_code.values())
    if bound or any(not (each.models or each.model_mapping) for each in accounts):
        return every
    offered = {normal(name): True for a in accounts for name in (*a.models, *a.model_mapping)}
    channel, platform = asked.group.channel, asked.group.platform
    return (name for name in every if find(offered, channel_mapped(channel, platform, name)))


def names(everywhere: GlobalPart, group: GroupPart, profile: Profile) -> frozenset[str]:
    """Every name without a wildcard that any definition speaks of, sold or not."""
    mappings = group.channel.model_mapping.values() if group.channel else ()
    pricing = group.channel.pricing if group.channel else ()
    sources: list[Iterable[str]] = [
        *(everywhere.prices, everywhere.default_groups, everywhere.model_groups, profile.prices),
        *mappings,
        *(rows for version in pricing for rows in version.rows.values()),
        *(names for account in group.accounts for names in (account.models, account.model_mapping)),
    ]
    every = {normal(name): name for source in sources for name in source}
    return frozenset(name for name in every.values() if not name.endswith("*"))
