"""How an account on AWS Bedrock is spoken to: Anthropic's calls in AWS's envelope, and signed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit

from tollgate.dialects._bedrock_betas import named
from tollgate.dialects._bedrock_body import named_betas, rewritten
from tollgate.dialects._bedrock_errors import NO_MODEL, complaint
from tollgate.dialects._bedrock_events import unwrapped
from tollgate.dialects._json import Document, read
from tollgate.domain import sigv4
from tollgate.domain.bedrock_models import REGION, model_id, recent
from tollgate.domain.beta_policy import HEADER, permitted, policy_of, tokens_of
from tollgate.domain.catalog import Account
from tollgate.domain.credentials import CredentialsUnreadable, read_bedrock, read_bedrock_key
from tollgate.domain.errors import UnsupportedEndpoint, UpstreamUnavailable
from tollgate.domain.health import MODEL, Cause
from tollgate.domain.verdicts import rest
from tollgate.services.speech import Failure, Reaction, Saying, Speak, Spoken, wanting
from tollgate.upstream.client import Target

DIALECT: Final = "anthropic_messages"
SERVICE: Final = "bedrock"
REQUEST_ID: Final = "x-amzn-requestid"
EVENTS: Final = "application/vnd.amazon.eventstream"
AS_ANTHROPIC: Final = {"content-type": "text/event-stream; charset=utf-8"}
LACKING_SECONDS: Final = 600
"""How long a model that an account lacks is not asked for there again."""

PORTS: Final = {"https": ":443", "http": ":80"}
"""What a host is told without."""


def speaking(clock: Callable[[], int]) -> Speak:
    """Speaks to Bedrock accounts; `clock` gives epoch ms, which signatures tell."""

    def speak(saying: Saying) -> Spoken:
        return spoken(saying, clock() // 1_000)

    return speak


@dataclass(frozen=True, slots=True)
class Asking:
    """One request before it is signed: where it goes, below which path, and its body."""

    account: Account
    path: str
    body: bytes
    accept: str

    @property
    def url(self) -> str:
        """The whole address."""
        return self.account.base_url + self.path


def spoken(saying: Saying, now: int) -> Spoken:
    """The request of one attempt.

    Raises:
        InvalidRequest: a rule on beta features refuses the call.
        UnsupportedEndpoint: Bedrock is not asked for this, or not in this dialect.
        UpstreamUnavailable: the account has no such model or no credentials.
    """
    call, candidate = saying.outgoing.call, saying.candidate
    if saying.outgoing.dialect.name != DIALECT or call.operation != "generate":
        raise UnsupportedEndpoint("the upstream of this model cannot do this")
    model = model_id(saying.account, candidate.upstream_model)
    if model is None:
        raise UpstreamUnavailable("an account cannot be asked for this model")
    newer = recent((model, candidate.mapped))
    document = read(saying.wire.body)
    body = rewritten(document, betas_of(saying, document, recent=newer), recent=newer)
    action = "invoke-with-response-stream" if call.stream else "invoke"
    accept = EVENTS if call.stream else "application/json"
    asking = Asking(saying.account, f"/model/{quote(model, safe='')}/{action}", body, accept)
    shown = {model: call.model}
    return Spoken(
        Target(asking.url, authorized(asking, saying.secret, now), body),
        decode=partial(unwrapped, names=shown) if call.stream else None,
        headers=AS_ANTHROPIC if call.stream else {},
        react=lambda failure: reaction(failure, candidate.upstream_model, now),
        retell=lambda failure: retold(failure, shown),
        identity=REQUEST_ID,
    )


def betas_of(saying: Saying, document: Document, *, recent: bool) -> tuple[str, ...]:
    """The beta features of a call: those that the caller asked for, and those its body needs.

    Staff's rules look at both: at the caller's words before, and at all that would be sent.

    Raises:
        InvalidRequest: a rule refuses one of them.
    """
    policy, wanted = policy_of(saying.outgoing.settings), wanting(saying.candidate)
    header = tokens_of(saying.outgoing.headers.get(HEADER, ""))
    asked = permitted(policy, (*header, *named_betas(document)), wanted)
    return permitted(policy, named(asked, document.values, recent=recent), wanted)


def retold(failure: Failure, shown: dict[str, str]) -> Failure:
    """A refusal as Anthropic would have worded it."""
    told = complaint(failure.status, failure.headers, failure.body, shown)
    return Failure(told.status, failure.headers, told.body)


def reaction(failure: Failure, model: str, now: int) -> Reaction | None:
    """A model that an account lacks rests there, and nothing else of it does."""
    if NO_MODEL not in failure.body:
        return None
    until = (now + LACKING_SECONDS) * 1_000
    return Reaction(rests=rest(f"{MODEL}{model}", until, Cause.FORBIDDEN))


# --- by whom --------------------------------------------------------------------------------------


def authorized(asking: Asking, secret: str, now: int) -> dict[str, str]:
    """The request's headers, with what proves whose it is.

    Raises:
        UpstreamUnavailable: the account's credentials are none.
    """
    parts = urlsplit(asking.url)
    host = parts.netloc.removesuffix(PORTS[parts.scheme])
    headers = {"host": host, "content-type": "application/json", "accept": asking.accept}
    try:
        if asking.account.auth_mode == "apikey":
            (key,) = read_bedrock_key(secret).keys
            return {**headers, "authorization": f"Bearer {key}"}
        keys = read_bedrock(secret)
    except CredentialsUnreadable as error:
        raise UpstreamUnavailable("an account's credentials cannot be read") from error
    signing = sigv4.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    unsigned = sigv4.Unsigned(parts.path, asking.body, headers)
    return sigv4.signed(unsigned, signing, asking.account.region or REGION, SERVICE, now)
