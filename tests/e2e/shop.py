"""A shop on the running stack: everything that prices know, set up through the admin API alone."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from local.stack import Stack
from tests.e2e.lab import PATIENCE, Lab, account_of, eventually, open_lab

FUNDS_USD: Final = "20"
SERVED: Final = {
    "openai": [
        "shop-agreed",
        "shop-changing",
        "shop-later",
        "shop-range",
        "shop-tiers",
        "shop-mapped",
        "whisper-shop",
        "dall-e-shop",
    ],
    "anthropic": ["shop-agreed"],
    "gemini": ["shop-agreed", "shop-painter", "shop-sketch", "shop-canvas"],
}
FLAT: Final = {"input": "1", "output": "4"}
PAINTED: Final = {"input": "0.3", "output": "2.5", "output_image": "30"}
PRICES: Final[tuple[dict[str, Any], ...]] = (
    {"model": "shop-agreed", "prices": FLAT | {"cache_read": "0.5"}},
    {"model": "shop-changing", "prices": FLAT},
    {"model": "shop-later", "prices": FLAT},
    {"model": "shop-range", "prices": {"input": "3", "output": "12", "cache_read": "0.3"}},
    {"model": "shop-tiers", "prices": FLAT, "tiers": {"priority": {"input": "2", "output": "8"}}},
    {"model": "shop-asked", "prices": {"input": "1", "output": "1"}},
    {"model": "shop-mapped", "prices": {"input": "2", "output": "2"}},
    {"model": "shop-wire", "prices": {"input": "3", "output": "3"}},
    {"model": "shop-painter", "prices": PAINTED},
    {"model": "shop-sketch", "prices": PAINTED},
    {"model": "shop-canvas", "prices": PAINTED},
    {
        "model": "whisper-shop",
        "mode": "seconds",
        "price_per_second": "0.50",
        "currency": "CNY",
        "fx": "7.0",
    },
    {
        "model": "dall-e-shop",
        "mode": "times",
        "prices": {"images": "0.04"},
        "intervals": [
            {"label": "2K", "prices": {"images": "0.08"}},
            {"label": "4K", "prices": {"images": "0.16"}},
            {"label": "hd/1024x1024", "prices": {"images": "0.06"}},
        ],
    },
)
RANGES: Final = {
    "platform": "openai",
    "models": ["shop-range"],
    "prices": {"input": "2", "output": "8"},
    "intervals": [
        {"minimum": 0, "maximum": 128_000, "prices": {"input": "2"}},
        {"minimum": 128_000, "maximum": None, "prices": {"input": "4", "output": "16"}},
    ],
}
PICTURES: Final = (
    {"platform": "gemini", "models": ["shop-painter"], "image_output_price": "40"},
    {"platform": "gemini", "models": ["shop-sketch"], "image_output_price": "0"},
    {"platform": "gemini", "models": ["shop-canvas"], "prices": {"input": "0.2"}},
)
BILLED_BY: Final = ("requested", "channel_mapped", "upstream")
TIERS: Final[tuple[tuple[str, str | None, bool], ...]] = (
    ("vip", "0.5", True),
    ("closed", "0.5", False),
    ("bare", None, True),
)
"""Model groups of shop-agreed: the price of the user's own there, and whether it is permitted."""


@dataclass
class Shop:
    """`keys` are secrets by what they are for; `charges` is what each user was told to pay."""

    lab: Lab
    other: str
    groups: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    charges: dict[str, list[int]] = field(default_factory=dict)

    def write(self, method: str, path: str, body: Any, **query: Any) -> Any:
        """Change something over the admin API, from the version there is."""
        headers: dict[str, str] = {}
        if method != "POST":
            headers["if-match"] = self.lab.admin.get(path, params=query).headers["etag"]
        answer = self.lab.admin.request(method, path, json=body, params=query, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def quote(self, model: str, key: str) -> dict[str, Any]:
        """What a chat call would cost, or why it would be refused."""
        answer = httpx.post(
            f"{self.lab.url}/v1/chat/completions",
            params={"dry_run": "true"},
            json={
                "model": model,
                "max_tokens": 100,
                "messages": [{"role": "user", "content": "?"}],
            },
            headers={"authorization": f"Bearer {self.keys[key]}"},
            timeout=PATIENCE,
        )
        found: dict[str, Any] = answer.json()
        return found

    def settled(self, user: str) -> dict[str, Any]:
        """A user's wallet once every call is settled."""
        wallet: dict[str, Any] = eventually(
            lambda: self.lab.get(f"/users/{user}/wallet"), lambda seen: seen["open_calls"] == 0
        )
        return wallet

    def charged(self, key: str, request_id: str, usd: str) -> dict[str, Any]:
        """The receipt of a call, which has to say this charge, line by line."""
        headers = {"authorization": f"Bearer {self.keys[key]}"}
        answer = httpx.get(
            f"{self.lab.url}/v1/receipts/{request_id}", headers=headers, timeout=PATIENCE
        )
        receipt: dict[str, Any] = answer.json()
        lines = sum(nanos(line["amount_usd"]) for line in receipt["lines"])
        assert (receipt["charge_usd"], lines) == (usd, nanos(usd)), receipt
        user = self.other if key == "other" else self.lab.user
        self.charges.setdefault(user, []).append(nanos(usd))
        return receipt

    def paid(self, key: str, headers: Any, usd: str) -> dict[str, Any]:
        """The receipt of a whole answer, whose header says the same charge."""
        assert headers["x-tollgate-charge"] == usd
        return self.charged(key, headers["x-request-id"], usd)


def nanos(usd: str) -> int:
    """Dollars as the API writes them, in nanos."""
    whole, _, part = usd.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))


def open_shop(stack: Stack) -> Shop:
    """A shop whose every price is published."""
    lab = open_lab(stack, FUNDS_USD)
    shop = Shop(lab, other="", keys={"plain": lab.secret}, groups={"plain": lab.group})
    for price in PRICES:
        shop.write("POST", "/prices", price)
    open_groups(shop)
    open_accounts(shop)
    agree(shop)
    open_keys(shop)
    await_published(shop)
    return shop


def open_groups(shop: Shop) -> None:
    """Groups with channels: by range, by picture, by each name on the way; and one with rates."""
    open_group(shop, "range", pricing=[RANGES])
    open_group(shop, "pictures", "gemini", pricing=[*PICTURES])
    for source in BILLED_BY:
        mapping = {"openai": {"shop-asked": "shop-mapped"}}
        open_group(shop, source, model_mapping=mapping, billing_model_source=source)
    open_group(shop, "rates", multiplier="3")


def open_group(
    shop: Shop, name: str, platform: str = "openai", multiplier: str = "1", **channel: Any
) -> None:
    """A group of the shop, with a channel of its own where anything is said of one."""
    named = f"{name} of {shop.lab.credentials}"
    body = {"name": named, "platform": platform, "multiplier": multiplier}
    shop.groups[name] = shop.write("POST", "/groups", body)["id"]
    if channel:
        shop.write("POST", "/channels", {"name": named, "groups": [shop.groups[name]], **channel})


def open_accounts(shop: Shop) -> None:
    """An account of each vendor that serves every group."""
    upstream = shop.lab.stack.environment["TOLLGATE_UPSTREAM_URL"]
    for platform, models in SERVED.items():
        account = account_of(platform, upstream, shop.lab.credentials, shop.lab.group)
        more = {"name": f"shop {platform}", "models": models, "groups": [*shop.groups.values()]}
        mapping = {"model_mapping": {"shop-mapped": "shop-wire"}} if platform == "openai" else {}
        shop.write("POST", "/accounts", account | more | mapping)


def agree(shop: Shop) -> None:
    """Prices of the user's own for shop-agreed, in its default group and in others."""
    own = {"group_code": "default", "price": {"prices": {"input": "0.8", "output": "3.2"}}}
    operations: list[dict[str, Any]] = [own]
    for code, price, permitted in TIERS:
        tier = {"model": "shop-agreed", "code": code}
        shop.write("POST", "/model_group", tier)
        operation: dict[str, Any] = {"group_code": code, "permitted": permitted}
        if price is not None:
            operation["price"] = {"prices": {"input": price, "output": "2"}}
        operations.append(operation)
    path = f"/users/{shop.lab.user}/model_pricing"
    shop.write("POST", path, {"operations": operations}, model="shop-agreed")


def open_keys(shop: Shop) -> None:
    """A key for each group and each tier, and another user with the same group of rates."""
    lab = shop.lab
    for name in ("range", "pictures", "rates", *BILLED_BY):
        shop.keys[name] = key_of(shop, lab.user, group=shop.groups[name])
    for code, _, _ in TIERS:
        shop.keys[code] = key_of(shop, lab.user, group=lab.group, pricing_group=code)
    shop.other = shop.write("POST", "/users", {"email": f"other-{lab.user}@example.com"})["id"]
    credit = {"amount_usd": "1", "kind": "topup", "reference": f"other-{lab.user}"}
    shop.write("POST", f"/users/{shop.other}/wallet/credits", credit)
    shop.keys["other"] = key_of(shop, shop.other, group=shop.groups["rates"])
    rates = {"entries": [{"user_id": lab.user, "multiplier": "0.5"}]}
    shop.write("PUT", f"/groups/{shop.groups['rates']}/rate-multipliers", rates)


def key_of(shop: Shop, user: str, **body: str) -> str:
    secret: str = shop.write("POST", f"/users/{user}/keys", body)["secret"]
    return secret


def await_published(shop: Shop) -> None:
    """Until relays quote by every price; what was written last is looked at first."""
    expected = {
        "rates": ("shop-tiers", "multiplier", "0.5"),
        "other": ("shop-tiers", "multiplier", "3"),
        "vip": ("shop-agreed", "source", "customer"),
        "plain": ("shop-agreed", "source", "customer"),
        "range": ("shop-range", "source", "channel"),
        **dict.fromkeys(BILLED_BY, ("shop-asked", "source", "official")),
    }
    for key, (model, member, value) in expected.items():
        await_quote(shop, (key, model), member, value)


def await_quote(shop: Shop, asking: tuple[str, str], member: str, value: object) -> None:
    """Until a key's calls of a model are quoted with this member of the price."""
    key, model = asking
    eventually(
        lambda: shop.quote(model, key), lambda seen: seen.get("price", {}).get(member) == value
    )
