"""How the first owner comes to be: once, with a secret that is shown once; there is no default."""

from dataclasses import dataclass

from tollgate.domain.definitions import AdminToken, Author
from tollgate.domain.errors import Conflict
from tollgate.ids import RANDOM_DIGITS, new_id
from tollgate.services.secret_texts import Random, mint_admin_token
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.pepper import Peppers

BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class Founding:
    """What the first owner is made with; `now` is in epoch milliseconds."""

    catalog: CatalogTable
    peppers: Peppers
    random: Random
    now: int


def bootstrap(founding: Founding, name: str = "first owner") -> str:
    """Create the first owner and give the token's secret, which is nowhere else.

    Raises:
        Conflict: there is an active owner already.
        PepperMissing: no pepper generation was made yet.
    """
    if owners(founding.catalog):
        raise Conflict("there is an owner already; let them create further tokens")
    identity = new_id("adm", founding.now, founding.random(32**RANDOM_DIGITS))
    minted = mint_admin_token(identity, founding.peppers, founding.random)
    token = AdminToken(identity, name, "owner", minted.hash, minted.generation, minted.last4)
    founding.catalog.admin_tokens.create(token, Author(BOOTSTRAP, founding.now))
    return minted.secret


def owners(catalog: CatalogTable) -> list[AdminToken]:
    """The active tokens of owners."""
    return [
        token
        for token in catalog.admin_tokens.everything()
        if token.role == "owner" and token.status == "active"
    ]
