"""The list of official prices that comes with Tollgate, and how such a list is read.

The bundled list is LiteLLM's cost map reduced to what is billed here; its licence lies beside it.
Nothing is priced by it until somebody loads the models they sell.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Final

from tollgate.domain.definition_rules import LONGEST_MODEL, require
from tollgate.domain.errors import NotFound, ValidationFailed
from tollgate.domain.patterns import normal
from tollgate.domain.price_draft import PriceDraft, check_price
from tollgate.store.catalog.cost_map import Row, read_row, reduced_row
from tollgate.store.catalog.cost_map_sizes import sizes_of, split, with_sizes

BUNDLED: Final = "official_prices.json"
SPECIMEN: Final = "sample_spec"


@dataclass(frozen=True, slots=True)
class Namespace:
    """Whose rows of a map are meant (none: everybody's), and what their names lose in front.

    Where two rows end up with one name, the row that had it from the beginning counts.
    """

    providers: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def holds(self, row: Row) -> bool:
        return not self.providers or row.get("litellm_provider") in self.providers

    def name(self, model: str) -> str:
        fits = [prefix for prefix in self.prefixes if model.startswith(prefix)]
        return model[len(max(fits, key=len)) :] if fits else model


EVERYBODY: Final = Namespace()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cost map says: a price for each model, by normal name; and why rows are left out."""

    drafts: Mapping[str, PriceDraft]
    refused: Mapping[str, str]


def read_map(text: str, namespace: Namespace = EVERYBODY) -> Reading:
    """Every price of a cost map that can be billed, and a reason for every row that gives none.

    Raises:
        ValidationFailed: it is no such map at all.
    """
    rows = {name: row for name, row in rows_of(text).items() if namespace.holds(row)}
    sizes = sizes_of(rows)
    own = {name: row for name, row in rows.items() if split(name) is None}
    drafts: dict[str, PriceDraft] = {}
    refused: dict[str, str] = {}
    for model in sorted((own | sizes).keys(), key=lambda one: namespace.name(one) != one):
        name = namespace.name(model)
        try:
            draft = draft_of(name, own.get(model), sizes.get(model, {}))
        except ValidationFailed as error:
            refused[model] = error.message
            continue
        if draft is None:
            refused[model] = f"nothing is billed by what it costs{of_mode(own.get(model))}"
        elif not same_price(drafts.setdefault(normal(name), draft), draft):
            refused[model] = f"another row prices {name} differently"
    return Reading(drafts, refused)


def of_mode(row: Row | None) -> str:
    return f" (mode {row['mode']})" if row and row.get("mode") else ""


def same_price(one: PriceDraft, other: PriceDraft) -> bool:
    """Whether two drafts cost the same, whatever they are called."""
    return replace(one, model="", source="") == replace(other, model="", source="")


def read_cost_map(text: str) -> list[PriceDraft]:
    """Every price of a cost map that can be billed, by model.

    Raises:
        ValidationFailed: it is no such map, or a figure is negative, infinite or no number.
    """
    rows = rows_of(text)
    sizes = sizes_of(rows)
    own = {name: row for name, row in rows.items() if split(name) is None}
    drafts: dict[str, PriceDraft] = {}
    for model in own | sizes:
        draft = draft_of(model, own.get(model), sizes.get(model, {}))
        if draft is not None:
            drafts.setdefault(normal(model), draft)
    return list(drafts.values())


def draft_of(model: str, row: Row | None, sizes: Mapping[str, Sequence[Row]]) -> PriceDraft | None:
    """One model as a draft that can be charged by; None when it cannot be billed.

    Raises:
        ValidationFailed: one of its figures is no price.
    """
    try:
        draft = with_sizes(model, None if row is None else read_row(model, row), sizes)
        if draft is not None:
            require(f"{model}{draft.source}".isprintable(), "model", "has unprintable characters")
            check_price(draft)
    except ValidationFailed as refused:
        raise ValidationFailed(f"{model}: {refused.message}", param=refused.param) from refused
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValidationFailed(f"{model}: a figure that is no number") from error
    return draft


def rows_of(text: str) -> dict[str, Any]:
    """The rows of a map, with its figures as text: a float would not be what was written.

    Raises:
        ValidationFailed: it is no object of objects, or holds what JSON does not know.
    """
    try:
        rows = json.loads(text, parse_float=str, parse_constant=refuse_constant)
        "".join(rows).encode()  # half a character is no text that could be answered
    except (ValueError, RecursionError) as error:
        raise ValidationFailed(f"this is no price list: {error}") from error
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise ValidationFailed("this is no price list: it must be an object of objects")
    return {
        model: row
        for model, row in rows.items()
        if model != SPECIMEN and len(normal(model)) <= LONGEST_MODEL
    }


def refuse_constant(text: str) -> Any:
    """NaN and the infinities are no prices.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{text} is not a number")


def reduced(text: str) -> str:
    """A cost map with only the rows and fields that are billed, a row a line, sorted."""
    rows = rows_of(text)
    models = {draft.model: draft.mode for draft in read_cost_map(text)}
    names = (name for name in sorted(rows) if models.get(part_of(name)[0]) in part_of(name)[1])
    lines = (f"{json.dumps(name)}: {compact(reduced_row(rows[name]))}" for name in names)
    return "{\n" + ",\n".join(lines) + "\n}\n"


def part_of(name: str) -> tuple[str, tuple[str, ...]]:
    """The model that a row prices, and in which modes of the model the row counts."""
    found = split(name)
    return (found[0], ("times",)) if found else (name, ("tokens", "times", "seconds"))


def compact(row: Mapping[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, separators=(",", ":"))


def bundled() -> list[PriceDraft]:
    """The prices that come with Tollgate."""
    return read_cost_map(files("tollgate.store").joinpath(BUNDLED).read_text(encoding="utf-8"))


def chosen(drafts: Iterable[PriceDraft], models: Iterable[str]) -> list[PriceDraft]:
    """The drafts of these models, in their order.

    Raises:
        NotFound: the list has no price for one of them.
    """
    known = {normal(draft.model): draft for draft in drafts}
    wanted = [normal(model) for model in models]
    missing = [model for model in wanted if model not in known]
    if missing:
        raise NotFound(f"the price list has no {', '.join(missing)}")
    return [known[model] for model in wanted]
