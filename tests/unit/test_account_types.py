"""What each type of account takes for granted: the vendor's own address, and whom it serves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.catalog_samples import ACCOUNT
from tollgate.domain.account_rules import ACCOUNT_TYPES, home_of


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        pytest.param({}, "", id="an API key may be anybody's"),
        pytest.param({"type": "cookie"}, "", id="no such type"),
        pytest.param(
            {"type": "bedrock", "region": "eu-west-1"},
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
            id="Bedrock",
        ),
        pytest.param(
            {"type": "service_account", "region": "europe-west4"},
            "https://europe-west4-aiplatform.googleapis.com",
            id="Vertex in a region",
        ),
        pytest.param(
            {"type": "service_account", "region": "global"},
            "https://aiplatform.googleapis.com",
            id="Vertex anywhere",
        ),
        pytest.param(
            {"type": "service_account", "region": "eu"},
            "https://aiplatform.eu.rep.googleapis.com",
            id="Vertex anywhere in Europe",
        ),
        pytest.param(
            {"type": "bedrock", "region": "cn-north-1"},
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
            id="Bedrock in China",
        ),
        pytest.param({"type": "oauth"}, "https://cloudcode-pa.googleapis.com", id="Antigravity"),
    ],
)
def test_the_address_of_the_vendor_itself(changes: Mapping[str, Any], address: str) -> None:
    assert home_of(replace(ACCOUNT, **changes)) == address


@pytest.mark.parametrize(
    ("kind", "platform"),
    [
        ("apikey", ""),
        ("bedrock", "anthropic"),
        ("service_account", "gemini"),
        ("oauth", "antigravity"),
    ],
)
def test_whom_a_type_serves_where_nobody_says(kind: str, platform: str) -> None:
    assert ACCOUNT_TYPES[kind].platform == platform
