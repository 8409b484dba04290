"""What lies between a relay and the vendors, put together: how accounts are spoken to and tried."""

from collections.abc import Callable, Mapping

from tollgate.services import bedrock
from tollgate.services.account_checks import AccountChecks
from tollgate.services.sending import Sending
from tollgate.services.speech import PLAINLY, Speak, Speech
from tollgate.settings import Settings
from tollgate.store.clients import Aws
from tollgate.store.credentials import opener, proxy_opener
from tollgate.upstream.client import Upstream


def speaking(now_ms: Callable[[], int]) -> Mapping[str, Speak]:
    """How each account type is spoken to."""
    return {**PLAINLY, "bedrock": bedrock.speaking(now_ms)}


def checks(settings: Settings, now_ms: Callable[[], int]) -> AccountChecks:
    """Tries accounts for staff, as the relay speaks to them."""
    upstream = Upstream(loopback=bool(settings.local))
    return AccountChecks(upstream, speaking(now_ms), now_ms)


def sending(
    aws: Aws,
    settings: Settings,
    unusable: Callable[[str, Exception], None],
    now_ms: Callable[[], int],
) -> Sending:
    """Sends calls to accounts; `unusable` hears of one whose secret cannot be opened."""
    open_proxy = proxy_opener(aws.sealing, unusable)
    speech = Speech(opener(aws.sealing, unusable), speaking(now_ms), open_proxy)
    return Sending(Upstream(loopback=bool(settings.local)), speech, now_ms)
