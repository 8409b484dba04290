"""Which id a model has on a Bedrock account: every row typed out."""

from collections.abc import Mapping

import pytest

from tollgate.domain.bedrock_models import ALIASES, area, model_id, recent, serves
from tollgate.domain.catalog import Account
from tollgate.domain.patterns import translate

PROFILE_ARN = (
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
)


def account(
    region: str = "us-east-1", mapping: Mapping[str, str] | None = None, *, forced: bool = False
) -> Account:
    return Account(
        "acc_1", "bedrock", "anthropic", "bedrock", "", {},
        region=region, force_global=forced, model_mapping=mapping or {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("region", "prefix"),
    [
        pytest.param("us-east-1", "us", id="northern virginia"),
        pytest.param("us-west-2", "us", id="oregon"),
        pytest.param("us-gov-east-1", "us-gov", id="government, east"),
        pytest.param("us-gov-west-1", "us-gov", id="government, west"),
        pytest.param("eu-west-1", "eu", id="ireland"),
        pytest.param("eu-central-1", "eu", id="frankfurt"),
        pytest.param("ap-northeast-1", "jp", id="tokyo"),
        pytest.param("ap-northeast-2", "apac", id="seoul is not japan"),
        pytest.param("ap-southeast-2", "au", id="sydney"),
        pytest.param("ap-southeast-1", "apac", id="singapore"),
        pytest.param("ap-south-1", "apac", id="mumbai"),
        pytest.param("ca-central-1", "us", id="canada"),
        pytest.param("sa-east-1", "us", id="brazil"),
        pytest.param("mars-north-1", "us", id="a region nobody knows"),
    ],
)
def test_a_region_has_a_prefix(region: str, prefix: str) -> None:
    assert area(region) == prefix


@pytest.mark.parametrize(
    ("used", "name", "expected"),
    [
        pytest.param(
            account("eu-west-1"),
            "claude-sonnet-4-5",
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            id="an alias in europe",
        ),
        pytest.param(
            account("ap-southeast-2", {"claude-*": "claude-opus-4-6"}),
            "claude-opus-4-6-thinking",
            "au.anthropic.claude-opus-4-6-v1",
            id="the account's mapping gives an alias, in australia",
        ),
        pytest.param(
            account(mapping={"claude-sonnet-4-6": "us.anthropic.claude-sonnet-4-6"}, forced=True),
            "claude-sonnet-4-6",
            "global.anthropic.claude-sonnet-4-6",
            id="the account's mapping gives a regional id, forced to be global",
        ),
        pytest.param(
            account(),
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            id="a bare id stays",
        ),
        pytest.param(
            account(forced=True),
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            id="a bare id stays, even where all is forced to be global",
        ),
        pytest.param(account(), "claude-3-5-sonnet-20241022", None, id="no alias, no id"),
        pytest.param(
            account("us-west-2"),
            "eu.anthropic.claude-opus-4-6-v1",
            "us.anthropic.claude-opus-4-6-v1",
            id="a european id in oregon",
        ),
        pytest.param(
            account("eu-west-1"),
            "global.anthropic.claude-sonnet-4-6",
            "eu.anthropic.claude-sonnet-4-6",
            id="a global id in ireland",
        ),
        pytest.param(
            account("us-gov-east-1"),
            "us.anthropic.claude-opus-4-6-v1",
            "us-gov.anthropic.claude-opus-4-6-v1",
            id="an american id in a government region",
        ),
        pytest.param(
            account("us-east-1"),
            "us-gov.anthropic.claude-opus-4-6-v1",
            "us.anthropic.claude-opus-4-6-v1",
            id="a government id in an ordinary region",
        ),
        pytest.param(
            account("ap-northeast-1"),
            "apac.amazon.nova-pro-v1:0",
            "jp.amazon.nova-pro-v1:0",
            id="another vendor's regional id",
        ),
        pytest.param(account(), "Claude-Opus-4-6", "us.anthropic.claude-opus-4-6-v1",
                     id="any case"),
        pytest.param(account(""), "claude-opus-4-1", "us.anthropic.claude-opus-4-1-20250805-v1:0",
                     id="no region is northern virginia"),
        pytest.param(account("eu-west-1"), PROFILE_ARN, PROFILE_ARN, id="an ARN stays"),
        pytest.param(account(), "amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", id="amazon"),
        pytest.param(account(), "meta.llama3-70b-instruct-v1:0", "meta.llama3-70b-instruct-v1:0",
                     id="meta"),
        pytest.param(account(), "mistral.mistral-large-2402-v1:0",
                     "mistral.mistral-large-2402-v1:0", id="mistral"),
        pytest.param(account(), "us.nobody.model", None, id="a prefix and a vendor nobody knows"),
        pytest.param(account(), "eu.", None, id="a prefix alone"),
        pytest.param(account(), "anthropic.", None, id="a vendor alone"),
        pytest.param(account(), "anthropic.claude/../../other", None, id="no path"),
        pytest.param(account(), "arn:aws:s3:::bucket", None, id="an ARN of something else"),
        pytest.param(account(), "gpt-4o", None, id="another vendor's name"),
    ],
)  # fmt: skip
def test_a_name_has_an_id(used: Account, name: str, expected: str | None) -> None:
    assert model_id(used, translate(used.model_mapping, name)) == expected
    assert serves(used, name) is (expected is not None)


def test_aliases_are_these() -> None:
    assert ALIASES == {
        "claude-opus-4-6": "us.anthropic.claude-opus-4-6-v1",
        "claude-opus-4-6-thinking": "us.anthropic.claude-opus-4-6-v1",
        "claude-opus-4-5": "us.anthropic.claude-opus-4-5-20251101-v1:0",
        "claude-opus-4-5-thinking": "us.anthropic.claude-opus-4-5-20251101-v1:0",
        "claude-opus-4-5-20251101": "us.anthropic.claude-opus-4-5-20251101-v1:0",
        "claude-opus-4-1": "us.anthropic.claude-opus-4-1-20250805-v1:0",
        "claude-opus-4-20250514": "us.anthropic.claude-opus-4-20250514-v1:0",
        "claude-sonnet-4-6": "us.anthropic.claude-sonnet-4-6",
        "claude-sonnet-4-6-thinking": "us.anthropic.claude-sonnet-4-6",
        "claude-sonnet-4-5": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5-thinking": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5-20250929": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-20250514": "us.anthropic.claude-sonnet-4-20250514-v1:0",
        "claude-haiku-4-5": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "claude-haiku-4-5-20251001": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["us.anthropic.claude-opus-4-6-v1"], True, id="opus 4.6"),
        pytest.param(["us.anthropic.claude-sonnet-4-6"], True, id="sonnet 4.6"),
        pytest.param(["us.anthropic.claude-sonnet-4-5-20250929-v1:0"], True, id="4.5 with a date"),
        pytest.param(["anthropic.claude-haiku-4-5-20251001-v1:0"], True, id="haiku 4.5"),
        pytest.param(["us.anthropic.claude-sonnet-5-0-v1"], True, id="sonnet 5.0"),
        pytest.param(["us.anthropic.claude-sonnet-5"], True, id="sonnet 5, no minor"),
        pytest.param(["us.anthropic.claude-opus-4-7-v1"], True, id="opus 4.7"),
        pytest.param(["us.anthropic.claude-opus-4-10-v1"], True, id="4.10 is later than 4.5"),
        pytest.param(["anthropic.claude-3-5-sonnet-20241022-v2:0"], False, id="3.5 sonnet"),
        pytest.param(["anthropic.claude-3-opus-20240229-v1:0"], False, id="3 opus"),
        pytest.param(["us.anthropic.claude-opus-4-1-20250805-v1:0"], False, id="opus 4.1"),
        pytest.param(["us.anthropic.claude-sonnet-4-0"], False, id="sonnet 4.0"),
        pytest.param(["us.anthropic.claude-sonnet-4-20250514-v1:0"], False, id="a date, no minor"),
        pytest.param(["amazon.nova-pro-v1:0"], False, id="no Claude"),
        pytest.param([PROFILE_ARN], True, id="an ARN that tells"),
        pytest.param(
            ["arn:aws:bedrock:us-east-1:1:application-inference-profile/x", "claude-opus-4-6"],
            True,
            id="an ARN that tells nothing, by the name that led to it",
        ),
        pytest.param(
            ["us.anthropic.claude-opus-4-1-20250805-v1:0", "claude-opus-4-6"],
            False,
            id="the first that tells decides",
        ),
        pytest.param([], False, id="no name"),
    ],
)
def test_a_name_tells_whether_a_model_is_recent(names: list[str], expected: bool) -> None:
    assert recent(names) is expected
