"""The admin API over tables in memory: a pepper, a KMS key, an owner, and how a test calls it."""

import json
import os
import random
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from tests.dynamodb_behind_boto3 import playing
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tests.locked_moto import REGION, create_table, service
from tollgate.domain.definitions import Role
from tollgate.ids import new_id
from tollgate.services.bootstrap import Founding, bootstrap
from tollgate.settings import Settings
from tollgate.store import clients
from tollgate.store.bucket import Bucket
from tollgate.store.kms import KmsKey
from tollgate.store.pepper import Peppers
from tollgate.store.queue import Queue
from tollgate.store.secrets import Secrets
from tollgate.web.admin.desk import Stores
from tollgate.web.admin.opening import Surroundings, open_api, open_stores
from tollgate.web.management.api import Api

NOW: Final = 1_795_348_800_000
PEPPER: Final = "a test's pepper, long enough to be one"
PLAIN_TABLES: Final = ("catalog", "usage", "rollups", "state")
LEDGER_INDEX: Final = {"ledger_by_time": Index("ledger_user", "ledger_at", range_type="N")}
ROLES: Final[tuple[Role, ...]] = ("owner", "finance", "operator", "support", "auditor")


@dataclass(frozen=True, slots=True)
class Answer:
    """A proxy answer, read."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def etag(self) -> str:
        return self.headers["ETag"]


@dataclass
class AdminApi:
    """One API and its owner."""

    api: Api
    stores: Stores
    owner: str
    now: int = NOW
    logged: list[Mapping[str, Any]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Call as the owner, or with another token ("" for none)."""
        sent = dict(headers or {})
        secret = self.owner if token is None else token
        if secret:
            sent["Authorization"] = f"Bearer {secret}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        whole = path if path.startswith("/api/") else f"/api/admin{path}"
        text: str | None
        if isinstance(body, bytes):
            text = b64encode(body).decode()
        else:
            text = body if isinstance(body, str | None) else json.dumps(body)
        event = {
            "resource": "/api/admin/{proxy+}",
            "path": whole,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {n: str(v) for n, v in (query or {}).items()} or None,
            "multiValueQueryStringParameters": {n: [str(v)] for n, v in (query or {}).items()}
            or None,
            "requestContext": {
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "stage": "dev",
                "path": f"/dev{whole}",
                "identity": {"sourceIp": "203.0.113.7"},
            },
            "body": text,
            "isBase64Encoded": isinstance(body, bytes),
        }
        answered = self.api(event, None)
        return Answer(answered["statusCode"], answered["headers"], answered["body"] or "")

    def token(self, role: Role) -> str:
        """A token of a role."""
        if role not in self.tokens:
            made = self.call("POST", "/admin_tokens", {"name": role, "role": role})
            assert made.status == 201, made.text
            self.tokens[role] = made.json["secret"]
        return self.tokens[role]

    def created(self, path: str, body: Any) -> Any:
        """What was created, or a failed test."""
        made = self.call("POST", path, body)
        assert made.status == 201, made.text
        return made.json


@cache
def services() -> clients.Clients:
    """The product's clients, likewise."""
    return clients.boto3({"AWS_REGION": REGION})


def connected(settings: Settings) -> clients.Aws:
    """As `clients.connect` does it."""
    found = services()
    return clients.Aws(
        found.dynamo,
        Secrets(KmsKey(found.kms, settings.kms_key), time.time, os.urandom),
        Peppers(found.ssm, settings.pepper_parameter, time.time),
        Queue(found.sqs, settings.queue_url),
        Bucket(found.s3, settings.bucket),
        REGION,
    )


def tables(settings: Settings) -> dict[str, dict[str, Index]]:
    """The tables the admin API needs, and their indexes."""
    plain: dict[str, dict[str, Index]] = {
        getattr(settings, f"{name}_table"): {} for name in PLAIN_TABLES
    }
    return {**plain, settings.wallets_table: LEDGER_INDEX}


def create_tables(settings: Settings) -> None:
    """The same tables on moto."""
    for name, indexes in tables(settings).items():
        create_table(service("dynamodb"), name, indexes)


def create_pepper(settings: Settings, generation: int = 1, pepper: str = PEPPER) -> None:
    """A generation of the pepper in SSM."""
    service("ssm").put_parameter(
        Name=f"{settings.pepper_parameter}/{generation}", Value=pepper, Type="SecureString"
    )


@contextmanager
def admin_api(local: str = "") -> Iterator[AdminApi]:
    """A fresh installation with one owner."""
    settings = Settings(
        dynamodb_client="boto3",
        local=local,
        allowed_origins="https://console.example.com",
        bucket="tollgate-bucket",
    )
    with playing(InMemoryDynamo(tables(settings))):
        key = service("kms").create_key()["KeyMetadata"]["KeyId"]
        create_pepper(settings)
        yield opened(replace(settings, kms_key=key))


def opened(settings: Settings) -> AdminApi:
    """The API over tables that are there, with its first owner."""
    source = random.Random(7)
    found: list[AdminApi] = []
    logged: list[Mapping[str, Any]] = []

    def clock() -> int:
        return found[0].now if found else NOW

    def violation(user: str, image: str) -> None:
        raise AssertionError(f"{user}: {image}")

    around = Surroundings(
        region=REGION,
        endpoint=None,
        clock=clock,
        random=source.randrange,
        new_id=lambda prefix: new_id(prefix, clock(), source.getrandbits(35)),
        log=logged.append,
        lost=logged.append,
        violation=violation,
    )
    aws = connected(settings)
    api = open_api(settings, aws, around)
    stores = open_stores(settings, aws, around)
    owner = bootstrap(Founding(stores.catalog, stores.peppers, source.randrange, NOW))
    found.append(AdminApi(api, stores, owner, logged=logged))
    return found[0]
