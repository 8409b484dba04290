"""Statistics for users over HTTP: all of their own, nothing of others', no route and no cost."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.portal_api import Browser, Portal, joined, lasting_portal
from tests.statistics_samples import CHATS, EARLIER, OUR_OWN, PICTURE, TOTAL, fill, without


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with lasting_portal() as found:
        yield found


@pytest.fixture(scope="module")
def ann(portal: Portal) -> Browser:
    browser = joined(portal, "ann@example.com")
    fill(portal.stores.rollups, browser.user)
    return browser


@pytest.fixture(scope="module")
def bob(portal: Portal, ann: Browser) -> Browser:
    return joined(portal, "bob@example.com")


def test_users_read_their_own_sums_without_what_calls_cost_us(ann: Browser, bob: Browser) -> None:
    models = ann.call("GET", "/statistics/models", query=EARLIER)
    assert models.json["entries"] == [without(CHATS, *OUR_OWN), without(PICTURE, *OUR_OWN)]
    overview = ann.call("GET", "/statistics/overview", query=EARLIER)
    assert overview.json["total"] == without(TOTAL, *OUR_OWN)
    assert [point["calls"] for point in overview.json["points"]] == [0, 3]
    for text in (models.text, overview.text):
        assert [word for word in ("canary", "cost", "margin", "grp_", "vip") if word in text] == []
    assert bob.call("GET", "/statistics/models", query=EARLIER).json["entries"] == []
    assert bob.call("GET", "/statistics/overview", query=EARLIER).json["total"]["calls"] == 0


@pytest.mark.parametrize("path", ["models", "overview"])
@pytest.mark.parametrize(
    "query",
    [
        {"user": "usr_0123456789abcdef"},
        {"model_source": "upstream"},
        {"account": "acc_1"},
        {"from": 1},
    ],
)
def test_users_cannot_ask_for_more(ann: Browser, path: str, query: dict[str, Any]) -> None:
    assert ann.call("GET", f"/statistics/{path}", query=query).status == 400
