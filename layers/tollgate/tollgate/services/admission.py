"""Everything that happens to a call before it is sent: who calls, what it may cost, the hold.

Refusals happen here, before any money moves, or in the hold itself. The order is fixed:
authenticate → group → resolve → estimate → hold (ruling R1).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tollgate.dialects import Dialect
from tollgate.domain.api_keys import user_of
from tollgate.domain.call import Call
from tollgate.domain.catalog import GroupPart, Key, Profile
from tollgate.domain.errors import (
    AddressNotAllowed,
    CatalogUnavailable,
    ConcurrencyLimited,
    EndpointNotAllowed,
    InvalidKey,
    InvalidRequest,
)
from tollgate.domain.estimate import (
    BYTES_PER_TOKEN_ESTIMATED,
    Demand,
    demand,
    hold_amount,
    input_bound,
)
from tollgate.domain.money import CHARGE_LIMIT, usd
from tollgate.domain.networks import admits
from tollgate.domain.patterns import allows
from tollgate.domain.question import Caller
from tollgate.domain.resolution import Candidate
from tollgate.domain.scheduling import NOTHING_KNOWN, Standing
from tollgate.domain.scopes import Scope, scopes_of
from tollgate.domain.sharding import reach
from tollgate.services.catalog import Catalog
from tollgate.services.guesses import Guesses
from tollgate.services.questions import Questions
from tollgate.store.dynamodb import StoreError
from tollgate.store.wallet import Hold, HoldRequest, StaleProfile, Wallets

CONCURRENCY_WAIT_MS: Final = 3_000
CONCURRENCY_STEP_MS: Final = 250

HashKey = Callable[[str], list[str]]
"""An API key's HMAC under each pepper generation in use, newest first."""


class Presented(NamedTuple):
    """What a request presents: its secret, and the address it came from by API Gateway's word.

    `endpoint` is its path as allow-lists name it; empty where none of them counts.
    """

    secret: str
    address: str
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that may be sent: the frozen candidates, and the hold that covers the dearest."""

    dialect: Dialect
    caller: Caller
    group: GroupPart
    call: Call
    candidates: tuple[Candidate, ...]
    demand: Demand
    hold: Hold

    def amount(self, visible: int) -> int:
        """Nanos that cover the call with so many visible output tokens, at any candidate."""
        return dearest_hold(self.candidates, self.demand, visible)


def differing(candidates: tuple[Candidate, ...]) -> list[Candidate]:
    """One candidate of each price: accounts that are sent the same name share its snapshot.

    With six accounts of one price, looking at each would take a tenth of the whole call's time.
    """
    return list({id(each.snapshot): each for each in candidates}.values())


def dearest_hold(candidates: tuple[Candidate, ...], demand: Demand, visible: int) -> int:
    """The most that any candidate would charge."""
    output = demand.hidden + visible
    return max(hold_amount(route.snapshot, demand, output) for route in differing(candidates))


def greatest(demands: list[Demand]) -> Demand:
    """What covers every one of the demands, for candidates priced by different model rows."""
    if len(demands) == 1:
        return demands[0]
    bounds = [one.bound for one in demands if one.bound is not None]
    bound = max(bounds) if len(bounds) == len(demands) else None
    hidden = max(one.hidden for one in demands)
    visible = max(one.visible for one in demands)
    if bound is not None:
        visible = min(visible, bound - hidden)
    images = max(one.images for one in demands)
    return replace(demands[0], hidden=hidden, visible=visible, bound=bound, images=images)


def demand_of(call: Call, candidates: tuple[Candidate, ...], *, strict: bool) -> Demand:
    """What the call may consume, whichever candidate answers.

    Raises:
        InvalidRequest, PricingMisconfigured: as domain/estimate.py says.
    """
    return greatest(
        [
            demand(call, route.snapshot, route.price, strict=strict)
            for route in differing(candidates)
        ]
    )


def refuse_beyond(amount: int) -> None:
    """Refuse what is too much for one call.

    Raises:
        InvalidRequest: it may cost more than CHARGE_LIMIT.
    """
    if amount > CHARGE_LIMIT:
        raise InvalidRequest(
            f"this call may cost {usd(amount)} USD; one call may cost {usd(CHARGE_LIMIT)} USD "
            "at most: ask for less output"
        )


def scopes(profile: Profile, key: Key, group: GroupPart) -> tuple[Scope, ...]:
    """Whose limits a call in this group counts against; a user's own in it replace the group's."""
    own = profile.group_limits.get(group.id, group.limits)
    return scopes_of(profile.limits, (key.alias, key.limits), (group.alias, own))


class Admission:
    """Turns a key and a call into a hold, or one named refusal.

    `questions` tells where a call may go, for those that place no hold, too.
    """

    def __init__(
        self,
        catalog: Catalog,
        wallets: Wallets,
        hash_key: HashKey,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
        standing: Callable[[], Standing] = lambda: NOTHING_KNOWN,
    ) -> None:
        self._catalog = catalog
        self._wallets = wallets
        self._hash_key = hash_key
        self._sleep = sleep
        self._guesses = Guesses(clock)
        self.questions = Questions(catalog, clock, standing)

    def authenticate(self, presented: Presented, max_age_ms: int | None = None) -> Caller:
        """Who calls, from where they may; without a hold to come, say how old a profile may be.

        Raises:
            InvalidKey, CatalogUnavailable: as `identify`.
            TooManyAttempts: too many unknown keys came from this address.
            AddressNotAllowed: the key has lists of networks, and this address may not use it.
            EndpointNotAllowed: the key has a list of endpoints, and this is none of them.
        """
        secret, address, endpoint = presented.secret, presented.address, presented.endpoint
        self._guesses.check(address, secret)
        try:
            caller = self.identify(secret, max_age_ms)
        except InvalidKey:
            self._guesses.count_wrong(address)
            raise
        self._guesses.remember(secret)
        key = caller.key
        if not admits(key.allowed_networks, key.denied_networks, address):
            raise AddressNotAllowed(f"API key {key.id} may not be used from {address or 'nowhere'}")
        if endpoint and not allows(key.endpoints, endpoint):
            raise EndpointNotAllowed(f"API key {key.id} may not use {endpoint}")
        return caller

    def identify(self, secret: str, max_age_ms: int | None = None) -> Caller:
        """The user and key behind a secret, wherever it comes from.

        Raises:
            InvalidKey: malformed, or known to nobody; the two are not told apart.
            CatalogUnavailable: the pepper of the key's hash cannot be read.
        """
        user = user_of(secret)
        try:
            hashes = self._hash_key(secret)
        except StoreError as error:
            raise CatalogUnavailable(
                "keys cannot be checked now; try again", retry_after=1
            ) from error
        found = self._catalog.find_key(user, hashes, max_age_ms)
        if found is None:
            raise InvalidKey("this API key is not known; check it, or create a new one")
        return Caller(*found)

    def admit(self, presented: Presented, call: Call, dialect: Dialect) -> Admitted:
        """Hold what the call may cost.

        Raises:
            any refusal of domain/errors.py; nothing is held then.
        """
        try:
            return self._admit(self.authenticate(presented), call, dialect)
        except StaleProfile:
            # The wallet knows a newer profile than ours: keys or limits have changed since.
            self._catalog.refresh_profile(user_of(presented.secret))
            return self._admit(self.authenticate(presented), call, dialect)

    def _admit(self, caller: Caller, call: Call, dialect: Dialect) -> Admitted:
        group, candidates = self.questions.resolve(caller, call, dialect)
        needed = demand_of(call, candidates, strict=not call.stream)
        amount = dearest_hold(candidates, needed, needed.visible)
        refuse_beyond(amount)
        hold = self._hold(self._request(caller, group, call, amount))
        return Admitted(dialect, caller, group, call, candidates, needed, hold)

    def _request(self, caller: Caller, group: GroupPart, call: Call, amount: int) -> HoldRequest:
        profile, key = caller.profile, caller.key
        return HoldRequest(
            user=profile.user,
            key_alias=key.alias,
            amount=amount,
            limited_key=key.limited,
            profile_version=profile.version,
            scopes=scopes(profile, key, group),
            tokens=max(1, input_bound(call, BYTES_PER_TOKEN_ESTIMATED)),
            shards=reach(profile.shards, (profile.limits, *profile.group_limits.values())),
            strict=not call.stream,
        )

    def _hold(self, request: HoldRequest) -> Hold:
        """Place the hold; a full house is waited for, shortly (ruling R15)."""
        waited = 0
        while True:
            try:
                return self._wallets.hold(request)
            except ConcurrencyLimited:
                if waited >= CONCURRENCY_WAIT_MS:
                    raise
                self._sleep(CONCURRENCY_STEP_MS / 1_000)
                waited += CONCURRENCY_STEP_MS
