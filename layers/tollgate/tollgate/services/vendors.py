"""What lies between a relay and the vendors, put together: how accounts are spoken to and tried."""

from collections.abc import Callable

from tollgate.services import bedrock
from tollgate.services.sending import Sending
from tollgate.services.speech import PLAINLY, Speech
from tollgate.settings import Settings
from tollgate.store.clients import Aws
from tollgate.store.credentials import opener, proxy_opener
from tollgate.upstream.client import Upstream


def sending(
    aws: Aws,
    settings: Settings,
    unusable: Callable[[str, Exception], None],
    now_ms: Callable[[], int],
) -> Sending:
    """Sends calls to accounts; `unusable` hears of one whose secret cannot be opened."""
    open_proxy = proxy_opener(aws.sealing, unusable)
    speak = {**PLAINLY, "bedrock": bedrock.speaking(now_ms)}
    speech = Speech(opener(aws.sealing, unusable), speak, open_proxy)
    return Sending(Upstream(loopback=bool(settings.local)), speech, now_ms)
