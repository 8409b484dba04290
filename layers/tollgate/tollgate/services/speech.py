"""How an account is spoken to: which request its type makes of a call, what its answer becomes.

Every type asks in the dialect of the caller; some put it into an envelope of their own, and take
the answer out of it again. What lies within, the relay reads as if the vendor itself had sent it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tollgate.dialects import Dialect, Wire
from tollgate.domain.bedrock_models import model_id
from tollgate.domain.beta_policy import HEADER, Wanting, permitted_headers, policy_of
from tollgate.domain.call import Call
from tollgate.domain.catalog import Account
from tollgate.domain.errors import InvalidRequest, TollgateError, UpstreamUnavailable
from tollgate.domain.resolution import Candidate
from tollgate.upstream.client import ERROR_BYTES, Answer, Target
from tollgate.upstream.proxies import Proxy

IDENTITY_LIMIT: Final = 128

Decode = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Takes an answer's bytes out of an envelope, as they arrive.

Raises:
    UpstreamFailed: it is none.
"""

OpenSecret = Callable[[Account], str]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent: the call, the dialect both sides speak, the caller's headers.

    `until` is the epoch ms until which a complete answer is waited for. `settings` are the
    catalog's, for rules that staff set for all accounts.
    """

    dialect: Dialect
    call: Call
    headers: Mapping[str, str]
    until: int
    settings: Mapping[str, str | int | bool] = field(default_factory=dict)


class Saying(NamedTuple):
    """One attempt at one account: what is sent there, in the caller's dialect, and its secret.

    `key` is which of the account's several API keys is used, from 0 on. `proxy` is what everything
    said to this account passes through, also what is asked beside the call, such as for a token.
    """

    outgoing: Outgoing
    candidate: Candidate
    wire: Wire
    secret: str
    key: int = 0
    proxy: Proxy | None = None

    @property
    def account(self) -> Account:
        return self.candidate.account


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that was no success: status, headers by lower-case name, the first of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a type's own rules make of a failure, in place of what its status means in general.

    `again` is what the same account is sent next, after `wait_ms`; None: it is the next account's
    turn. `rests` tells until when (epoch ms) which part of the account rests (domain/health.py).
    """

    again: "Spoken | None" = None
    wait_ms: int = 0
    rests: Mapping[str, int] = field(default_factory=dict)


Retell = Callable[[Failure], Failure]
"""What the vendor of the caller's dialect would have answered in place of a failure."""

React = Callable[[Failure], Reaction | None]
"""What follows from a failure; None: what its status means in general."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A request as an account takes it, and how its answer is taken out of its envelope.

    `decode` is for answers of success, None where there is no envelope; `headers` are what the
    answer then says of itself, such as the content type of what was inside. `react` is asked about
    an answer of no success; an answer of success ends the facts that it `clears`. Failures are read
    as `retell` tells them, where the vendor has words of its own. `identity` names the header with
    the vendor's id of the request, where that is what people ask the vendor by.
    """

    target: Target
    decode: Decode | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    react: React | None = None
    clears: tuple[str, ...] = ()
    retell: Retell | None = None
    identity: str = ""


Speak = Callable[[Saying], Spoken]
"""Makes the request of one account type.

Raises:
    InvalidRequest: the call itself cannot be sent so; no other account is tried.
    UnsupportedEndpoint: accounts of this type cannot do this; the next one is asked.
    UpstreamUnavailable: this account cannot be asked; the next one is.
"""


def plainly(saying: Saying) -> Spoken:
    """With an API key, in the caller's dialect and nothing around it."""
    wire, outgoing = saying.wire, saying.outgoing
    secret = saying.secret.split("\n")[saying.key]
    headers = outgoing.dialect.upstream_headers(outgoing.headers, secret)
    url = f"{saying.account.base_url}{wire.path}" + (f"?{wire.query}" if wire.query else "")
    return Spoken(Target(url, {**headers, **wire.headers}, wire.body))


PLAINLY: Final[Mapping[str, Speak]] = {"apikey": plainly}


class Speech:
    """Puts one attempt into the words of its account's type.

    Args:
        speak: how each account type is spoken to.
        open_secret: raises UpstreamUnavailable where an account's secret cannot be opened.
        open_proxy: gives the credentials for an account's proxy, and raises the same.
    """

    def __init__(
        self,
        open_secret: OpenSecret,
        speak: Mapping[str, Speak] = PLAINLY,
        open_proxy: OpenSecret = lambda account: "",
    ) -> None:
        self._open_secret = open_secret
        self._speak = speak
        self._open_proxy = open_proxy

    def said(self, outgoing: Outgoing, candidate: Candidate, key: int = 0) -> Spoken:
        """The request for a candidate.

        Raises:
            as `Speak`.
        """
        account = candidate.account
        try:
            wire = outgoing.dialect.write_call(outgoing.call, candidate.upstream_model)
        except InvalidRequest as error:  # the name it is mapped to is at fault, not the caller
            raise UpstreamUnavailable("an account cannot be asked for this model") from error
        outgoing = permitted(outgoing, candidate)
        secret = self._open_secret(account)
        proxy = Proxy(account.proxy, self._open_proxy(account)) if account.proxy else None
        saying = Saying(outgoing, candidate, wire, secret, key, proxy)
        return through(self._speak[account.type](saying), proxy)


def permitted(outgoing: Outgoing, candidate: Candidate) -> Outgoing:
    """What is sent, with those of the caller's beta features that staff's rules let pass.

    Raises:
        InvalidRequest: a rule refuses the call.
    """
    if HEADER not in outgoing.headers or "anthropic" not in outgoing.dialect.platforms:
        return outgoing
    policy = policy_of(outgoing.settings)
    headers = permitted_headers(policy, outgoing.headers, wanting(candidate))
    return outgoing if headers is outgoing.headers else replace(outgoing, headers=headers)


def wanting(candidate: Candidate) -> Wanting:
    """Where a call would go, for rules on beta features: by every name that its model has."""
    account, name = candidate.account, candidate.upstream_model
    own = model_id(account, name) if account.type == "bedrock" else None
    requested, *_ = candidate.chain
    return Wanting(account.type, (requested, candidate.mapped, name, own or name))


def through(spoken: Spoken, proxy: Proxy | None) -> Spoken:
    """A request, and whatever is sent to the same account after it, by way of its proxy."""
    if proxy is None:
        return spoken
    react = spoken.react

    def reaction(failure: Failure) -> Reaction | None:
        found = None if react is None else react(failure)
        if found is None or found.again is None:
            return found
        return replace(found, again=through(found.again, proxy))

    return replace(spoken, target=replace(spoken.target, proxy=proxy), react=reaction)


def heard(answer: Answer, spoken: Spoken) -> Answer:
    """An answer as the caller's dialect has it."""
    answer.identity = answer.headers.get(spoken.identity, "")[:IDENTITY_LIMIT]
    if answer.status < 300:
        answer.decode = spoken.decode
        answer.headers = {**answer.headers, **spoken.headers}
    elif spoken.retell is not None:
        retold(answer, spoken.retell)
    return answer


def retold(answer: Answer, retell: Retell) -> None:
    """Give a failure the status and body that the caller's dialect has for it."""
    try:
        body = answer.read(ERROR_BYTES)
    except TollgateError:
        body = b""  # its status says enough
    failure = retell(Failure(answer.status, answer.headers, body))
    answer.status, answer.headers = failure.status, failure.headers
    answer.decode = lambda _: iter((failure.body,))
