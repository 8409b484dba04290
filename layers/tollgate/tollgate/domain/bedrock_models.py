"""Which of AWS's model ids a name means on a Bedrock account, and what that model can do."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.domain.patterns import normal, translate

REGION: Final = "us-east-1"
"""Where an account that names no region is."""

OPUS_4_6: Final = "us.anthropic.claude-opus-4-6-v1"
OPUS_4_5: Final = "us.anthropic.claude-opus-4-5-20251101-v1:0"
SONNET_4_6: Final = "us.anthropic.claude-sonnet-4-6"
SONNET_4_5: Final = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU_4_5: Final = "us.anthropic.claude-haiku-4-5-20251001-v1:0"

ALIASES: Final[Mapping[str, str]] = {
    "claude-opus-4-6": OPUS_4_6,
    "claude-opus-4-6-thinking": OPUS_4_6,
    "claude-opus-4-5": OPUS_4_5,
    "claude-opus-4-5-thinking": OPUS_4_5,
    "claude-opus-4-5-20251101": OPUS_4_5,
    "claude-opus-4-1": "us.anthropic.claude-opus-4-1-20250805-v1:0",
    "claude-opus-4-20250514": "us.anthropic.claude-opus-4-20250514-v1:0",
    "claude-sonnet-4-6": SONNET_4_6,
    "claude-sonnet-4-6-thinking": SONNET_4_6,
    "claude-sonnet-4-5": SONNET_4_5,
    "claude-sonnet-4-5-thinking": SONNET_4_5,
    "claude-sonnet-4-5-20250929": SONNET_4_5,
    "claude-sonnet-4-20250514": "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "claude-haiku-4-5": HAIKU_4_5,
    "claude-haiku-4-5-20251001": HAIKU_4_5,
}
"""Anthropic's own names; the region in the id is the account's where it is used."""

VENDORS: Final = (
    "ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|nvidia|openai|"
    "qwen|stability|twelvelabs|writer|zai"
)
MODEL: Final = re.compile(rf"(?:{VENDORS})\.[\w.:-]+", re.ASCII)
REGIONAL: Final = re.compile(rf"(?:us-gov|us|eu|apac|jp|au|global)\.({MODEL.pattern})", re.ASCII)
ARN: Final = re.compile(r"arn:aws[\w-]*:bedrock:[\w./:-]+", re.ASCII)

CLAUDE: Final = re.compile(r"claude-[a-z]+-(\d{1,2})(?!\d)(?:-(\d{1,2})(?!\d))?")
"""A Claude that names its family first, and its version: all since 4. A date is no version."""

RECENT: Final = (4, 5)


def area(region: str) -> str:
    """The prefix of inference profiles that serve a region."""
    if region.startswith("us-gov"):
        return "us-gov"
    if region == "ap-northeast-1":
        return "jp"
    if region == "ap-southeast-2":
        return "au"
    return {"eu-": "eu", "ap-": "apac"}.get(region[:3], "us")


def model_id(account: Account, name: str) -> str | None:
    """The id that a name, as the account's own mapping gives it, has at AWS; None without one.

    An alias or an inference profile gets the prefix of the account's region, or `global`; a bare
    model and an ARN are what they are.
    """
    known = ALIASES.get(normal(name), name)
    if found := REGIONAL.fullmatch(known):
        prefix = "global" if account.force_global else area(account.region or REGION)
        return f"{prefix}.{found[1]}"
    return known if MODEL.fullmatch(known) or ARN.fullmatch(known) else None


def serves(account: Account, model: str) -> bool:
    """Whether a Bedrock account has an id for a (channel-mapped) model."""
    return model_id(account, translate(account.model_mapping, model)) is not None


def recent(names: Iterable[str]) -> bool:
    """Whether the first of the names that tells a version of Claude tells 4.5 or later.

    An ARN may tell none; the names that led to it may.
    """
    for name in names:
        if found := CLAUDE.search(name):
            return (int(found[1]), int(found[2] or 0)) >= RECENT
    return False
