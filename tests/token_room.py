"""Environments that share accounts' access tokens: one table, one vendor, one clock."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.unit.test_store_secrets import FakeKms, secrets_of
from tollgate.domain.catalog import Account
from tollgate.domain.credentials import RefreshToken
from tollgate.domain.grants import Asking, Grant, GrantRefused
from tollgate.services.tokens import Owner, Surroundings, Tokens
from tollgate.store.credentials import place_of
from tollgate.store.secrets import Secrets
from tollgate.store.tokens import StoredToken, TokenStore
from tollgate.upstream.proxies import Proxy

START = 1_795_348_800_000
HOUR = 3_600_000
PERSON = RefreshToken("r0", "client-1")


class Vendor:
    """Gives tokens. Every refresh token is good for once; the answer replaces it."""

    def __init__(self, *, rotates: bool = True) -> None:
        self.rotates = rotates
        self.good = "r0"
        self.given = 0
        self.failure: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def ask(self, account: Account, asking: Asking, refresh: str, proxy: Proxy | None) -> Grant:
        if self.failure is not None:
            raise self.failure
        if isinstance(asking, RefreshToken) and refresh != self.good:
            raise GrantRefused("reused")
        self.given += 1
        if self.rotates:
            self.good = f"r{self.given}"
        grant = Grant(f"a{self.given}", 3_600, self.good if self.rotates else "")
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return grant


@dataclass
class Room:
    """Environments around one table, one vendor and one clock."""

    vendor: Vendor = field(default_factory=Vendor)
    now: int = START
    refused: list[str] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dynamo = InMemoryDynamo(["state"])
        self.sealing: Secrets = secrets_of(FakeKms(), [0.0])
        key = self.sealing.new_data_key(1)
        secret = self.sealing.seal("unread", place_of("acc_1", 3), key)
        self.account = Account("acc_1", "one", "antigravity", "oauth", "", secret)
        self.store = TokenStore(self.dynamo, "state", self.sealing, self.clock)

    def clock(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds * 1_000)

    def environment(self) -> Tokens:
        around = Surroundings(
            self.clock, self.sleep, self.refused.append, lambda name, _: self.unsaved.append(name)
        )
        return Tokens(self.store, self.vendor.ask, around)

    @property
    def owner(self) -> Owner:
        return Owner(self.account, PERSON)

    def stored(self) -> StoredToken:
        return self.store.read(self.account)
