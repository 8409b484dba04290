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
    """The access tokens and the credit balances that one process knows."""

    tokens: Tokens
    credits: Credits


def open_google(aws: Aws, settings: Settings, upstream: Upstream, around: Surroundings) -> Google:
    """Tokens and balances, empty at first."""
    store = TokenStore(aws.dynamo, settings.state_table, aws.sealing, around.clock)
    grants = Grants(upstream, around.clock, local=bool(settings.local))
    tokens = Tokens(store, grants.ask, around)
    look = looking(tokens, upstream, around.clock)
    return Google(tokens, Credits(look, around.clock, around.sleep))


def speaking(google: Google, health: Health, around: Surroundings) -> Mapping[str, Speak]:
    """How accounts of Google's types are spoken to."""
    antigravity = Antigravity(google.tokens, google.credits, health, around.clock)
    return {"service_account": vertex.speaking(google.tokens), "oauth": antigravity.speak}
