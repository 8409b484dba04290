"""From a key and a model name to the frozen list of accounts and prices, or one named refusal.

The order is fixed (ruling R1): effective group (domain/effective_group.py) → channel mapping →
model group and customer price → restriction → candidate accounts → one price snapshot per billing
name. Refusals happen here, before any money moves.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tollgate.domain.catalog import Account, Price
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import (
    KeyDisabled,
    KeyExpired,
    KeyRevoked,
    ModelNotAllowed,
    ModelNotFound,
    ModelPriceNotConfigured,
    NoHealthyAccount,
    UserDisabled,
)
from tollgate.domain.model_groups import Asking, Chosen, choose, named
from tollgate.domain.patterns import allows, translate
from tollgate.domain.question import Caller, Question
from tollgate.domain.rating import billing_model, cost_of, freeze, restricted, rule_of
from tollgate.domain.routing import (
    Binding,
    Wanted,
    bound_pools,
    chain,
    channel_mapped,
    pools_of,
)
from tollgate.domain.scheduling import Kind, Place, Pool, likely_cost, selected, wait_for


class Candidate(NamedTuple):
    """One account the call may go to: its wire name, and the rule it is charged by.

    `channel` led here and sells the model as `mapped`. `cost` is what the upstream takes from us,
    before the account's own factor. `price` is the official price of the billed model, which tells
    its limits; None when there is none. A tuple: many are made for a call, and it takes a fifth of
    the time.

    `group` is the group it is charged in. Whatever else orders accounts, all of a lower `tier` are
    tried before any of a higher one. One that is `only_after_too_long` is tried when an upstream
    has answered that the call is too long (domain/too_long.py), and then only such are.
    """

    account: Account
    channel: str
    mapped: str
    upstream_model: str
    chain: tuple[str, ...]
    snapshot: PriceSnapshot
    cost: PriceSnapshot
    price: Price | None
    group: str = ""
    tier: int = 0
    only_after_too_long: bool = False


def admit(caller: Caller, model: str, now_ms: int) -> None:
    """Refuse a caller or a model that the key's own facts exclude."""
    check(caller, now_ms)
    if not allows(caller.key.models, model):
        raise ModelNotAllowed(f"API key {caller.key.id} may not use model {model!r}", param="model")


def check(caller: Caller, now_ms: int) -> None:
    """Refuse who may do nothing here at all."""
    key = caller.key
    if caller.profile.status != "active":
        raise UserDisabled("this user is disabled; ask the operator to enable it")
    if key.status == "revoked":
        raise KeyRevoked(f"API key {key.id} has been revoked; use another key")
    if key.status != "active":
        raise KeyDisabled(f"API key {key.id} is disabled; use another key")
    if key.expires_at is not None and key.expires_at <= now_ms:
        raise KeyExpired(f"API key {key.id} has expired; create a new key")


def mapped_name(question: Question) -> str:
    """The name the effective group's own channel sells the model under."""
    return channel_mapped(question.group.channel, question.group.platform, question.call.model)


def model_group(question: Question, mapped: str) -> Chosen:
    """The model group of a call; its channels must be in `bound` before it is resolved.

    Raises:
        a refusal of domain/model_groups.py.
    """
    caller = question.caller
    name = named(question.everywhere, question.call.model, mapped)
    asking = Asking(
        question.everywhere, caller.profile, caller.key, name, question.now_ms, question.call.model
    )
    return choose(asking)


# --- accounts -------------------------------------------------------------------------------------


class Offer(NamedTuple):
    """What is the same for all accounts that are sent the same name: as in `Candidate`."""

    upstream_model: str
    chain: tuple[str, ...]
    snapshot: PriceSnapshot
    cost: PriceSnapshot
    price: Price | None


class Offers:
    """The prices of one call by the names on the way, each looked up once.

    `sold` tells whether any account is sent something that the channel sells.
    """

    def __init__(self, question: Question, chosen: Chosen, mapped: str) -> None:
        self.sold = False
        self._question = question
        self._chosen = chosen
        self._mapped = mapped
        self._offers: dict[tuple[str, str], Offer | None] = {}
        self._priced: dict[tuple[str, str], Offer] = {}
        self._snapshots: dict[str, PriceSnapshot | None] = {}

    def rank(self, mapped: str, kind: Kind) -> int | None:
        """What accounts of a kind likely take for the call, where that matters to the order.

        None when what they are sent is not sold or nothing prices it.
        """
        offer = self._of(mapped, kind.wire)
        if offer is None:
            return None
        if self._question.group.strategy != "cheapest":
            return 0
        return likely_cost(self._question.call, offer.cost, kind.factor)

    def candidates(self, pools: Sequence[Pool], places: Iterable[Place]) -> Iterator[Candidate]:
        """The accounts that were selected, each with the price of what it is sent."""
        group = self._question.group.id
        for tier, account in places:
            mapped, mapping = pools[tier].mapped, account.model_mapping
            wire = translate(mapping, mapped) if mapping else mapped
            offer = self._priced[mapped, wire]
            yield Candidate(account, pools[tier].channel, mapped, *offer, group, tier)

    def _of(self, mapped: str, wire: str) -> Offer | None:
        names = mapped, wire
        if names not in self._offers:
            offer = self._offers[names] = self._offer(mapped, wire)
            if offer is not None:
                self._priced[names] = offer
        return self._offers[names]

    def _offer(self, mapped: str, wire: str) -> Offer | None:
        """The price of what is sold under one name and sent under another."""
        question, requested = self._question, self._question.call.model
        name = billing_model(question.group, requested, self._mapped, wire)
        if restricted(question, self._chosen, name):
            return None
        self.sold = True
        snapshot = self._snapshot(name)
        if snapshot is None:
            return None
        steps, price = chain(requested, mapped, wire), question.official(name)
        return Offer(wire, steps, snapshot, cost_of(question, wire, snapshot), price)

    def _snapshot(self, name: str) -> PriceSnapshot | None:
        if name not in self._snapshots:
            rule = rule_of(self._question, self._chosen, name)
            self._snapshots[name] = (
                None if rule is None else freeze(self._question, self._chosen, name, rule)
            )
        return self._snapshots[name]


def offering(question: Question, chosen: Chosen, mapped: str) -> tuple[Pool, ...]:
    """The accounts that offer the model: of the bound channels where there are any (R3).

    Raises:
        NoHealthyAccount: the model group is bound to channels, and none can serve now.
        ModelNotFound: the group offers no such model.
    """
    call, group, bound = question.call, question.group, question.bound
    wanted = Wanted(call.model, group.platform, question.platforms, question.session)
    if chosen.channels:
        bindings = [Binding(each, bound[each.channel]) for each in chosen.channels
                    if each.channel in bound]  # fmt: skip
        pools = bound_pools(bindings, wanted)
        if not pools:
            raise NoHealthyAccount(
                f"no channel of pricing group {chosen.code!r} can serve {call.model!r} now",
                retry_after=5,
            )
        return pools
    pools = pools_of(group, wanted, mapped)
    if not pools:
        raise ModelNotFound(
            f"model {call.model!r} is not offered in group {group.name!r}; "
            "GET /v1/models lists what this key can use",
            param="model",
        )
    return pools


def ranked(
    question: Question, offers: Offers, pools: tuple[Pool, ...]
) -> list[tuple[int | None, ...]]:
    """The ranks of each pool's kinds; what nothing sells is refused, whoever rests.

    Raises:
        ModelNotAllowed: the channel sells none of the names accounts would be billed by.
        ModelPriceNotConfigured: nothing prices any of them.
    """
    model = question.call.model
    ranks = [tuple([offers.rank(pool.mapped, kind) for kind in pool.kinds]) for pool in pools]
    if not offers.sold:
        raise ModelNotAllowed(
            f"model {model!r} is not sold to this key; GET /v1/models lists what it can use",
            param="model",
        )
    if all(rank is None for kinds in ranks for rank in kinds):
        raise ModelPriceNotConfigured(
            f"model {model!r} has no price yet; ask the operator to set one", param="model"
        )
    return ranks


def priced(question: Question, chosen: Chosen, mapped: str) -> tuple[Candidate, ...]:
    """The accounts to try that something prices, each with its rule.

    Raises:
        NoHealthyAccount: all of them rest, or as `offering` says.
        ModelNotFound, ModelNotAllowed, ModelPriceNotConfigured: there are none.
    """
    pools = offering(question, chosen, mapped)
    offers = Offers(question, chosen, mapped)
    ranks, asked = ranked(question, offers, pools), question.asked
    places = selected(pools, ranks, asked)
    if not places:
        wait = wait_for(pools, asked)
        raise NoHealthyAccount(
            f"every upstream account that serves {question.call.model!r} rests now; "
            f"try again in {wait} s",
            retry_after=wait,
        )
    return tuple(offers.candidates(pools, places))


def after_too_long(
    found: tuple[Candidate, ...], others: tuple[Candidate, ...]
) -> tuple[Candidate, ...]:
    """Candidates of another group, for when an upstream answered that the call is too long.

    Where the same name would be sent to the same account, the answer would be the same. A call
    that a subscription pays must not come here: its windows are one group's.
    """
    asked = {(each.account.id, each.upstream_model) for each in found}
    return tuple(
        each._replace(only_after_too_long=True)
        for each in others
        if (each.account.id, each.upstream_model) not in asked
    )


def resolve(question: Question) -> tuple[Candidate, ...]:
    """The accounts to try, each with its price, for a caller who was admitted to the group.

    Raises:
        a refusal of domain/errors.py, naming what to change.
    """
    mapped = mapped_name(question)
    chosen = model_group(question, mapped)
    return priced(question, chosen, mapped)
