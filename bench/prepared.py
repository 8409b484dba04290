"""What our relay finds when it starts: a published catalog, one user with money, one key.

Written with the relay's own code, so that it is read the way a deployed one reads it.
"""

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any, Final

from bench.cloud import DATA_KEY
from tollgate.domain.catalog import Account, GlobalPart, GroupPart, Key, Limits, Price, Profile
from tollgate.domain.holds import Birth, new_hold_id
from tollgate.domain.wallet import Wallet
from tollgate.settings import Settings
from tollgate.store.credentials import place_of
from tollgate.store.dynamodb import Item
from tollgate.store.kms import Context, FreshKey
from tollgate.store.pepper import hash_secret
from tollgate.store.secrets import Secrets
from tollgate.store.snapshot_parts import write_global, write_group, write_profile
from tollgate.store.snapshots import GLOBAL, VERSION_KEY, part_key, profile_key
from tollgate.store.wallet_item import n, new_wallet

USER: Final = "usr_0000000000000001"
GROUP: Final = "grp_0000000000000001"
ACCOUNT: Final = "acc_0000000000000001"
API_KEY: Final = f"sk-tg-{USER.removeprefix('usr_')}{'0' * 52}"
PEPPER: Final = "a pepper that is only for the bench"
CREDIT: Final = 10**15
"""Nanos on the wallet."""

PRICED_MODELS: Final = 500
OPEN_HOLDS: Final = 16
"""Calls open beside the one that is measured: every write of the wallet gives them back."""

HELD: Final = 700_000
SETTINGS: Final = Settings()


class OneKey:
    """KMS as `bench.cloud` plays it."""

    def new_key(self, context: Context) -> FreshKey:
        """A data key, plain and as a relay will have it unwrapped."""
        return FreshKey(DATA_KEY, b"wrapped")

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """The same key."""
        return DATA_KEY


def prepare(cloud: int, upstream: int, now: int) -> None:
    """Put everything into the cloud on that port; `now` in epoch seconds."""
    connection = HTTPConnection("127.0.0.1", cloud, timeout=10)
    for table, item in items(upstream, now):
        _send(connection, "PutItem", {"TableName": table, "Item": item})
    pepper = {"Name": f"{SETTINGS.pepper_parameter}/1", "Value": PEPPER}
    _send(connection, "PutParameter", pepper)
    connection.close()


def items(upstream: int, now: int) -> Iterator[tuple[str, Item]]:
    """Every item with its table."""
    state = SETTINGS.state_table
    yield state, VERSION_KEY | {"version": n(1), "global": n(1), "groups": {"M": {GROUP: n(1)}}}
    yield state, part_key(GLOBAL, 1) | {"body": {"B": write_global(everywhere())}}
    yield state, part_key(GROUP, 1) | {"body": {"B": write_group(group(upstream, now))}}
    yield state, profile_key(USER) | {"version": n(1), "body": {"B": write_profile(profile())}}
    yield SETTINGS.wallets_table, wallet(now)


def everywhere() -> GlobalPart:
    """A price list of ordinary length; `gpt-4o-mini*` covers the upstream's knobs."""
    names = ("gpt-4o-mini*", *(f"vendor-model-{number}" for number in range(PRICED_MODELS)))
    prices = {"input": "0.15", "output": "0.60", "cache_read": "0.075"}
    return GlobalPart(
        version=1,
        prices={name: (Price(name, 1, prices=prices, max_output=16_384),) for name in names},
        default_groups={},
        settings={},
    )


def group(upstream: int, now: int) -> GroupPart:
    """One group with one account."""
    secrets = Secrets(OneKey(), lambda: now, os.urandom)
    secret = secrets.seal("sk-upstream", place_of(ACCOUNT, 1), secrets.new_data_key(1))
    account = Account(
        id=ACCOUNT,
        name="replay",
        platform="openai",
        type="apikey",
        base_url=f"http://127.0.0.1:{upstream}/v1",
        secret=secret,
    )
    return GroupPart(
        id=GROUP,
        version=1,
        alias="g001",
        name="bench",
        platform="openai",
        status="active",
        multiplier=Decimal("1.2"),
        accounts=(account,),
    )


def profile() -> Profile:
    """One user with one key and no tight limits."""
    digest = hash_secret(PEPPER.encode(), API_KEY)
    key = Key("key_0000000000000001", "k001", digest, 1, GROUP, cost_in_stream=False)
    return Profile(
        USER, 1, "active", {digest: key}, limits=Limits(rpm=10**6, concurrency=200), groups=(GROUP,)
    )


def wallet(now: int) -> Item:
    """A wallet in the middle of its work."""
    holds = {
        new_hold_id(Birth(start=now, random=number, shard=0, attempt=0, key_alias="k001")): n(HELD)
        for number in range(OPEN_HOLDS)
    }
    held = HELD * OPEN_HOLDS
    return new_wallet(Wallet(USER, 0, 1, "active", profile_version=1)) | {
        "holds": {"M": holds},
        "held": n(held),
        "available": n(CREDIT - held),
        "credits": n(CREDIT),
        "minutes": {"M": {str(now // 60): n(40), str(now // 60 - 1): n(900)}},
    }


def _send(connection: HTTPConnection, operation: str, asked: dict[str, Any]) -> None:
    body = json.dumps(asked, default=lambda value: b64encode(value).decode())
    connection.request("POST", "/", body, {"x-amz-target": f"Bench.{operation}"})
    connection.getresponse().read()
