"""The AI credits of an antigravity account over HTTP: the balance that relays decide by."""

from typing import Annotated

from pydantic import BaseModel, Field

from tollgate.domain.compilation import compile_account
from tollgate.domain.credits import Balance, affords
from tollgate.domain.errors import Conflict, UpstreamUnavailable
from tollgate.domain.health import CREDITS
from tollgate.services.tokens import Owner, owner_of
from tollgate.store.credentials import opener, proxy_opener
from tollgate.upstream.proxies import Proxy
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint


class CreditView(BaseModel):
    """Credits of one kind, in Google's own count."""

    kind: str
    amount: str
    minimum: Annotated[str, Field(description="What must be there to use any of them.")]


class CreditsView(BaseModel):
    """What an account has, three minutes old at most."""

    overages: Annotated[bool, Field(description="Whether calls may be paid with credits.")]
    credits: list[CreditView]
    enough: Annotated[bool | None, Field(description="Null: the balance could not be told.")]
    trouble: Annotated[
        str | None,
        Field(description="unauthenticated, rate_limited, network_error, forbidden; null: none."),
    ]
    read_at: int
    exhausted_until: Annotated[
        int | None, Field(description="Epoch milliseconds until which none is spent.")
    ]


class AccountCreditsResource:
    """/accounts/{id}/credits"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stores = desk.stores

    def endpoints(self) -> tuple[Endpoint, ...]:
        path = f"{ROOT}/accounts/<account>/credits"
        return (Endpoint("GET", path, "accounts.read", self.credits),)

    def credits(self, account: str) -> CreditsView:
        """Read the AI credits of an antigravity account."""
        owner = self._owner(account)
        facts = self._stores.snapshots.read_health().accounts.get(account, {})
        exhausted = facts.get(CREDITS, 0)
        return view_of(owner, self._desk.balances.balance(owner)).model_copy(
            update={"exhausted_until": exhausted if exhausted > self._desk.clock() else None}
        )

    def _owner(self, name: str) -> Owner:
        """Who asks for the balance.

        Raises:
            NotFound, Conflict: there is no such account, or none that has credits.
        """
        account = compile_account(self._stores.catalog.accounts.get(name))
        if account.type != "oauth":
            raise Conflict(f"an account of type {account.type} has no credits", param="type")
        try:
            secret = opener(self._stores.secrets)(account)
            proxy = proxy_opener(self._stores.secrets)(account)
        except UpstreamUnavailable as error:
            raise Conflict(
                "the account's credentials cannot be opened; send them again", param="credentials"
            ) from error
        return owner_of(account, secret, Proxy(account.proxy, proxy) if account.proxy else None)


def view_of(owner: Owner, balance: Balance) -> CreditsView:
    """A balance as staff see it."""
    listed = [
        CreditView(kind=each.kind, amount=str(each.amount), minimum=str(each.minimum))
        for each in balance.credits
    ]
    return CreditsView(
        overages=owner.account.overages,
        credits=listed,
        enough=None if balance.degraded else affords(balance.credits),
        trouble=balance.trouble or None,
        read_at=balance.read_at,
        exhausted_until=None,
    )
