"""What calls cost by the imported price list, against LiteLLM's own calculation.

Runs that package in its own environment (`make setup-litellm`), on usages drawn from a fixed seed:
every class of a model that both know, sizes around its thresholds, its service tiers.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from tollgate.domain.charge import PriceSnapshot, charge
from tollgate.domain.price_draft import PriceDraft
from tollgate.domain.usage import INPUT_CLASSES, OUTPUT_CLASSES, Usage
from tollgate.store.catalog.official import bundled

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".venv-litellm/bin/python"
SEED: Final = 20_261_122
MODELS: Final = 150
USAGES: Final = 4
SIZES: Final = (0, 1, 999, 31_999, 32_000, 32_001, 100_000, 128_000, 128_001, 200_000, 200_001,
                256_001, 272_000, 272_001, 512_001)  # fmt: skip
PROVIDERS: Final = ("openai", "anthropic", "gemini", "azure", "xai", "deepseek", "mistral",
                    "vertex_ai-language-models", "vertex_ai-anthropic_models", "groq",
                    "bedrock_converse", "dashscope", "moonshot", "openrouter")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One usage of one model."""

    draft: PriceDraft
    provider: str
    tier: str
    tokens: dict[str, int]

    @property
    def asked(self) -> dict[str, Any]:
        """The case as LiteLLM is asked."""
        return {
            "model": self.draft.model,
            "provider": self.provider,
            "tier": self.tier,
            "tokens": self.tokens,
        }

    @property
    def nanos(self) -> int:
        """What we charge."""
        draft = self.draft
        rule = PriceSnapshot(
            "official", draft.model, 1, draft.model, draft.mode, draft.prices, draft.intervals,
            draft.tiers,
        )  # fmt: skip
        return charge(Usage(self.tokens, tier=self.tier), rule).nanos


def drawn(draft: PriceDraft, random: Random) -> Iterator[Case]:
    """Usages of a model: of the classes it prices, small ones and some around thresholds."""
    provider = draft.source.removeprefix("litellm:")
    priced = {name for name in (*INPUT_CLASSES, *OUTPUT_CLASSES) if name in draft.prices}
    tiers = ["", *sorted(draft.tiers)]
    for number in range(USAGES):
        tokens = {name: random.randrange(1, 20_000) for name in sorted(priced)}
        tokens["input"] = random.choice(SIZES)
        kept = {
            name: n for name, n in tokens.items() if n and (number or name in ("input", "output"))
        }
        yield Case(draft, provider, random.choice(tiers), kept)


KNOWN_DIFFERENCES: Final[dict[str, Callable[[Case], bool]]] = {
    "an input of 0 tokens is in none of LiteLLM's ranges, and all output is free there": (
        lambda case: bool(case.draft.intervals) and not any(map(case.tokens.get, INPUT_CLASSES))
    ),
    "LiteLLM finds the free gemini/gemini-exp-1206 under the name of the one that costs": (
        lambda case: case.draft.model == "gemini-exp-1206"
    ),
}
"""When which difference is to be expected, by its reason; at most ten (ruling R37)."""


@cache
def cases() -> list[Case]:
    """The same ones in every run."""
    random = Random(SEED)
    chat = [
        draft for draft in bundled()
        if draft.mode == "tokens" and "output" in draft.prices
        and draft.source.removeprefix("litellm:") in PROVIDERS
    ]  # fmt: skip
    stepped = [draft for draft in chat if draft.intervals or draft.tiers]
    plain = [draft for draft in chat if not (draft.intervals or draft.tiers)]
    chosen = random.sample(stepped, min(len(stepped), MODELS // 2))
    chosen += random.sample(plain, MODELS - len(chosen))
    return [case for draft in chosen for case in drawn(draft, random)]


@cache
def theirs() -> list[str | None]:
    """What LiteLLM charges for the cases."""
    done = subprocess.run(
        [PYTHON, "-W", "ignore", ROOT / "tests/peers/litellm_costs.py"],
        input=json.dumps([case.asked for case in cases()]),
        capture_output=True,
        check=True,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        text=True,
    )
    found: list[str | None] = json.loads(done.stdout)
    return found


def test_charges_are_those_of_litellm() -> None:
    compared, differing = [], []
    for case, cost in zip(cases(), theirs(), strict=True):
        if cost is None:
            continue
        compared.append(case)
        # A float errs by less than 1e-12 of the cost; ours rounds up to the next nano.
        beyond = case.nanos - Decimal(cost) * 10**9
        slack = Decimal(cost) * 10**9 / 10**12
        known = any(expected(case) for expected in KNOWN_DIFFERENCES.values())
        if not (known or -slack <= beyond <= 1 + slack):
            differing.append((case.asked, case.nanos, cost))
    assert differing == []
    assert len(compared) >= 300
    assert len({case.draft.model for case in compared}) >= 100
    assert len(KNOWN_DIFFERENCES) <= 10
