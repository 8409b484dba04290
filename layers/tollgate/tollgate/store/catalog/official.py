"""The list of official prices that comes with Tollgate, and how such a list is read.

The bundled list is LiteLLM's cost map reduced to what is billed here; its licence lies beside it.
Nothing is priced by it until somebody loads the models they sell.
"""

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final

from tollgate.domain.definition_rules import LONGEST_MODEL
from tollgate.domain.errors import NotFound, ValidationFailed
from tollgate.domain.patterns import normal
from tollgate.domain.price_draft import PriceDraft, check_price
from tollgate.store.catalog.cost_map import Row, kept, read_row

BUNDLED: Final = "official_prices.json"
SPECIMEN: Final = "sample_spec"


def read_cost_map(text: str) -> list[PriceDraft]:
    """Every price of a cost map that can be billed, by model.

    Raises:
        ValidationFailed: it is no such map, or a figure is negative, infinite or no number.
    """
    drafts: dict[str, PriceDraft] = {}
    for model, row in rows_of(text).items():
        draft = draft_of(model, row)
        if draft is not None:
            drafts.setdefault(normal(model), draft)
    return list(drafts.values())


def draft_of(model: str, row: Row) -> PriceDraft | None:
    """One row as a draft that can be charged by; None when it cannot be billed.

    Raises:
        ValidationFailed: one of its figures is no price.
    """
    try:
        draft = read_row(model, row)
        if draft is not None:
            check_price(draft)
    except ValidationFailed as refused:
        raise ValidationFailed(f"{model}: {refused.message}", param=refused.param) from refused
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ValidationFailed(f"{model}: a figure that is no number") from error
    return draft


def rows_of(text: str) -> dict[str, Any]:
    """The rows of a map, with its figures as text: a float would not be what was written.

    Raises:
        ValidationFailed: it is no object of objects, or holds what JSON does not know.
    """
    try:
        rows = json.loads(text, parse_float=str, parse_constant=refuse_constant)
    except ValueError as error:
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
    names = sorted(draft.model for draft in read_cost_map(text))
    lines = (f"{json.dumps(name)}: {reduced_row(rows[name])}" for name in names)
    return "{\n" + ",\n".join(lines) + "\n}\n"


def reduced_row(row: dict[str, Any]) -> str:
    fields = {field: value for field, value in row.items() if kept(field)}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


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
