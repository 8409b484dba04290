"""What forms for customers' prices are told in Chinese: by row and field, as in English."""

from typing import Any

import pytest

from tests.customer_pricing import FIGURES, agree, furnished, opened


@pytest.mark.parametrize(
    ("operation", "chinese"),
    [
        pytest.param(
            {"group_code": "video", "price": FIGURES},
            "operations[2].mode：价格类型是 tokens，而该模型分组按 seconds 计费",
            id="another type than the group's",
        ),
        pytest.param(
            {"group_code": "video", "price": {"mode": "seconds", "prices": {"seconds": "0"}}},
            "operations[2].price.free：请确认价格为零",
            id="free by mistake",
        ),
        pytest.param(
            {"group_code": "VIP", "permitted": False},
            "operations[2].group_code：与第 1 项重复",
            id="a group twice",
        ),
    ],
)
def test_a_refusal_speaks_chinese(operation: Any, chinese: str) -> None:
    with opened() as api:
        refused = agree(api, furnished(api), {"group_code": "vip", "permitted": True}, operation)
    assert (refused.status, refused.json["messages"]["zh"]) == (422, chinese)
