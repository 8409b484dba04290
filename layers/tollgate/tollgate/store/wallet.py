"""The wallets: the only writer of money. What each file of it decides is said at its top."""

from tollgate.domain.ledger import Credit, LedgerLine, LedgerPage
from tollgate.domain.limits import Hold, HoldRequest, StaleProfile
from tollgate.store.wallet_administration import Administration
from tollgate.store.wallet_corrections import Corrections
from tollgate.store.wallet_holds import Holds
from tollgate.store.wallet_settlement import Settling
from tollgate.store.wallet_table import IdentityViolated, TornRead, WalletMissing, WalletView

__all__ = [
    "Credit",
    "Hold",
    "HoldRequest",
    "IdentityViolated",
    "LedgerLine",
    "LedgerPage",
    "StaleProfile",
    "TornRead",
    "WalletMissing",
    "WalletView",
    "Wallets",
]


class Wallets(Holds, Settling, Corrections, Administration):
    """Everything that is done to wallets, in one table; see `WalletTable` for the arguments."""
