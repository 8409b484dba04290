"""What lies between accounts at Google and Google, put together: tokens, balances, ways to ask."""

from collections.abc import Mapping
from dataclasses import dataclass

from tollgate.services import vertex
from tollgate.services.antigravity import Antigravity, Health, looking
from tollgate.services.credits import Credits
from tollgate.services.grants import Grants
from tollgate.services.speech import Speak
from tollgate.services.tokens import Surroundings, Tokens
from tollgate.settings import Settings
from tollgate.store.clients import Aws
from tollgate.store.tokens import TokenStore
from tollgate.upstream.client import Upstream


@dataclass(frozen=True, slots=True)
class Google:
    """How accounts of Google's types are spoken to, and the credit balances that are known."""

    speak: Mapping[str, Speak]
    balances: Credits


def open_google(
    aws: Aws, settings: Settings, upstream: Upstream, health: Health, around: Surroundings
) -> Google:
    """All of it, with no token and no balance known yet."""
    store = TokenStore(aws.dynamo, settings.state_table, aws.sealing, around.clock)
    grants = Grants(upstream, around.clock, local=bool(settings.local))
    tokens = Tokens(store, grants.ask, around)
    balances = Credits(looking(tokens, upstream, around.clock), around.clock, around.sleep)
    antigravity = Antigravity(tokens, balances, health, around.clock)
    speak = {"service_account": vertex.speaking(tokens), "oauth": antigravity.speak}
    return Google(speak, balances)
