"""The whole gateway in one process: real relay, aggregator and janitor code over tables in memory.

The upstream is a function from request to response; time stands still unless a test moves it.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import httpx

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tollgate.domain.catalog import (
    Account,
    ChannelPart,
    GlobalPart,
    GroupPart,
    Key,
    Price,
    Profile,
)
from tollgate.domain.ledger import Credit
from tollgate.domain.record import UsageRecord
from tollgate.observability import Observer
from tollgate.services.admission import Admission
from tollgate.services.catalog import Catalog
from tollgate.services.closing import Closing
from tollgate.services.health import AccountHealth
from tollgate.services.leases import LeasedSlots
from tollgate.services.listing import Listing
from tollgate.services.quote import Quotes
from tollgate.services.receipts import Receipts
from tollgate.services.reconciliation import Reconciliation
from tollgate.services.recording import Recording
from tollgate.services.refusals import Refusals
from tollgate.services.relay import Relay
from tollgate.services.roster import Roster
from tollgate.services.sending import Sending
from tollgate.services.settlement import Settlement
from tollgate.services.speech import Speak, Speech
from tollgate.services.sweeping import Sweeping
from tollgate.services.vendors import speaking
from tollgate.store.leases import Leases
from tollgate.store.publications import Publications
from tollgate.store.rollups import Rollups
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.upstream.client import Upstream
from tollgate.web.relay import RelayApi

USER = "usr_0123456789abcdef"
SECRET = "sk-tg-0123456789abcdef" + "k" * 52
OTHER_USER = "usr_fedcba9876543210"
START_MS = 1_795_348_800_000
"""2026-11-22 12:00:00 UTC."""

KEY = Key("key_1", "k001", f"hash of {SECRET}", 1, "grp_1")
PROFILE = Profile(USER, 1, "active", {KEY.secret_hash: KEY})
ACCOUNTS = tuple(
    Account(f"acc_{platform}", platform, platform, "apikey", f"https://{platform}.example.com", {})
    for platform in ("openai", "anthropic", "gemini")
)
GROUP = GroupPart("grp_1", 1, "g001", "main", "openai", "active", Decimal(1), accounts=ACCOUNTS)
PRICES = {
    "gpt-4o": (
        Price(
            "gpt-4o",
            1,
            prices={"input": "2.5", "output": "10", "cache_read": "1.25"},
            max_output=16_384,
        ),
    ),
    "claude-sonnet-4": (
        Price("claude-sonnet-4", 1, prices={"input": "3", "output": "15"}, max_output=64_000),
    ),
    "gemini-2.5-flash": (
        Price("gemini-2.5-flash", 1, prices={"input": "0.3", "output": "2.5"}, max_output=65_536),
    ),
    "text-embedding-3-small": (Price("text-embedding-3-small", 1, prices={"input": "0.02"}),),
}
EVERYWHERE = GlobalPart(1, PRICES, dict.fromkeys(PRICES, "default"), {})

TABLES = {
    "wallets": {"ledger_by_time": Index("ledger_user", "ledger_at", range_type="N")},
    "usage": {},
    "rollups": {},
    "state": {},
}

Serve = Callable[[httpx.Request], httpx.Response]


class Chunks(httpx.SyncByteStream):
    """An upstream's body, chunk by chunk."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


class Scripted(httpx.BaseTransport):
    """An upstream that a function plays; `requests` is what it was sent."""

    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.serve(request)
        if not isinstance(answer.stream, httpx.ByteStream):
            return answer
        # A complete answer, too, comes from the network one read at a time.
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=Chunks(iter([answer.content]))
        )


class Plenty:
    """A Lambda context with the whole time left."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass
class Gateway:
    """Everything, wired as the functions wire it."""

    serve: Serve
    profile: Profile = PROFILE
    group: GroupPart = GROUP
    everywhere: GlobalPart = EVERYWHERE
    now: int = START_MS
    funds: int = 1_000_000_000
    open_secret: Callable[[Account], str] = lambda account: "upstream-secret"
    speak: Callable[["Gateway"], Mapping[str, Speak]] = lambda gateway: {}
    origins: str = ""
    others: Sequence[GroupPart] = ()
    parts: Mapping[str, ChannelPart] = field(default_factory=dict)
    queued: list[Mapping[str, Any]] = field(default_factory=list)
    poisoned: list[Any] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    counted: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dynamo = InMemoryDynamo(TABLES)
        self.upstream = Scripted(self.serve)
        self.wallets = Wallets(self.dynamo, "wallets", random.Random(7).randrange, self.clock)
        self.records = UsageRecords(self.dynamo, "usage")
        self.rollups = Rollups(self.dynamo, "rollups")
        self.publications = Publications(self.dynamo, "state")
        self.catalog = Catalog(Snapshots(self.dynamo, "state"), self.clock)
        self.recording = Recording(self.records, self.queued.append, self.logged.append)
        self._wire_relay()
        self._wire_billing()
        self.publish()
        self.wallets.create(USER, profile_version=self.profile.version)
        if self.funds:
            self.wallets.credit(Credit(USER, self.funds, "topup", "test", "1", "test"))
        self._settled = 0

    def _wire_relay(self) -> None:
        settings = self.everywhere.settings
        self.roster = Roster(
            AccountHealth(Snapshots(self.dynamo, "state"), self.clock, self.catalog.health),
            LeasedSlots(Leases(self.dynamo, "state"), self.clock, random.Random(9).randrange),
            self.clock,
            lambda: settings,
            lambda account, cause: self.count(f"{account} faulty: {cause}", 1),
        )
        self.admission = Admission(
            self.catalog, self.wallets, self.hash_key, self.clock, self.sleep, self.roster.standing
        )
        speech = Speech(self.open_secret, {**speaking(self.clock), **self.speak(self)})
        sending = Sending(Upstream(transport=self.upstream), speech, self.roster, self.sleep)
        self.relay = Relay(
            self.admission,
            sending,
            self.wallets,
            self.recording,
            self.clock,
            Refusals(
                self.admission, self.records, random.Random(8).randrange, self.clock, self.count
            ).note,
            self.count,
        )
        receipts = Receipts(self.records, self.wallets, staff=False)
        listing = Listing(self.admission, self.catalog, receipts, self.clock)
        self.api = RelayApi(
            self.relay,
            listing,
            Quotes(self.admission),
            Observer("relay"),
            lambda prefix: f"{prefix}_test",
            self.origins,
        )

    def _wire_billing(self) -> None:
        rollups, wallets, records = self.rollups, self.wallets, self.records
        self.settlement = Settlement(
            wallets, rollups.mark_active, rollups.add, self.poisoned.append, self.count
        )
        self.sweeping = Sweeping(
            wallets, records, rollups.mark_active, rollups.add, self.clock, self.count
        )
        late = self.sweeping.finish_late
        self.closing = Closing(rollups, records, wallets, late, self.clock)
        self.reconciliation = Reconciliation(wallets, records, rollups, self.closing, self.clock)

    def hash_key(self, secret: str) -> list[str]:
        return [f"hash of {secret}"]

    def clock(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1_000)

    def count(self, name: str, value: int) -> None:
        self.counted.append((name, value))

    def publish(self) -> None:
        """Make profile, groups, bound channels and prices what the relay sees."""
        claim = self.publications.claim()
        number = claim.number
        self.publications.put_everywhere(replace(self.everywhere, version=number))
        groups = (self.group, *self.others)
        for group in groups:
            self.publications.put_group(replace(group, version=number))
        for part in self.parts.values():
            self.publications.put_channel(replace(part, version=number))
        named = dict.fromkeys((group.id for group in groups), number)
        self.publications.publish(claim, number, named, dict.fromkeys(self.parts, number))
        self.publications.put_profile(self.profile)

    def post(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, **event: Any
    ) -> "Seen":
        """Send one call with the user's key; read the answer to its end."""
        return self.send(self.event(path, body, headers, **event)).read()

    def event(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, **event: Any
    ) -> dict[str, Any]:
        """One proxy event."""
        text = body if isinstance(body, str) else json.dumps(body)
        return {
            "httpMethod": "POST",
            "path": path,
            "headers": {"authorization": f"Bearer {SECRET}"} if headers is None else dict(headers),
            "multiValueQueryStringParameters": None,
            "requestContext": {"identity": {"sourceIp": "192.0.2.1"}},
            "body": text,
            "isBase64Encoded": False,
        } | event

    def send(self, event: Mapping[str, Any]) -> "Seen":
        """Send one event; the answer's body is still to be read."""
        answer = self.api(event, Plenty())
        return Seen(answer["status"], answer["headers"], answer["body"])

    def settle(self) -> list[str]:
        """Let the aggregator take what the usage stream brought since last time."""
        batch = self.dynamo.stream("usage", self._settled)
        self._settled += len(batch)
        return self.settlement.apply(batch)

    def record(self) -> UsageRecord:
        """The one record there is."""
        (found,) = self.all_records()
        return found

    def all_records(self) -> tuple[UsageRecord, ...]:
        """Every record of the user."""
        return self.records.list(USER, START_MS, START_MS + 86_400_000, limit=1_000).records


@dataclass
class Seen:
    """What the caller sees of an answer."""

    status: int
    headers: Mapping[str, str]
    chunks: Any
    body: bytes = b""

    def read(self) -> "Seen":
        self.body = b"".join(self.chunks)
        return self

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def sse(*events: Any, done: bool = True) -> bytes:
    """Events of OpenAI's stream."""
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


def chat_answer(usage: Any, text: str = "hello") -> httpx.Response:
    """A complete chat answer."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o", "choices": choices}
    return httpx.Response(200, json=body | ({} if usage is None else {"usage": usage}))


def chat_chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    """One chunk of a chat stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


def streamed(*chunks: bytes) -> httpx.Response:
    """A streamed answer."""
    return httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Chunks(iter(chunks))
    )


USAGE = {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500}
CHAT = {"model": "gpt-4o", "max_tokens": 1_000, "messages": [{"role": "user", "content": "hi"}]}
STREAM = CHAT | {"stream": True}
