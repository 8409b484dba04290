"""One's own wallet over HTTP: what may be spent, and what moved it other than calls."""

from typing import Self

from pydantic import BaseModel

from tollgate.domain.ledger import LedgerLine
from tollgate.domain.money import quota, usd
from tollgate.services.limit_use import LimitUses
from tollgate.store.wallet import WalletView as Wallet
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import After, Entries, Limit
from tollgate.web.management.limits import LimitUseView
from tollgate.web.portal.desk import ROOT, Desk


class WalletView(BaseModel):
    """What may be spent, what running calls have set aside, what was spent so far."""

    status: str
    available_usd: str
    available_quota: int
    in_use_usd: str
    in_use_quota: int
    spent_usd: str
    spent_quota: int
    open_calls: int

    @classmethod
    def of(cls, wallet: Wallet) -> Self:
        """The view of a wallet."""
        spent = wallet.debits + wallet.subscription_debits
        return cls(
            status=wallet.first.status,
            available_usd=usd(wallet.available),
            available_quota=quota(wallet.available),
            in_use_usd=usd(wallet.held),
            in_use_quota=quota(wallet.held),
            spent_usd=usd(spent),
            spent_quota=quota(spent),
            open_calls=len(wallet.open),
        )


class LineView(BaseModel):
    """One movement of money other than a settled call; who made it and why is for staff.

    One funded by a subscription moved no balance.
    """

    amount_usd: str
    kind: str
    reference: str
    at: int
    funding: str

    @classmethod
    def of(cls, line: LedgerLine) -> Self:
        """The view of a ledger line."""
        return cls(
            amount_usd=usd(line.amount),
            kind=line.kind,
            reference=line.reference,
            at=line.at,
            funding=line.funding,
        )


class WalletResource:
    """/wallet, /ledger and /limits"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wallets = desk.stores.wallets
        self._uses = LimitUses(desk.stores.catalog, desk.stores.wallets)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("GET", f"{ROOT}/wallet", "wallet.own", self.get),
            Endpoint("GET", f"{ROOT}/ledger", "wallet.own", self.ledger),
            Endpoint("GET", f"{ROOT}/limits", "wallet.own", self.limits),
        )

    def get(self) -> WalletView:
        """Read one's wallet."""
        return WalletView.of(self._wallets.read(self._desk.user))

    def ledger(self, limit: Limit = 50, cursor: After = None) -> Entries[LineView]:
        """List one's ledger lines, newest first."""
        page = self._wallets.ledger(self._desk.user, self._desk.position(cursor), limit)
        return Entries(
            entries=[LineView.of(line) for line in page.lines],
            next_cursor=self._desk.cursor(page.cursor),
        )

    def limits(self) -> Entries[LimitUseView]:
        """Tell what of one's limits is used now: one's own, one's keys' and those in groups."""
        found = self._uses.of(self._desk.user, self._desk.clock() // 1_000)
        return Entries(entries=[LimitUseView.of(use) for use in found])
