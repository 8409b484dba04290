"""Which peppers are in use, and that a key's hash is HMAC-SHA256 under one of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from tollgate.store.pepper import (
    LIFE,
    SHORTEST_LIFE,
    PepperMissing,
    Peppers,
    hash_secret,
    is_same_hash,
)

OLD, NEW = "o" * 32, "n" * 32


class FakeSsm:
    """Parameters by name; counts how often it was asked."""

    def __init__(self, **generations: str) -> None:
        self.values = {f"/stack/pepper/{name[1:]}": value for name, value in generations.items()}
        self.asked = 0

    def call(
        self, operation: str, request: Mapping[str, Any], *, attempts: int = 1
    ) -> dict[str, Any]:
        assert (operation, request) == (
            "GetParametersByPath",
            {"Path": "/stack/pepper", "WithDecryption": True},
        )
        self.asked += 1
        return {"Parameters": [{"Name": n, "Value": v} for n, v in self.values.items()]}


def peppers(ssm: FakeSsm, now: list[float]) -> Peppers:
    """Peppers with the clock in a cell."""
    return Peppers(ssm, "/stack/pepper/", lambda: now[0])


def test_a_hash_is_hmac_sha256() -> None:
    assert hash_secret(b"key", "The quick brown fox jumps over the lazy dog") == (
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )
    assert is_same_hash("ab", "ab")
    assert not is_same_hash("ab", "ac")


def test_the_newest_generation_counts_by_number() -> None:
    ssm = FakeSsm(_9=OLD, _10=NEW)
    assert peppers(ssm, [0]).newest() == (10, NEW.encode())


def test_a_secret_has_a_hash_under_every_generation_newest_first() -> None:
    found = peppers(FakeSsm(_1=OLD, _2=NEW), [0]).hashes("sk")
    assert found == [hash_secret(NEW.encode(), "sk"), hash_secret(OLD.encode(), "sk")]


def test_ssm_is_asked_once_an_hour() -> None:
    now, ssm = [1_000.0], FakeSsm(_1=OLD)
    known = peppers(ssm, now)
    known.newest()
    now[0] += LIFE - 1
    assert known.of(1) == OLD.encode()
    assert ssm.asked == 1
    now[0] += 1
    known.newest()
    assert ssm.asked == 2


def test_a_generation_made_meanwhile_is_found_after_a_minute() -> None:
    now, ssm = [0.0], FakeSsm(_1=OLD)
    known = peppers(ssm, now)
    known.newest()
    ssm.values["/stack/pepper/2"] = NEW
    with pytest.raises(PepperMissing):
        known.of(2)
    assert ssm.asked == 1
    now[0] += SHORTEST_LIFE
    assert known.of(2) == NEW.encode()
    assert ssm.asked == 2


@pytest.mark.parametrize("ssm", [FakeSsm(), FakeSsm(_1="short")])
def test_no_pepper_is_no_hash(ssm: FakeSsm) -> None:
    with pytest.raises(PepperMissing):
        peppers(ssm, [0]).hashes("sk")
