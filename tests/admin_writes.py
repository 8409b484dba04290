"""One valid request for every admin route that takes a body, and the world it is sent to."""

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.admin_api import AdminApi


@dataclass(frozen=True)
class World:
    """Ids of what is there."""

    user: str
    key: str
    group: str
    account: str
    channel: str
    token: str

    def path(self, template: str) -> str:
        """A route's path with ids of what is there."""
        return filled(
            template,
            {
                "user": self.user,
                "key": self.key,
                "group": self.group,
                "account": self.account,
                "channel": self.channel,
                "token": self.token,
                "name": "fx.cny_per_usd",
                "request_id": "req_missing",
                "proposal": "imp_missing",
                "number": "1",
            },
        )


def filled(template: str, values: dict[str, str]) -> str:
    """A path without its variables, below the API's root."""
    for name, value in values.items():
        template = template.replace(f"<{name}>", value)
    return template.removeprefix("/api/admin")


def furnish(api: AdminApi) -> World:
    """One of everything."""
    group = api.created("/groups", {"name": "main", "platform": "openai"})["id"]
    user = api.created("/users", {"email": "ann@example.com"})["id"]
    key = api.created(f"/users/{user}/keys", {"group": group, "quota_usd": "5"})["id"]
    account = api.created(
        "/accounts",
        {
            "name": "one",
            "platform": "openai",
            "type": "apikey",
            "base_url": "https://api.example.com/v1",
            "credentials": "sk-upstream",
        },
    )["id"]
    channel = api.created("/channels", {"name": "retail"})["id"]
    token = api.created("/admin_tokens", {"name": "laptop", "role": "support"})["id"]
    api.created("/prices", {"model": "gpt-x", "prices": {"input": "1", "output": "2"}})
    api.created("/settings", {"name": "fx.cny_per_usd", "value": "7.0"})
    return World(user, key, group, account, channel, token)


PRICE: Final[dict[str, Any]] = {
    "prices": {"input": "1", "output": "2"},
    "intervals": [{"minimum": 0, "maximum": 1000, "prices": {"input": "3"}}],
    "tiers": {"flex": {"input": "0.5"}},
    "max_output": 4096,
    "virtual_tokens": 1000,
    "effective_from": 1_795_348_900_000,
    "effective_to": 1_795_349_900_000,
}

ROW: Final[dict[str, Any]] = {
    "platform": "openai",
    "models": ["gpt-x"],
    "prices": {"input": "1"},
    "intervals": [{"minimum": 0, "maximum": 1000, "prices": {"input": "3"}}],
}
CUSTOMER_PRICE: Final[dict[str, Any]] = {
    "prices": {"input": "1", "output": "2"},
    "intervals": [{"minimum": 0, "maximum": 1000, "prices": {"input": "3"}}],
    "tiers": {"flex": {"input": "0.5"}},
    "effective_from": 1_795_348_900_000,
    "effective_to": 1_795_348_990_000,
}
ALIAS: Final = "/api/customer_pricing"
ALIASED: Final[dict[str, dict[str, Any]]] = {
    "POST /model_group": {"model": "gpt-x", "code": "vip"},
    "PUT /default_group": {"code": "default"},
    "POST /model_group_channels": {
        "model": "gpt-x",
        "code": "default",
        "channel": "<channel>",
        "weight": 2,
        "priority": 1,
    },
    "POST /users/<user>/model_pricing": {
        "operations": [{"group_code": "default", "price": CUSTOMER_PRICE, "permitted": True}]
    },
    "PUT /users/<user>/customer_price": CUSTOMER_PRICE,
    "POST /users/<user>/customer_price/cancel": {"number": 1},
    "POST /users/<user>/customer_price/rollback": {"number": 1},
}
"""What is also under /api/customer_pricing."""


def alias_of(route: str) -> str:
    """The second address of a route."""
    return route.replace(" ", f" {ALIAS}", 1)


ACCOUNT: Final[dict[str, Any]] = {
    "name": "two",
    "platform": "openai",
    "type": "apikey",
    "base_url": "https://api.example.com/v1",
    "credentials": "sk-upstream-2",
    "priority": 1,
    "weight": 2,
    "cost_multiplier": "0.5",
    "pool_retries": 3,
    "error_codes": [529],
    "pauses": [{"status": 429, "minutes": 5, "keywords": ["quota"]}],
    "concurrency": 8,
    "load_factor": 4,
    "expires_at": 10**13,
    "quotas": {"week": {"limit_usd": "100", "reset": "fixed", "hour": 9, "weekday": 1}},
}
ACCOUNT_CHANGES: Final[dict[str, Any]] = {
    "priority": 3,
    "weight": 4,
    "cost_multiplier": "0.75",
    "pool_retries": 2,
    "concurrency": 6,
    "load_factor": 3,
    "expires_at": 10**13,
}

BODIES: Final[dict[str, dict[str, Any]]] = {
    **ALIASED,
    **{alias_of(route): body for route, body in ALIASED.items()},
    "POST /users": {
        "email": "bob@example.com",
        "name": "Bob",
        "limits": {"rpm": 60, "tpm": 10_000, "concurrency": 4, "spend_5h_usd": "1.5"},
        "shards": 1,
        "groups": [],
    },
    "PATCH /users/<user>": {
        "limits": {"rpm": 10, "concurrency": 2},
        "shards": 1,
        "status": "active",
    },
    "PUT /users/<user>/password": {"password": "correct horse battery staple"},
    "POST /users/<user>/keys": {
        "group": "<group>",
        "quota_usd": "1",
        "expires_at": 10**13,
        "limits": {"spend_day_usd": "2.5", "spend_week_usd": "9.5"},
        "denied_networks": ["192.0.2.0/24"],
    },
    "PATCH /users/<user>/keys/<key>": {
        "expires_at": 10**13,
        "models": ["gpt-*"],
        "limits": {"tpm": 10_000},
    },
    "PUT /users/<user>/keys/<key>/quota": {"quota_usd": "7.5"},
    "POST /users/<user>/keys/<key>/quota/additions": {"amount_usd": "1"},
    "POST /users/<user>/wallet/credits": {
        "amount_usd": "10",
        "kind": "topup",
        "reference": "invoice-1",
    },
    "POST /groups": {
        "name": "spare",
        "platform": "anthropic",
        "multiplier": "1.25",
        "sort_order": 2,
        "validity_days": 31,
        "limits": {"rpm": 60},
    },
    "PATCH /groups/<group>": {"multiplier": "2", "sort_order": 3, "validity_days": 32},
    "PUT /groups/<group>/rate-multipliers": {
        "entries": [{"user_id": "<user>", "multiplier": "0.5"}]
    },
    "PUT /users/<user>/rate-multipliers": {
        "entries": [{"group_id": "<group>", "multiplier": "0.5"}]
    },
    "POST /accounts": ACCOUNT,
    "PATCH /accounts/<account>": ACCOUNT_CHANGES,
    "POST /accounts/bulk": {"ids": ["<account>"], "change": ACCOUNT_CHANGES},
    "POST /accounts/test": {**ACCOUNT, "model": "gpt-x", "key": 1},
    "POST /accounts/<account>/test": {"model": "gpt-x", "key": 1},
    "POST /channels": {"name": "wholesale", "restrict_models": True},
    "PATCH /channels/<channel>": {"description": "for partners"},
    "PUT /channels/<channel>/pricing": {
        "pricing": [ROW],
        "effective_from": 1_795_348_900_000,
        "effective_to": 1_795_348_990_000,
    },
    "POST /channels/<channel>/pricing/rollback": {"number": 1},
    "POST /channels/<channel>/pricing/cancel": {"number": 2},
    "POST /prices": {"model": "gpt-y", **PRICE},
    "POST /prices/official": {"models": ["gpt-4o"]},
    "POST /prices/imports": {"source": "bundled", "providers": ["openai"]},
    "POST /prices/imports/<proposal>/apply": {"models": ["gpt-x"], "confirm": []},
    "PUT /price": PRICE,
    "POST /price/cancel": {"number": 1},
    "POST /price/rollback": {"number": 1},
    "PUT /price/lock": {"locked": True},
    "POST /exports": {
        "from": 1_795_262_400_000,
        "to": 1_795_348_800_000,
        "format": "csv",
        "user": "<user>",
        "model": "gpt-x",
    },
    "POST /pricing/simulations": {
        "from": 1_795_262_400_000,
        "to": 1_795_348_800_000,
        "user": "<user>",
        "draft": {
            "prices": [{"model": "gpt-x", "prices": {"input": "1"}}],
            "customer_prices": [{"user": "<user>", "model": "gpt-x", "prices": {"input": "1"}}],
            "channel_pricing": [{"channel": "<channel>", "pricing": [ROW]}],
            "group_multipliers": [{"group": "<group>", "multiplier": "0.5"}],
            "user_multipliers": [{"user": "<user>", "group": "<group>", "multiplier": "0.5"}],
        },
    },
    "POST /pricing/rerates": {"simulation": "job_missing", "reason": "wrong list"},
    "POST /settings": {"name": "maintenance", "value": True},
    "PUT /settings/<name>": {"value": "7.1"},
    "PUT /settings/beta-policy": {"rules": [{"beta_token": "a-1", "action": "filter"}]},
    "POST /admin_tokens": {"name": "script", "role": "auditor"},
    "PATCH /admin_tokens/<token>": {"name": "desktop"},
}

QUERIES: Final[dict[str, dict[str, str]]] = {
    "/price": {"model": "gpt-x"},
    "/price/versions": {"model": "gpt-x"},
    "/channels/model-pricing": {"model": "gpt-x"},
    "/price/cancel": {"model": "gpt-x"},
    "/price/rollback": {"model": "gpt-x"},
    "/price/lock": {"model": "gpt-x"},
    "/model_groups": {"model": "gpt-x"},
    "/model_group": {"model": "gpt-x", "code": "default"},
    "/default_group": {"model": "gpt-x"},
    "/model_group_channels": {"model": "gpt-x", "code": "default", "channel": "chn_missing"},
    "/users/<user>/model_pricing": {"model": "gpt-x"},
    "/users/<user>/customer_price": {"model": "gpt-x", "code": "default"},
    "/users/<user>/customer_price/versions": {"model": "gpt-x", "code": "default"},
    "/users/<user>/customer_price/cancel": {"model": "gpt-x", "code": "default"},
    "/users/<user>/customer_price/rollback": {"model": "gpt-x", "code": "default"},
    "/users/<user>/effective_price": {"model": "gpt-x"},
}
UPSERTS: Final = ("POST /model_group", "POST /model_group_channels", "GET /model_group_channels")
"""Routes whose path wants a query with other methods only."""


def query_of(route: str) -> dict[str, str]:
    """The query of a route: which model it is about."""
    canonical = route.replace(ALIAS, "")
    return {} if canonical in UPSERTS else QUERIES.get(canonical.partition(" ")[2], {})


def body_of(route: str, world: World) -> dict[str, Any]:
    """The valid body of a route, with ids of what is there."""
    body: dict[str, Any] = json.loads(world.path(json.dumps(BODIES[route])))
    return body
