"""The portal API over tables in memory, under its deployed role: browsers with cookies."""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from tests.admin_api import NOW, Answer, connected, create_pepper, services, tables
from tests.dynamodb_behind_boto3 import playing
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.iam import Role
from tests.locked_moto import ENVIRONMENT, REGION, service
from tollgate.domain.definitions import Author, GroupDefinition, UserDefinition
from tollgate.domain.ledger import Credit
from tollgate.domain.money import parse_usd
from tollgate.ids import new_id
from tollgate.services.users import Users
from tollgate.settings import Settings
from tollgate.store.passwords import PasswordHashes
from tollgate.store.state import StateItem
from tollgate.web.management.api import Api
from tollgate.web.portal.desk import People, Stores
from tollgate.web.portal.opening import PortalSurroundings, open_api, open_desk

ASKED: Final = "before-parameter-build.dynamodb"
STAFF: Final = Author("adm_0123456789abcdef", NOW)
PASSWORD: Final = "correct horse battery staple"
HOST: Final = "gate.example.com"
IP: Final = "203.0.113.7"
CONSOLE: Final = "https://console.example.com"
COOKIE: Final = "__Host-tollgate"
TABLES: Final = ("catalog", "wallets", "state", "usage")


@dataclass
class Browser:
    """Somebody's cookie and CSRF token, as their browser keeps them."""

    portal: "Portal"
    secret: str = ""
    csrf: str = ""
    user: str = ""
    ip: str = IP

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Call with the cookie and the CSRF token; a header of None is left out."""
        sent: dict[str, str | None] = {"Host": HOST}
        if self.secret:
            sent |= {"Cookie": f"theme=dark; {COOKIE}={self.secret}", "X-CSRF-Token": self.csrf}
        sent |= headers or {}
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.portal.send(method, path, body, Sent(kept, dict(query or {}), self.ip))

    def sign_in(self, email: str, password: str = PASSWORD) -> Answer:
        """Sign in, and keep what the answer hands over."""
        answer = self.call("POST", "/session", {"email": email, "password": password})
        if answer.status == 200:
            self.keep(answer)
        return answer

    def keep(self, answer: Answer) -> None:
        """Keep a session."""
        self.secret = cookie_of(answer)
        self.csrf = answer.json["csrf_token"]
        self.user = answer.json["user"]["id"]

    def created(self, path: str, body: Any) -> Any:
        """What was created, or a failed test."""
        made = self.call("POST", path, body)
        assert made.status == 201, made.text
        return made.json


@dataclass(frozen=True)
class Sent:
    """What goes with a request."""

    headers: Mapping[str, str]
    query: Mapping[str, Any]
    ip: str


@dataclass
class Portal:
    """One installation; `acting` is false while a test looks behind the API.

    `asked` is what the API asked of DynamoDB, operations and tables, and when it slept.
    """

    api: Api
    stores: Stores
    people: People
    now: int = NOW
    logged: list[Mapping[str, Any]] = field(default_factory=list)
    slept: list[int] = field(default_factory=list)
    acting: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def send(self, method: str, path: str, body: Any, sent: Sent) -> Answer:
        """One event through the API, under the portal's role."""
        headers = dict(sent.headers)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        query = {name: str(value) for name, value in sent.query.items()}
        event = {
            "resource": "/api/portal/{proxy+}",
            "path": f"/api/portal{path}",
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": query or None,
            "multiValueQueryStringParameters": {n: [v] for n, v in query.items()} or None,
            "requestContext": {
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "stage": "dev",
                "path": f"/dev/api/portal{path}",
                "identity": {"sourceIp": sent.ip},
            },
            "body": body if isinstance(body, str | None) else json.dumps(body),
            "isBase64Encoded": False,
        }
        self.acting = True
        try:
            answered = self.api(event, None)
        finally:
            self.acting = False
        return Answer(answered["statusCode"], answered["headers"], answered["body"] or "")

    def browser(self, email: str = "", ip: str = IP) -> Browser:
        """A browser, signed in when an address is given."""
        found = Browser(self, ip=ip)
        if email:
            answer = found.sign_in(email)
            assert answer.status == 200, answer.text
        return found

    def group(self, name: str = "main", **more: Any) -> str:
        """A group, made by staff."""
        number = len(list(self.stores.catalog.groups.everything()))
        group = GroupDefinition(
            **{"id": f"grp_{number}", "alias": f"g00{number}", "name": name, "platform": "openai"}
            | more
        )
        return self.stores.catalog.groups.create(group, STAFF).id

    def credit(self, user: str, dollars: str, reference: str = "invoice-1") -> None:
        """Money, given by staff."""
        amount = parse_usd(dollars, "amount_usd")
        self.stores.wallets.credit(
            Credit(user, amount, "topup", "admin", reference, by=STAFF.by, note="between us")
        )

    def change_user(self, user: str, **changes: Any) -> None:
        """What staff makes of a user."""
        users = Users(self.stores.catalog, self.stores.wallets)
        users.change(user, None, lambda before: replace(before, **changes), STAFF)

    def audit(self) -> list[dict[str, Any]]:
        """Every audit entry, oldest first."""
        return [row for row in rows("state") if row["pk"].startswith("audit#")]


def cookie_of(answer: Answer) -> str:
    """The session's secret that an answer sets."""
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    assert name == COOKIE
    return rest.partition(";")[0]


def rows(table: str) -> list[dict[str, Any]]:
    """Every item of a table, as plain values."""
    items = service("dynamodb").scan(TableName=f"tollgate-{table}")["Items"]
    plain = [{name: next(iter(value.values())) for name, value in i.items()} for i in items]
    return sorted(plain, key=lambda row: (row["pk"], row["sk"]))


def dump() -> str:
    """Everything that is stored, as text."""
    return json.dumps({table: rows(table) for table in TABLES}, default=str)


def sign_up(portal: Portal, email: str, password: str = PASSWORD, ip: str = IP) -> Answer:
    """Ask to become a user."""
    body = {"email": email, "password": password}
    return portal.browser(ip=ip).call("POST", "/sign-up", body)


def joined(portal: Portal, email: str) -> Browser:
    """A new user, signed in; made by staff and not by sign-up, whose tries are counted."""
    owner = new_id("usr", NOW, len(list(portal.stores.catalog.users.everything())))
    portal.stores.wallets.create(owner)
    hashed = quick(random.Random(3)).hash(PASSWORD)
    portal.stores.catalog.register(UserDefinition(owner, email), hashed, STAFF)
    return portal.browser(email)


def quick(source: random.Random) -> PasswordHashes:
    """Hashes that cost next to nothing."""
    return PasswordHashes(source.randrange, rounds=1, memory_kib=8)


@contextmanager
def portal_api(hashes: PasswordHashes | None = None, **more: Any) -> Iterator[Portal]:
    """A fresh installation that takes new users, unless `more` settings say otherwise."""
    settings = Settings(
        **{"dynamodb_client": "boto3", "sign_up": "open", "allowed_origins": CONSOLE} | more
    )
    with playing(InMemoryDynamo(tables(settings))):
        create_pepper(settings)
        portal = opened(settings, hashes)
        with guarded(portal, settings):
            yield portal


@contextmanager
def lasting_portal() -> Iterator[Portal]:
    """One for a whole module: for what is refused, and so changes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with portal_api() as portal:
            yield portal


def opened(settings: Settings, hashes: PasswordHashes | None = None) -> Portal:
    """The API over tables that are there."""
    source = random.Random(11)
    found: list[Portal] = []
    logged: list[Mapping[str, Any]] = []
    slept: list[int] = []

    def clock() -> int:
        return found[0].now if found else NOW

    def violation(user: str, image: str) -> None:
        raise AssertionError(f"{user}: {image}")

    def sleep(milliseconds: int) -> None:
        slept.append(milliseconds)
        found[0].asked.append(("Sleep", ""))

    around = PortalSurroundings(
        region=REGION,
        endpoint=None,
        clock=clock,
        random=source.randrange,
        new_id=lambda prefix: new_id(prefix, clock(), source.getrandbits(35)),
        log=logged.append,
        lost=logged.append,
        violation=violation,
        sleep=sleep,
        hashes=hashes or quick(source),
    )
    desk = open_desk(settings, connected(settings), around)
    api = open_api(settings, desk, around)
    found.append(Portal(api, desk.stores, desk.people, logged=logged, slept=slept))
    return found[0]


@contextmanager
def guarded(portal: Portal, settings: Settings) -> Iterator[None]:
    """Let the portal's role decide about every request it makes while it acts."""
    role = Role("Portal")
    names = {
        getattr(settings, f"{table}_table"): table.capitalize() for table in (*TABLES, "rollups")
    }

    def ask(params: dict[str, Any], model: Any, **_: Any) -> None:
        if portal.acting:
            request = called(params, names)
            portal.asked.append((model.name, request.get("TableName", "")))
            role.guard(model.name, request)

    clients = [
        portal.stores.catalog._connection.client,
        StateItem._get_connection().connection.client,
        services().dynamo._client,  # type: ignore[attr-defined]
    ]
    for client in clients:
        client.meta.events.register(ASKED, ask)
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister(ASKED, ask)


def called(params: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A request, with its tables by their names in the template."""
    request = dict(params)
    if "TableName" in request:
        request["TableName"] = names[request["TableName"]]
    if "RequestItems" in request:
        request["RequestItems"] = {names[name]: of for name, of in request["RequestItems"].items()}
    if "TransactItems" in request:
        request["TransactItems"] = [
            {kind: {**body, "TableName": names[body["TableName"]]} for kind, body in each.items()}
            for each in request["TransactItems"]
        ]
    return request
