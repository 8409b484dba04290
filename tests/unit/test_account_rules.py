"""Which upstream accounts are refused: by the field that is named, and in which words."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from tests.catalog_samples import ACCOUNT
from tollgate.domain.account_rules import check_account
from tollgate.domain.catalog import PauseRule
from tollgate.domain.definitions import AccountDefinition, AccountQuota
from tollgate.domain.errors import ValidationFailed

BEDROCK: Final = replace(
    ACCOUNT, type="bedrock", platform="anthropic", auth_mode="sigv4", region="us-east-1"
)
VERTEX: Final = replace(
    ACCOUNT, type="service_account", platform="gemini", project="my-project-1", region="us-central1"
)
ANTIGRAVITY: Final = replace(ACCOUNT, type="oauth", platform="antigravity")


def refusal(account: AccountDefinition) -> str | None:
    try:
        check_account(account)
    except ValidationFailed as refused:
        named = refused.message.startswith(f"{refused.param}: ")
        return refused.message if named else f"does not name {refused.param}"
    return None


@pytest.mark.parametrize(
    "account",
    [
        pytest.param(ACCOUNT, id="an API key of an OpenAI-compatible vendor"),
        pytest.param(replace(ACCOUNT, platform="anthropic"), id="an API key of Anthropic"),
        pytest.param(replace(ACCOUNT, platform="gemini"), id="an API key of Gemini"),
        pytest.param(replace(ACCOUNT, pool_retries=0), id="a pool that is never asked twice"),
        pytest.param(replace(ACCOUNT, pool_retries=10), id="a pool that is asked ten times more"),
        pytest.param(BEDROCK, id="Bedrock with keys"),
        pytest.param(replace(BEDROCK, auth_mode="apikey"), id="Bedrock with an API key"),
        pytest.param(replace(BEDROCK, force_global=True, pool_retries=3), id="Bedrock, all fields"),
        pytest.param(
            replace(BEDROCK, platform="openai"), id="Bedrock for whom the admin says otherwise"
        ),
        pytest.param(replace(BEDROCK, region="us-gov-east-1"), id="Bedrock for a government"),
        pytest.param(VERTEX, id="Vertex"),
        pytest.param(replace(VERTEX, platform="anthropic", region="global"), id="Claude on Vertex"),
        pytest.param(replace(VERTEX, project="example.com:my-project"), id="a domain's project"),
        pytest.param(ANTIGRAVITY, id="Antigravity"),
        pytest.param(
            replace(ANTIGRAVITY, mixed=True, overages=True, project="p-1"), id="Antigravity, all"
        ),
        pytest.param(replace(ACCOUNT, error_codes=(400, 429, 599)), id="statuses that count"),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(400, 1), PauseRule(599, 10_080, ("quota",)))),
            id="rules of rest",
        ),
        pytest.param(
            replace(ACCOUNT, proxy="http://proxy.example.com:3128", proxy_secret={"version": 1}),
            id="a proxy that asks for a password",
        ),
        pytest.param(replace(ACCOUNT, keys=50), id="fifty keys"),
        pytest.param(replace(ACCOUNT, concurrency=0, load_factor=0), id="any number at once"),
        pytest.param(replace(ACCOUNT, expires_at=10**12), id="expired long ago"),
    ],
)
def test_what_is_allowed(account: AccountDefinition) -> None:
    assert refusal(account) is None


@pytest.mark.parametrize(
    ("account", "message"),
    [
        pytest.param(
            replace(ACCOUNT, platform="opnai"),
            "platform: one of anthropic, antigravity, gemini, openai",
            id="a mistyped platform",
        ),
        pytest.param(
            replace(ACCOUNT, type="cookie"),
            "type: one of apikey, bedrock, service_account, oauth",
            id="a type there is not",
        ),
        pytest.param(
            replace(ACCOUNT, platform="antigravity"),
            "platform: an account of type apikey serves anthropic or gemini or openai",
            id="Antigravity with an API key",
        ),
        pytest.param(
            replace(BEDROCK, platform="antigravity"),
            "platform: an account of type bedrock serves anthropic or gemini or openai",
            id="Antigravity on Bedrock",
        ),
        pytest.param(
            replace(VERTEX, platform="openai"),
            "platform: an account of type service_account serves gemini or anthropic",
            id="OpenAI on Vertex",
        ),
        pytest.param(
            replace(ANTIGRAVITY, platform="gemini"),
            "platform: an account of type oauth serves antigravity",
            id="a refresh token for Gemini",
        ),
        pytest.param(
            replace(BEDROCK, auth_mode=""),
            "auth_mode: an account of type bedrock needs it",
            id="Bedrock without a mode",
        ),
        pytest.param(
            replace(BEDROCK, auth_mode="bearer"),
            "auth_mode: one of apikey, sigv4",
            id="Bedrock with a mode there is not",
        ),
        pytest.param(
            replace(BEDROCK, region=""),
            "region: an account of type bedrock needs it",
            id="Bedrock without a region",
        ),
        pytest.param(
            replace(BEDROCK, region="us-east-1.evil.example/"),
            "region: not a region's name, such as us-east-1",
            id="a host for a region",
        ),
        pytest.param(
            replace(BEDROCK, project="p-1"),
            "project: an account of type bedrock has none",
            id="Bedrock with a project",
        ),
        pytest.param(
            replace(VERTEX, project=""),
            "project: an account of type service_account needs it",
            id="Vertex without a project",
        ),
        pytest.param(
            replace(VERTEX, project="p/../x"), "project: not a project's id", id="a path for one"
        ),
        pytest.param(
            replace(VERTEX, region=""),
            "region: an account of type service_account needs it",
            id="Vertex without a region",
        ),
        pytest.param(
            replace(VERTEX, auth_mode="sigv4"),
            "auth_mode: an account of type service_account has none",
            id="Vertex with a mode",
        ),
        pytest.param(
            replace(VERTEX, pool_retries=3),
            "pool_retries: an account of type service_account has none",
            id="a pool of one service account",
        ),
        pytest.param(
            replace(ANTIGRAVITY, pool_retries=0),
            "pool_retries: an account of type oauth has none",
            id="a pool of one refresh token",
        ),
        pytest.param(
            replace(ACCOUNT, region="us-east-1"),
            "region: an account of type apikey has none",
            id="an API key in a region",
        ),
        pytest.param(
            replace(ACCOUNT, mixed=True),
            "mixed: an account of type apikey has none",
            id="an API key for more than its platform",
        ),
        pytest.param(
            replace(BEDROCK, overages=True),
            "overages: an account of type bedrock has none",
            id="AI credits on Bedrock",
        ),
        pytest.param(
            replace(ACCOUNT, force_global=True),
            "force_global: an account of type apikey has none",
            id="an API key with inference profiles",
        ),
        pytest.param(
            replace(ACCOUNT, base_url="ftp://x"),
            "base_url: an http or https address",
            id="ftp",
        ),
        pytest.param(replace(ACCOUNT, keys=0), "credentials: 1 to 50 API keys", id="no key"),
        pytest.param(replace(ACCOUNT, keys=51), "credentials: 1 to 50 API keys", id="51 keys"),
        pytest.param(
            replace(ACCOUNT, model_mapping={"a": "x", " A": "y"}),
            "model_mapping: a name is there twice",
            id="two spellings of a source",
        ),
        pytest.param(
            replace(ACCOUNT, model_mapping={"a": ""}),
            "model_mapping: a name is empty",
            id="mapped to nothing",
        ),
        pytest.param(
            replace(ACCOUNT, cost_multiplier=Decimal(-1)),
            "cost_multiplier: 0 to 1000 with at most 6 decimals",
            id="a cost below zero",
        ),
        pytest.param(
            replace(ACCOUNT, weight=-1),
            "weight: 0 to 1000000; 0 drains the account",
            id="a weight below zero",
        ),
        pytest.param(
            replace(ACCOUNT, concurrency=-1),
            "concurrency: 0 to 100000; 0 allows any number",
            id="less than nobody at once",
        ),
        pytest.param(
            replace(ACCOUNT, load_factor=100_001),
            "load_factor: 0 to 100000; 0 is its concurrency",
            id="too large a load factor",
        ),
        pytest.param(replace(ACCOUNT, pool_retries=-1), "pool_retries: 0 to 10", id="minus one"),
        pytest.param(replace(ACCOUNT, pool_retries=99), "pool_retries: 0 to 10", id="99 retries"),
        pytest.param(
            replace(ACCOUNT, expires_at=1_795_382_356),
            "expires_at: epoch milliseconds, not seconds",
            id="expires in seconds",
        ),
        pytest.param(
            replace(ACCOUNT, models=("gpt-*-mini",)),
            "models: only the last character may be *",
            id="sells by a star in the middle",
        ),
        pytest.param(
            replace(ACCOUNT, model_mapping={"*-latest": "gpt-4o"}),
            "model_mapping: only the last character may be *",
            id="maps by a star at the beginning",
        ),
        pytest.param(
            replace(ACCOUNT, notes="n" * 1_001), "notes: at most 1000 characters", id="a novel"
        ),
        pytest.param(
            replace(ACCOUNT, proxy_secret={"version": 1}),
            "proxy_credentials: name the proxy that they are for",
            id="a password for no proxy",
        ),
        pytest.param(
            replace(ACCOUNT, error_codes=(399,)),
            "error_codes: statuses of 400 to 599",
            id="a redirect",
        ),
        pytest.param(
            replace(ACCOUNT, error_codes=(429, 600)),
            "error_codes: statuses of 400 to 599",
            id="no status",
        ),
        pytest.param(
            replace(ACCOUNT, error_codes=(429, 429)),
            "error_codes: a status is there twice",
            id="a status twice",
        ),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(429, 5), PauseRule(200, 5))),
            "pauses[2].status: a status of 400 to 599",
            id="rests after success",
        ),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(429, 0),)),
            "pauses[1].minutes: 1 to 10080",
            id="rests for no time",
        ),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(429, 10_081),)),
            "pauses[1].minutes: 1 to 10080",
            id="rests for more than a week",
        ),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(429, 1, (" ",)),)),
            "pauses[1].keywords: words of 1 to 100 characters",
            id="an empty word",
        ),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(429, 1, ("w" * 101,)),)),
            "pauses[1].keywords: words of 1 to 100 characters",
            id="too long a word",
        ),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(429, 1, ("w",) * 21),)),
            "pauses[1].keywords: at most 20",
            id="too many words",
        ),
        pytest.param(
            replace(ACCOUNT, pauses=(PauseRule(429, 1),) * 51),
            "pauses: at most 50",
            id="too many rules",
        ),
    ],
)
def test_what_is_refused(account: AccountDefinition, message: str) -> None:
    assert refusal(account) == message


@pytest.mark.parametrize(
    ("quotas", "message"),
    [
        pytest.param({"total": AccountQuota(1)}, None, id="a total"),
        pytest.param({"day": AccountQuota(1, hour=0)}, None, id="hour 0"),
        pytest.param({"day": AccountQuota(1, "fixed", hour=23)}, None, id="hour 23"),
        pytest.param({"week": AccountQuota(1, "fixed", weekday=0)}, None, id="day 0"),
        pytest.param({"week": AccountQuota(1, "fixed", weekday=6)}, None, id="day 6"),
        pytest.param({"day": AccountQuota(1, zone="Asia/Shanghai")}, None, id="a zone"),
        pytest.param(
            {"month": AccountQuota(1)}, "quotas: one of total, day, week", id="no such window"
        ),
        pytest.param(
            {"day": AccountQuota(-1)},
            "quotas.day.limit_usd: not negative; 0 is no limit",
            id="a limit below zero",
        ),
        pytest.param(
            {"day": AccountQuota(1, zone="Mars/Olympus")},
            "quotas.day.zone: not an IANA time zone, such as Asia/Shanghai",
            id="a bad zone",
        ),
        pytest.param(
            {"day": AccountQuota(1, zone="")},
            "quotas.day.zone: not an IANA time zone, such as Asia/Shanghai",
            id="no zone",
        ),
        pytest.param(
            {"day": AccountQuota(1, zone="../../etc/passwd")},
            "quotas.day.zone: not an IANA time zone, such as Asia/Shanghai",
            id="a file for a zone",
        ),
        pytest.param(
            {"day": AccountQuota(1, "sliding")},  # type: ignore[arg-type]
            "quotas.day.reset: one of rolling, fixed",
            id="a bad mode",
        ),
        pytest.param(
            {"total": AccountQuota(1, "fixed")},
            "quotas.total.reset: the total is never reset by itself; leave it out",
            id="a total that resets",
        ),
        pytest.param({"day": AccountQuota(1, hour=24)}, "quotas.day.hour: 0 to 23", id="hour 24"),
        pytest.param({"day": AccountQuota(1, hour=-1)}, "quotas.day.hour: 0 to 23", id="hour -1"),
        pytest.param(
            {"week": AccountQuota(1, hour=25)}, "quotas.week.hour: 0 to 23", id="weekly hour 25"
        ),
        pytest.param(
            {"week": AccountQuota(1, weekday=7)},
            "quotas.week.weekday: 0 (Sunday) to 6",
            id="day 7",
        ),
        pytest.param(
            {"week": AccountQuota(1, weekday=-1)},
            "quotas.week.weekday: 0 (Sunday) to 6",
            id="day -1",
        ),
    ],
)
def test_a_quota(quotas: Mapping[str, AccountQuota], message: str | None) -> None:
    assert refusal(replace(ACCOUNT, quotas=quotas)) == message
