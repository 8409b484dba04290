"""Rows of LiteLLM's cost map that stand for one size or quality of a picture, not for a model.

`hd/1024-x-1024/dall-e-3` and its like become labelled prices of the model `dall-e-3`: the label is
`hd/1024x1024`, as calls name it. A model that is sold by tokens keeps its tokens.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tollgate.domain.price_draft import PriceDraft
from tollgate.store.catalog.cost_map import (
    IMAGES,
    ONE,
    PIXELS,
    Row,
    amount,
    labelled,
    source_of,
)

SIZE: Final = re.compile(r"(\d+)-x-(\d+)|max-x-max")
STEPS: Final = re.compile(r"\d+-steps|max-steps")
QUALITY: Final = re.compile(r"hd|standard|low|medium|high|xhigh|max")
STANDARD: Final = "standard"
ORDINARY: Final = "1024x1024"
"""What vendors draw for a call that names no size."""

LARGEST: Final = "any"
"""Stands for `max-x-max`: no label that calls have, but what a size without a price costs."""


def split(name: str) -> tuple[str, str] | None:
    """The model and the label of a name that stands for one size; None for a model's own name."""
    *path, last = name.split("/")
    found = next((SIZE.fullmatch(part) for part in path if SIZE.fullmatch(part)), None)
    if found is None:
        return None
    quality = next((part for part in path if QUALITY.fullmatch(part)), "")
    rest = [part for part in path if not any(form.fullmatch(part) for form in (SIZE, STEPS))]
    rest = [part for part in rest if part != quality]
    size = f"{found[1]}x{found[2]}" if found[1] else LARGEST
    return "/".join((*rest, last)), f"{quality}/{size}" if quality else size


def sizes_of(rows: Mapping[str, Row]) -> dict[str, dict[str, list[Row]]]:
    """All rows for one size, by model and label; a size may have several, as by steps drawn."""
    sizes: dict[str, dict[str, list[Row]]] = {}
    for name, row in rows.items():
        found = split(name)
        if found is not None:
            model, label = found
            sizes.setdefault(model, {}).setdefault(label, []).append(row)
    return sizes


def image_price(label: str, row: Row) -> Decimal:
    """What one picture of that size costs: as such, or by its pixels."""
    whole = Decimal(str(row.get(IMAGES[0]) or 0))
    if whole or label.endswith(LARGEST):
        return whole
    width, height = label.rpartition("/")[2].split("x")
    by_pixel = sum((Decimal(str(row.get(field) or 0)) for field in PIXELS), Decimal(0))
    return Decimal(amount(by_pixel, Decimal(width) * Decimal(height)))


def unqualified(figures: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The figures with one for each size as such, for calls that name no quality.

    It is the standard one's where there is a standard, else the dearest.
    """
    plain: dict[str, Decimal] = {}
    for label, price in figures.items():
        quality, _, size = label.rpartition("/")
        standard = figures.get(f"{STANDARD}/{size}")
        if quality and size not in figures:
            plain[size] = max(price, plain.get(size, price)) if standard is None else standard
    return {**figures, **plain}


def unsized(figures: Mapping[str, Decimal], flat: Decimal) -> dict[str, Decimal]:
    """Figures for qualities as such, for calls that name no size: where they are above the flat.

    It is that of the ordinary size, else the dearest.
    """
    found: dict[str, Decimal] = {}
    for label, price in figures.items():
        quality = label.rpartition("/")[0]
        usual = figures.get(f"{quality}/{ORDINARY}")
        if quality:
            found[quality] = max(price, found.get(quality, price)) if usual is None else usual
    return {quality: price for quality, price in found.items() if price > flat}


def with_sizes(
    model: str, draft: PriceDraft | None, sizes: Mapping[str, Sequence[Row]]
) -> PriceDraft | None:
    """A model's draft with the prices of its sizes; one made of them where it has no row.

    Of several rows for a size the dearest counts.
    """
    dearest = {label: max(image_price(label, row) for row in rows) for label, rows in sizes.items()}
    figures = unqualified({label: price for label, price in dearest.items() if price})
    if not figures or (draft is not None and "images" not in draft.prices):
        return draft
    if draft is None:
        flat = figures.get(ORDINARY) or max(figures.values())
        source = source_of(next(iter(sizes.values()))[0])
        draft = PriceDraft(model, "times", {"images": amount(flat, ONE)}, source=source)
    figures |= unsized(figures, Decimal(draft.prices["images"]))
    own = {LARGEST, *(interval.label for interval in draft.intervals)}
    left = figures.keys() - own
    more = labelled("images", {name: Decimal(amount(figures[name], ONE)) for name in left})
    return replace(draft, intervals=(*draft.intervals, *more))
