"""Limits of users over several wallet shards: each counts where its calls go."""

from dataclasses import replace
from typing import Any

import pytest

from tests.gateway import CHAT, GROUP, KEY, PROFILE, USAGE, USER, Gateway, Seen, chat_answer
from tollgate.domain.catalog import GroupPart, Limits
from tollgate.domain.definitions import UserDefinition
from tollgate.services.keys import shard_of

PATH = "/v1/chat/completions"
TIGHT = Limits(rpm=3, spend_day=900_000_000)
QUOTA = 500_000_000


def sharded(group: GroupPart = GROUP, **facts: Any) -> Gateway:
    """A user over four shards, with money on each."""
    key = replace(KEY, limited=facts.pop("limited", False))
    profile = replace(PROFILE, keys={key.secret_hash: key}, shards=4, **facts)
    gateway = Gateway(lambda request: chat_answer(USAGE), group=group, profile=profile)
    gateway.wallets.add_shards(USER, 4)
    for shard in (1, 2, 3):
        gateway.wallets.transfer(USER, 0, shard, 200_000_000)
    return gateway


def owner(**facts: Any) -> UserDefinition:
    plain: dict[str, Any] = {"id": USER, "email": "a@example.com", "name": "a", "shards": 4}
    return UserDefinition(**plain | facts)


def called(gateway: Gateway) -> Seen:
    return gateway.post(PATH, CHAT)


@pytest.mark.parametrize(
    ("group", "facts"),
    [
        pytest.param(replace(GROUP, limits=TIGHT), {}, id="its group has limits of its own"),
        pytest.param(GROUP, {"group_limits": {"grp_other": TIGHT}}, id="others are limited for it"),
        pytest.param(GROUP, {"limits": TIGHT}, id="its user has limits"),
    ],
)
def test_a_key_with_a_quota_is_served_where_its_quota_is(
    group: GroupPart, facts: dict[str, Any]
) -> None:
    gateway = sharded(group, limited=True, **facts)
    shard = shard_of(owner(**facts), KEY.alias)
    gateway.wallets.set_key_quota(USER, KEY.alias, QUOTA, shard)
    assert called(gateway).status == 200
    gateway.settle()
    view = gateway.wallets.read(USER)
    left = {each.shard: each.keys for each in view.shards if each.keys}
    assert left == {shard: {KEY.alias: 492_500_000}}


def test_a_users_large_limit_is_not_whole_where_a_group_is_limited() -> None:
    gateway = sharded(replace(GROUP, limits=Limits(rpm=400)), limits=Limits(rpm=800))
    tight = sharded(replace(GROUP, limits=Limits(rpm=300)), limits=Limits(rpm=800))
    found = [called(each).headers["x-ratelimit-limit-requests"] for each in (gateway, tight)]
    assert found == ["100", "200"]


def test_a_group_of_tight_limits_counts_in_one_place() -> None:
    gateway = sharded(replace(GROUP, limits=TIGHT))
    assert [called(gateway).status for _ in range(4)] == [200, 200, 200, 429]
