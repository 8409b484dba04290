"""Sealed secrets open only where, and as what, they were sealed; KMS is asked once an hour."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected
from tollgate.store.kms import Context, FreshKey
from tollgate.store.secrets import KEY_LIFE, Place, Secrets, SecretUnreadable

PLACE = Place("accounts#acc_1", "secret", 3)


@dataclass
class FakeKms:
    """Wraps by remembering; unwraps only with the same context, as KMS does."""

    known: dict[bytes, tuple[bytes, Context]] = field(default_factory=dict)
    unwrapped: int = 0
    failure: Exception | None = None

    def new_key(self, context: Context) -> FreshKey:
        plain = bytes([len(self.known) + 1]) * 32
        wrapped = b"wrapped" + bytes([len(self.known)])
        self.known[wrapped] = (plain, dict(context))
        return FreshKey(plain, wrapped)

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        self.unwrapped += 1
        if self.failure is not None:
            raise self.failure
        plain, expected = self.known.get(wrapped, (b"", {}))
        if expected != dict(context):
            raise RequestRejected("InvalidCiphertextException", "")
        return plain


@pytest.fixture
def kms() -> FakeKms:
    return FakeKms()


@pytest.fixture
def now() -> list[float]:
    """The clock, in a cell."""
    return [0.0]


def secrets_of(kms: FakeKms, now: list[float]) -> Secrets:
    """An environment of its own; nonces count up."""
    nonces = iter(range(1, 1_000))
    return Secrets(kms, lambda: now[0], lambda size: next(nonces).to_bytes(size, "big"))


@pytest.fixture
def secrets(kms: FakeKms, now: list[float]) -> Secrets:
    return secrets_of(kms, now)


def test_a_sealed_secret_opens_in_another_environment(
    kms: FakeKms, now: list[float], secrets: Secrets
) -> None:
    sealed = secrets.seal("sk-秘密", PLACE, secrets.new_data_key(1))
    carried = json.loads(json.dumps(sealed))
    assert secrets_of(kms, now).open(carried, PLACE) == "sk-秘密"
    assert "sk-" not in json.dumps(sealed)
    assert {name: type(value) for name, value in sealed.items()} == {
        "generation": int,
        "wrapped": str,
        "version": int,
        "nonce": str,
        "ciphertext": str,
    }


def test_two_seals_of_one_secret_differ(secrets: Secrets) -> None:
    key = secrets.new_data_key(1)
    first, second = (secrets.seal("sk", PLACE, key) for _ in range(2))
    assert first["nonce"] != second["nonce"]
    assert first["ciphertext"] != second["ciphertext"]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(replace(PLACE, item="accounts#acc_2"), id="another item"),
        pytest.param(replace(PLACE, field="token"), id="another field"),
        pytest.param(replace(PLACE, version=4), id="rolled back"),
        pytest.param(Place("accounts#acc_1s", "ecret", 3), id="shifted"),
    ],
)
def test_a_secret_of_another_place_does_not_open(secrets: Secrets, place: Place) -> None:
    sealed = secrets.seal("sk", PLACE, secrets.new_data_key(1))
    with pytest.raises(SecretUnreadable):
        secrets.open(sealed, place)


def flipped(text: str) -> str:
    """The same base64 with its first bit changed."""
    content = bytearray(b64decode(text))
    content[0] ^= 128
    return b64encode(content).decode()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda sealed: {"ciphertext": flipped(sealed["ciphertext"])}, id="text"),
        pytest.param(lambda sealed: {"nonce": flipped(sealed["nonce"])}, id="nonce"),
        pytest.param(lambda sealed: {"wrapped": flipped(sealed["wrapped"])}, id="wrapped key"),
        pytest.param(lambda sealed: {"generation": 2}, id="generation"),
        pytest.param(lambda sealed: {"nonce": "AAAA"}, id="a short nonce"),
        pytest.param(lambda sealed: {"nonce": "no base64!"}, id="no base64"),
        pytest.param(lambda sealed: {"ciphertext": None}, id="nothing"),
        pytest.param(lambda sealed: {"generation": "one"}, id="no number"),
    ],
)
def test_a_changed_secret_does_not_open(kms: FakeKms, now: list[float], change: Any) -> None:
    secrets = secrets_of(kms, now)
    sealed = secrets.seal("sk", PLACE, secrets.new_data_key(1))
    with pytest.raises(SecretUnreadable):
        secrets_of(kms, now).open({**sealed, **change(sealed)}, PLACE)


def test_a_secret_with_a_part_missing_is_none(secrets: Secrets) -> None:
    with pytest.raises(SecretUnreadable):
        secrets.open({}, PLACE)


def test_a_generation_is_unwrapped_once_an_hour(
    kms: FakeKms, now: list[float], secrets: Secrets
) -> None:
    first, second = secrets.new_data_key(1), secrets.new_data_key(2)
    old, new = secrets.seal("old", PLACE, first), secrets.seal("new", PLACE, second)
    relay = secrets_of(kms, now)
    for _ in range(3):
        assert (relay.open(old, PLACE), relay.open(new, PLACE)) == ("old", "new")
    assert kms.unwrapped == 2

    now[0] += KEY_LIFE - 1
    relay.open(old, PLACE)
    assert kms.unwrapped == 2
    now[0] += 1
    relay.open(old, PLACE)
    assert kms.unwrapped == 3


def test_who_made_a_key_need_not_unwrap_it(kms: FakeKms, secrets: Secrets) -> None:
    sealed = secrets.seal("sk", PLACE, secrets.new_data_key(1))
    assert secrets.open(sealed, PLACE) == "sk"
    assert kms.unwrapped == 0


@pytest.mark.parametrize(
    "failure", [OutcomeUnknown("timeout"), RequestRejected("AccessDeniedException", "")]
)
def test_that_kms_does_not_answer_is_not_the_secrets_fault(
    kms: FakeKms, now: list[float], secrets: Secrets, failure: Exception
) -> None:
    sealed = secrets.seal("sk", PLACE, secrets.new_data_key(1))
    kms.failure = failure
    with pytest.raises(type(failure)):
        secrets_of(kms, now).open(sealed, PLACE)
