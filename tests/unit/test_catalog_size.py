"""How large and how slow a big catalog is: 5,000 prices and 1,000 keys fit well into one part."""

import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from tests.catalog_samples import KEY, USER
from tollgate.domain.compilation import Everywhere, Person, compile_global, compile_profile
from tollgate.domain.definitions import DefaultGroup, PriceDefinition
from tollgate.domain.price_draft import price_of
from tollgate.store.catalog.official import bundled
from tollgate.store.publications import PART_LIMIT
from tollgate.store.snapshot_parts import read_global, write_global, write_profile


@pytest.fixture(scope="module")
def five_thousand() -> Everywhere:
    """The bundled list, and part of it again under other names."""
    drafts = bundled()
    drafts += [replace(draft, model=f"mirror/{draft.model}") for draft in drafts]
    prices = [price_of(draft, 1, 1_700_000_000_000) for draft in drafts[:5_000]]
    heads = tuple(PriceDefinition(price.model, 1, (price,)) for price in prices)
    return Everywhere(heads, tuple(DefaultGroup(head.model, "default") for head in heads), ())


def test_five_thousand_prices_fit_into_a_third_of_a_part_and_compile_in_a_moment(
    five_thousand: Everywhere, record_property: Callable[[str, object], None]
) -> None:
    began = time.process_time()
    body = write_global(compile_global(1, five_thousand))
    compiled = time.process_time()
    part = read_global(1, body)
    read = time.process_time()
    record_property("bytes", len(body))
    record_property("compile_ms", round(1_000 * (compiled - began)))
    record_property("read_ms", round(1_000 * (read - compiled)))
    assert len(part.prices) == 5_000
    assert len(body) < PART_LIMIT // 3
    assert compiled - began < 2
    assert read - compiled < 0.5


def test_a_thousand_keys_of_one_user_fit_into_half_a_part() -> None:
    hashes = [sha256(str(number).encode()).hexdigest() for number in range(1_000)]
    keys = tuple(
        replace(KEY, id=f"key_{number:016d}", alias=f"{number:04d}", secret_hash=digest)
        for number, digest in enumerate(hashes)
    )
    body = write_profile(compile_profile(Person(1, USER, keys)))
    assert len(body) < PART_LIMIT // 2
