"""Three calls of a user in rollups, and what staff and users are told of them: typed out."""

from typing import Any, Final

from tests.admin_api import NOW
from tollgate.domain.holds import Birth, new_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.store.rollups import Rollups

SECOND: Final = NOW // 1_000
HOUR_MS: Final = 3_600_000
EARLIER: Final = {"from": NOW - 3 * HOUR_MS, "to": NOW - HOUR_MS}
"""9:00 to 11:00 of a day; it is noon."""

CLASSES: Final = {
    "input": 0,
    "cache_read": 0,
    "cache_write_5m": 0,
    "cache_write_1h": 0,
    "input_audio": 0,
    "input_image": 0,
    "output": 0,
    "reasoning": 0,
    "output_audio": 0,
    "output_image": 0,
}


def record(user: str, number: int, **facts: Any) -> UsageRecord:
    """A call of 10:30."""
    began = SECOND - 5_400
    plain: dict[str, Any] = {
        "charge": 5_000_000,
        "cost": 2_000_000,
        "key": "key_1",
        "group": "grp_1",
        "account": "acc_canary",
        "model": "gpt-x",
        "upstream_model": "canary-x",
        "model_group": "vip",
        "usage": {"input": 1_000, "output": 200},
        "started": began * 1_000,
        "first_byte": began * 1_000 + 300,
        "ended": began * 1_000 + 900,
        "status": 200,
    }
    hold = new_hold_id(Birth(began, number, 0, 0, "k001"))
    return UsageRecord(user, hold, 9_000_000, **(plain | facts))


def fill(rollups: Rollups, user: str) -> None:
    """Two calls of a model, one of another with a picture; their hour is open."""
    rollups.mark_active("2026112210", [user])
    rollups.add([record(user, 1), record(user, 2, status=500, first_byte=0, ended=0)])
    painted = {"input": 10, "output_image": 1_290, "images": 1, "seconds": 8_040}
    rollups.add([record(user, 3, model="gpt-img", usage=painted, image_cost=4_000_000)])


CHATS: Final[dict[str, Any]] = {
    "name": "gpt-x",
    "calls": 2,
    "errors": 1,
    "tokens": 2_400,
    "usage": CLASSES | {"input": 2_000, "output": 400},
    "charge_usd": "0.01",
    "latency_ms": 450,
    "first_byte_ms": 300,
    "image_cost_usd": "0",
    "cost_usd": "0.004",
    "margin_usd": "0.006",
}
PICTURE: Final[dict[str, Any]] = {
    "name": "gpt-img",
    "calls": 1,
    "errors": 0,
    "tokens": 1_300,
    "usage": CLASSES | {"input": 10, "output_image": 1_290, "images": 1, "seconds": "8.04"},
    "charge_usd": "0.005",
    "latency_ms": 900,
    "first_byte_ms": 300,
    "image_cost_usd": "0.004",
    "cost_usd": "0.002",
    "margin_usd": "0.003",
}
TOTAL: Final[dict[str, Any]] = {
    "calls": 3,
    "errors": 1,
    "tokens": 3_700,
    "usage": CLASSES
    | {"input": 2_010, "output": 400, "output_image": 1_290, "images": 1, "seconds": "8.04"},
    "charge_usd": "0.015",
    "latency_ms": 600,
    "first_byte_ms": 300,
    "image_cost_usd": "0.004",
    "cost_usd": "0.006",
    "margin_usd": "0.009",
}
OUR_OWN: Final = ("image_cost_usd", "cost_usd", "margin_usd")


def without(figures: dict[str, Any], *names: str) -> dict[str, Any]:
    """Figures without some of them."""
    return {name: value for name, value in figures.items() if name not in names}
