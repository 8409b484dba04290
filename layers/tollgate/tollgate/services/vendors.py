"""What lies between a relay and the vendors, put together: how accounts are spoken to and tried."""

import secrets
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.health import FAULTY, FOR_EVER, Cause
from tollgate.services.catalog import Catalog
from tollgate.services.health import AccountHealth
from tollgate.services.leases import LeasedSlots
from tollgate.services.roster import Roster
from tollgate.services.sending import Sending
from tollgate.services.speech import PLAINLY, Speak, Speech
from tollgate.settings import Settings
from tollgate.store.clients import Aws
from tollgate.store.credentials import opener, proxy_opener
from tollgate.store.leases import Leases
from tollgate.store.snapshots import Snapshots
from tollgate.upstream.client import Upstream

if TYPE_CHECKING:
    from tollgate.services.account_checks import AccountChecks
    from tollgate.services.google import Google

AT_AWS: Final = ("bedrock",)
AT_GOOGLE: Final = ("service_account", "oauth")
"""Account types that are asked with access tokens."""


def speaking(now_ms: Callable[[], int]) -> Mapping[str, Speak]:
    """How the account types are spoken to that need nothing but their own secret."""
    return {**PLAINLY, **later(AT_AWS, lambda: bedrock(now_ms))}


def bedrock(now_ms: Callable[[], int]) -> Mapping[str, Speak]:
    """Speaks to accounts on Bedrock."""
    from tollgate.services.bedrock import speaking  # noqa: PLC0415 - as `google` below

    return dict.fromkeys(AT_AWS, speaking(now_ms))


def google(
    aws: Aws,
    settings: Settings,
    health: AccountHealth,
    unusable: Callable[[str, Exception], None],
    now_ms: Callable[[], int],
) -> "Google":
    """Speaks to accounts at Google; `unusable` hears of one that is refused tokens for good, and of
    one whose new refresh token cannot be stored.
    """
    # 15 ms of every cold start, and few relays have such accounts.
    from tollgate.services.google import open_google  # noqa: PLC0415
    from tollgate.services.tokens import Surroundings  # noqa: PLC0415

    def refused(account: str) -> None:
        health.block(account, FAULTY, FOR_EVER, Cause.CREDENTIALS)
        unusable(account, UpstreamUnavailable("refused an access token"))

    upstream = Upstream(loopback=bool(settings.local), connections=0)  # asked once an hour
    around = Surroundings(now_ms, time.sleep, refused, unusable)
    return open_google(aws, settings, upstream, health, around)


def later(types: tuple[str, ...], opened: Callable[[], Mapping[str, Speak]]) -> Mapping[str, Speak]:
    """Speaks to accounts of these types; what that takes is loaded with the first call to one."""
    speak = cache(opened)
    return dict.fromkeys(types, lambda saying: speak()[saying.account.type](saying))


def checks(settings: Settings, now_ms: Callable[[], int], at_google: "Google") -> "AccountChecks":
    """Tries accounts for staff, as the relay speaks to them."""
    from tollgate.services.account_checks import AccountChecks  # noqa: PLC0415 - for staff alone

    upstream = Upstream(loopback=bool(settings.local), connections=0)
    return AccountChecks(upstream, {**speaking(now_ms), **at_google.speak}, now_ms)


def roster(
    aws: Aws,
    settings: Settings,
    catalog: Catalog,
    faulty: Callable[[str, str], None],
    now_ms: Callable[[], int],
) -> Roster:
    """The accounts as all relays know them; `faulty` hears of one that only a probe brings back."""
    table, random = settings.state_table, secrets.randbelow
    health = AccountHealth(Snapshots(aws.dynamo, table), now_ms, catalog.health)
    slots = LeasedSlots(Leases(aws.dynamo, table), now_ms, random)
    return Roster(health, slots, now_ms, lambda: catalog.global_part().settings, faulty, random)


def sending(
    aws: Aws,
    settings: Settings,
    unusable: Callable[[str, Exception], None],
    accounts: Roster,
) -> Sending:
    """Sends calls to accounts; `unusable` hears of one whose secret cannot be opened."""
    open_proxy = proxy_opener(aws.sealing, unusable)
    at_google = later(
        AT_GOOGLE, lambda: google(aws, settings, accounts.health, unusable, accounts.clock).speak
    )
    speak = {**speaking(accounts.clock), **at_google}
    speech = Speech(opener(aws.sealing, unusable), speak, open_proxy)
    return Sending(Upstream(loopback=bool(settings.local)), speech, accounts, time.sleep)
