"""How an antigravity account is spoken to: Gemini's calls in an envelope, paid by quota or credits.

The endpoint is the one that Google's own coding tools use; what is known of it is in
docs/operations.md, with what has not been seen at Google itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from tollgate.dialects._antigravity import (
    answer,
    counting,
    elements,
    events,
    with_credits,
    wrapped,
)
from tollgate.domain.antigravity import antigravity_rest, lack_of, out_of_credits
from tollgate.domain.catalog import Account
from tollgate.domain.credits import (
    EXHAUSTED_MS,
    Balance,
    can_spend,
    paid_from,
    read_credits,
    trouble_of,
)
from tollgate.domain.errors import TollgateError, UnsupportedEndpoint, UpstreamUnavailable
from tollgate.domain.health import CREDITS, MODEL, Cause, Facts
from tollgate.domain.verdicts import rest
from tollgate.services.beginnings import said
from tollgate.services.credits import Credits, Look
from tollgate.services.speech import Failure, Outgoing, Reaction, Retell, Saying, Spoken
from tollgate.services.tokens import Owner, Tokens, owner_of
from tollgate.upstream.client import Target, Upstream

JSON: Final = {"content-type": "application/json"}
ARRAY: Final = {"content-type": "application/json; charset=UTF-8"}
ASKED_ABOUT: Final = b'{"metadata":{"pluginType":"GEMINI"}}'
LOOK_SECONDS: Final = 10.0
LARGEST: Final = 256 * 1024
UNAUTHORIZED: Final = 401
TOO_MANY: Final = 429


class Health(Protocol):
    """What is known of accounts, and who writes it down."""

    def facts(self, account: str) -> Facts:
        """What is known of one account."""

    def block(self, account: str, fact: str, until: int, cause: Cause = ...) -> None:
        """Let something of an account rest until then (epoch ms)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what has been done about it: `paid` with credits, its token `renewed`, and
    how many `tries` of the same were made after a refusal. What is `free` takes no quota.
    """

    owner: Owner
    model: str
    outgoing: Outgoing
    spoken: Spoken
    access: str
    paid: bool = False
    renewed: bool = False
    tries: int = 0
    free: bool = False

    @property
    def account(self) -> Account:
        return self.owner.account


class Antigravity:
    """Speaks to antigravity accounts; `clock` is in epoch ms."""

    def __init__(
        self, tokens: Tokens, balances: Credits, health: Health, clock: Callable[[], int]
    ) -> None:
        self._tokens = tokens
        self._credits = balances
        self._health = health
        self._clock = clock

    def speak(self, saying: Saying) -> Spoken:
        """The request of one attempt.

        Raises:
            UnsupportedEndpoint: the account has no such method.
            UpstreamUnavailable: it has no access token or no credits.
        """
        owner = owner_of(saying.account, saying.secret, saying.proxy)
        access = self._tokens.access(owner)
        model = saying.candidate.upstream_model
        attempt = Attempt(owner, model, saying.outgoing, enveloped(saying, access), access)
        facts = self._health.facts(owner.account.id)
        attempt = replace(attempt, free=saying.outgoing.call.operation != "generate")
        if attempt.free or not paid_from(owner.account, facts, model, self._clock()):
            return self._reacting(attempt)
        if self._credits.affords(owner, attempt.outgoing.until):
            return self._reacting(paid(attempt))
        until = self._clock() + EXHAUSTED_MS
        self._health.block(owner.account.id, CREDITS, until, Cause.CREDITS_USED)
        raise UpstreamUnavailable("an account has no credits for a model whose quota is used up")

    def _reacting(self, attempt: Attempt) -> Spoken:
        """The request, with what follows when it is refused."""
        return replace(attempt.spoken, react=lambda failure: self._reaction(attempt, failure))

    def _reaction(self, attempt: Attempt, failure: Failure) -> Reaction | None:
        now = self._clock()
        if failure.status == UNAUTHORIZED:
            return self._renewed(attempt)
        if attempt.paid and credits_gone(attempt, failure):
            return Reaction(rests=rest(CREDITS, now + EXHAUSTED_MS, Cause.CREDITS_USED))
        if self._may_pay(attempt, failure):
            return self._paying(attempt)
        wanted = antigravity_rest(failure.status, failure.body)
        if wanted is None:
            return None
        if attempt.tries < wanted.tries:
            again = replace(attempt, tries=attempt.tries + 1)
            return Reaction(self._reacting(again), wanted.wait_ms)
        until = now + wanted.model_ms
        return Reaction(rests=rest(f"{MODEL}{attempt.model}", until, Cause.RATE_LIMITED))

    def _renewed(self, attempt: Attempt) -> Reaction | None:
        """The same once more with a new token; a second refusal is what its status means."""
        if attempt.renewed:
            return None
        access = self._tokens.renewed(attempt.owner, attempt.access)
        if access is None:
            return Reaction()
        target = attempt.spoken.target
        headers = {**target.headers, "authorization": f"Bearer {access}"}
        spoken = replace(attempt.spoken, target=replace(target, headers=headers))
        return Reaction(
            self._reacting(replace(attempt, spoken=spoken, access=access, renewed=True))
        )

    def _may_pay(self, attempt: Attempt, failure: Failure) -> bool:
        """Whether only free quota is lacking, and credits might do."""
        facts = self._health.facts(attempt.account.id)
        lacks = failure.status == TOO_MANY and lack_of(failure.body) == "quota_exhausted"
        unpaid = not attempt.paid and not attempt.free
        return lacks and unpaid and can_spend(attempt.account, facts, self._clock())

    def _paying(self, attempt: Attempt) -> Reaction:
        """The same with credits, where there are enough."""
        if self._credits.affords(attempt.owner, attempt.outgoing.until):
            return Reaction(self._reacting(paid(attempt)))
        until, model = self._clock() + EXHAUSTED_MS, f"{MODEL}{attempt.model}"
        used_up = Cause.CREDITS_USED
        return Reaction(rests=rest(CREDITS, until, used_up) | rest(model, until, used_up))


def credits_gone(attempt: Attempt, failure: Failure) -> bool:
    """Whether Google, in words of its own, says that the credits are used up."""
    return out_of_credits(failure.status, failure.body, said(attempt.outgoing))


def enveloped(saying: Saying, access: str) -> Spoken:
    """A call in its envelope, and how its answer is taken out of one.

    Raises:
        UnsupportedEndpoint: the account takes no such calls.
    """
    outgoing, account = saying.outgoing, saying.account
    call = outgoing.call
    if outgoing.dialect.name != "gemini" or call.operation not in {"generate", "count_tokens"}:
        raise UnsupportedEndpoint("the upstream of this model cannot do this")
    headers, retell = {**JSON, "authorization": f"Bearer {access}"}, nameless(account.project)
    model = saying.candidate.upstream_model
    if call.operation == "count_tokens":
        body = counting(model, saying.wire.body)
        return Spoken(Target(address(account, "countTokens"), headers, body), retell=retell)
    method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
    body = wrapped(account.project, model, saying.wire.body)
    plain = Spoken(
        Target(address(account, method), headers, body), retell=nameless(account.project)
    )
    if not call.stream:
        return replace(plain, decode=answer)
    if saying.wire.query:
        return replace(plain, decode=events)
    return replace(plain, decode=elements, headers=ARRAY)


def nameless(project: str) -> Retell | None:
    """Takes a project's name out of refusals; nothing to take where there is none."""
    if not project:
        return None
    name = project.encode()
    return lambda failure: replace(failure, body=failure.body.replace(name, b"***"))


def paid(attempt: Attempt) -> Attempt:
    """The same request, to be paid with credits.

    Raises:
        UpstreamUnavailable: its body is none that could say so.
    """
    body = with_credits(attempt.spoken.target.body)
    if body is None:
        raise UpstreamUnavailable("a call cannot be paid with credits")
    spoken = replace(
        attempt.spoken, target=replace(attempt.spoken.target, body=body), clears=(CREDITS,)
    )
    return replace(attempt, spoken=spoken, paid=True)


def address(account: Account, method: str) -> str:
    """Where a method of an account is called."""
    return f"{account.base_url}/v1internal:{method}"


def looking(tokens: Tokens, upstream: Upstream, clock: Callable[[], int]) -> Look:
    """Looks balances up, with the account's own access token."""

    def look(owner: Owner) -> Balance:
        access = tokens.access(owner)
        headers = {**JSON, "authorization": f"Bearer {access}"}
        url = address(owner.account, "loadCodeAssist")
        target = Target(url, headers, ASKED_ABOUT, proxy=owner.proxy)
        found = balance(target, upstream, clock)
        if found.trouble == "unauthenticated":
            tokens.drop(owner, access)
        return found

    return look


def balance(target: Target, upstream: Upstream, clock: Callable[[], int]) -> Balance:
    """What an answer tells of a balance, or why none does."""
    try:
        told = upstream.send(target, LOOK_SECONDS)
        try:
            trouble, body = trouble_of(told.status), told.read(LARGEST)
        finally:
            told.close()
    except TollgateError:
        return Balance(trouble="network_error", read_at=clock())
    if trouble:
        return Balance(trouble=trouble, read_at=clock())
    found = read_credits(body)
    if found is None:
        return Balance(trouble="network_error", read_at=clock())
    return Balance(found, read_at=clock())
