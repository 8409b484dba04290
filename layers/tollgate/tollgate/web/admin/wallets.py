"""Wallets over HTTP: what a user has, and the ledger lines by which staff change it.

A movement is known for ever by its reference, so repeating one never moves money twice.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints

from tollgate.domain.errors import MissingParameter, ValidationFailed
from tollgate.domain.ledger import Credit, LedgerLine
from tollgate.domain.money import parse_usd, quota, usd
from tollgate.store.wallet import WalletView as Wallet
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.calls import current
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Body, Dollars, Entries, Limit, Once, Text

SOURCE = "admin"
Reference = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:/-]+$"),
    Field(description="Names the movement for ever; defaults to the Idempotency-Key."),
]


class WalletView(BaseModel):
    """All of a user's shards together. `available` may be spent, `held` is set aside by calls."""

    user: str
    status: str
    available_usd: str
    available_quota: int
    held_usd: str
    debits_usd: str
    credits_usd: str
    subscription_debits_usd: str
    open_calls: int
    shards: int

    @classmethod
    def of(cls, wallet: Wallet) -> Self:
        """The view of a wallet."""
        return cls(
            user=wallet.user,
            status=wallet.first.status,
            available_usd=usd(wallet.available),
            available_quota=quota(wallet.available),
            held_usd=usd(wallet.held),
            debits_usd=usd(wallet.debits),
            credits_usd=usd(wallet.credits),
            subscription_debits_usd=usd(wallet.subscription_debits),
            open_calls=len(wallet.open),
            shards=wallet.first.shards,
        )


class LineView(BaseModel):
    """One movement of money other than a settled call."""

    user: str
    amount_usd: str
    kind: str
    source: str
    reference: str
    by: str
    note: str
    at: int
    funding: str = Field(description="A subscription's line corrects a call that it paid.")

    @classmethod
    def of(cls, line: LedgerLine) -> Self:
        """The view of a ledger line."""
        facts = {name: getattr(line, name) for name in cls.model_fields if name != "amount_usd"}
        return cls(amount_usd=usd(line.amount), **facts)


class CreditCreate(Body):
    """A movement; a negative amount takes money away. A top-up is never negative."""

    amount_usd: Dollars
    kind: Literal["topup", "adjustment", "refund"]
    reference: Reference | None = None
    note: Text = ""


class WalletResource:
    """/users/<user>/wallet and /users/<user>/ledger"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wallets = desk.stores.wallets
        self._users = desk.stores.catalog.users

    def endpoints(self) -> tuple[Endpoint, ...]:
        user = f"{ROOT}/users/<user>"
        return (
            Endpoint("GET", f"{user}/wallet", "wallets.read", self.get),
            Endpoint("POST", f"{user}/wallet/credits", "wallets.credit", self.credit, 201),
            Endpoint("GET", f"{user}/ledger", "wallets.read", self.ledger),
        )

    def get(self, user: str) -> WalletView:
        """Read a user's wallet."""
        self._users.get(user)
        return WalletView.of(self._wallets.read(user))

    def credit(self, user: str, body: CreditCreate, key: Once = None) -> LineView:
        """Credit or adjust a wallet, once per reference for ever."""
        self._users.get(user)
        credit = Credit(
            user=user,
            amount=amount_of(body),
            kind=body.kind,
            source=SOURCE,
            reference=reference_of(body, key),
            by=current().caller.actor,
            note=body.note,
        )
        line = LineView.of(self._wallets.credit(credit))
        self._desk.trail.note("wallet.credit", f"{user}/{line.reference}", None, line)
        return line

    def ledger(self, user: str, limit: Limit = 50, cursor: After = None) -> Entries[LineView]:
        """List a user's ledger lines, newest first."""
        self._users.get(user)
        page = self._wallets.ledger(user, self._desk.position(cursor), limit)
        return Entries(
            entries=[LineView.of(line) for line in page.lines],
            next_cursor=self._desk.cursor(page.cursor),
        )


def amount_of(body: CreditCreate) -> int:
    """The amount in nanos.

    Raises:
        ValidationFailed: zero, or a negative top-up.
    """
    amount = parse_usd(body.amount_usd, "amount_usd")
    if amount == 0 or (body.kind == "topup" and amount < 0):
        raise ValidationFailed(
            "amount_usd: not zero, and above it for a top-up", param="amount_usd"
        )
    return amount


def reference_of(body: CreditCreate, key: str | None) -> str:
    """What names the movement.

    Raises:
        MissingParameter: nothing does.
        ValidationFailed: two names, or one that cannot be kept.
    """
    if key is not None and body.reference not in {None, key}:
        raise ValidationFailed("reference: differs from the Idempotency-Key", param="reference")
    reference = body.reference or key
    if reference is None:
        raise MissingParameter(
            "name the movement: send an Idempotency-Key, or a reference in the body",
            param="reference",
        )
    if "#" in reference:
        raise ValidationFailed("reference: may not have a #", param="reference")
    return reference
