"""How large a big catalog is: 5,000 prices, 1,000 keys, 10,000 customer prices."""

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from tests.catalog_samples import KEY, USER
from tollgate.domain.catalog import CustomerPrice, Profile
from tollgate.domain.compilation import Everywhere, Person, compile_global, compile_profile
from tollgate.domain.definitions import DefaultGroup, PriceDefinition
from tollgate.domain.price_draft import price_of
from tollgate.store.catalog.customers import MOST_BYTES
from tollgate.store.catalog.official import bundled
from tollgate.store.publications import PART_LIMIT
from tollgate.store.snapshot_parts import read_global, read_profile, write_global, write_profile


@pytest.fixture(scope="module")
def five_thousand() -> Everywhere:
    """The bundled list, and part of it again under other names."""
    drafts = bundled()
    drafts += [replace(draft, model=f"mirror/{draft.model}") for draft in drafts]
    prices = [price_of(draft, 1, 1_700_000_000_000) for draft in drafts[:5_000]]
    heads = tuple(PriceDefinition(price.model, 1, (price,)) for price in prices)
    return Everywhere(heads, tuple(DefaultGroup(head.model, "default") for head in heads), ())


def test_five_thousand_prices_fit_into_a_third_of_a_part(
    five_thousand: Everywhere, record_property: Callable[[str, object], None]
) -> None:
    body = write_global(compile_global(1, five_thousand))
    record_property("bytes", len(body))
    assert len(read_global(1, body).prices) == 5_000
    assert len(body) < PART_LIMIT // 3


def test_a_thousand_keys_of_one_user_fit_into_half_a_part() -> None:
    hashes = [sha256(str(number).encode()).hexdigest() for number in range(1_000)]
    keys = tuple(
        replace(KEY, id=f"key_{number:016d}", alias=f"{number:04d}", secret_hash=digest)
        for number, digest in enumerate(hashes)
    )
    body = write_profile(compile_profile(Person(1, USER, keys)))
    assert len(body) < PART_LIMIT // 2


def test_ten_thousand_prices_of_one_customer_fit_beside_their_keys(
    record_property: Callable[[str, object], None],
) -> None:
    draw = random.Random(1).randrange
    models = [f"vendor-{number % 40}/model-{number}" for number in range(5_000)]
    prices = {
        model: {
            code: (
                CustomerPrice(
                    model,
                    code,
                    draw(1, 9),
                    prices={"input": f"{draw(2_000)}.{draw(100)}", "output": f"{draw(8_000)}.5"},
                    effective_from=1_795_348_800_000 + draw(10**9),
                ),
            )
            for code in ("default", "vip")
        }
        for model in models
    }
    granted = dict.fromkeys(models, frozenset({"vip"}))
    profile = Profile(USER.id, 1, "active", {}, prices=prices, permissions=granted)
    body = write_profile(profile)
    record_property("bytes", len(body))
    assert len(body) < MOST_BYTES < PART_LIMIT
    read = read_profile(USER.id, 1, body)
    assert read.prices["vendor-7/model-4007"] == prices["vendor-7/model-4007"]
