"""Sets of users' own multipliers for tests: two groups, three users, and what is stored."""

from dataclasses import replace
from typing import Final

from tests.catalog_samples import AUTHOR, GROUP, OTHER_GROUP, USER
from tests.catalog_tables import CATALOG
from tests.locked_moto import service
from tollgate.domain.definitions import Author
from tollgate.store.catalog.table import CatalogTable

LATER: Final = Author("adm_fedcba9876543210", 1_700_000_060_000)
ANN, BOB, CAT = USER.id, "usr_0000000000000002", "usr_0000000000000003"
OLD: Final = {ANN: "1.5", BOB: "0.8"}
NEW: Final = {ANN: "0", CAT: "2"}


def furnish(table: CatalogTable) -> None:
    """Three users and two groups."""
    table.groups.create(GROUP, AUTHOR)
    table.groups.create(OTHER_GROUP, AUTHOR)
    for user in (ANN, BOB, CAT):
        table.users.create(replace(USER, id=user, email=f"{user}@example.com"), AUTHOR)


def blocks(group: str = "grp_1") -> list[str]:
    """The sets whose blocks are stored, one number for each block."""
    found = service("dynamodb").scan(TableName=CATALOG)["Items"]
    names = [row["sk"]["S"] for row in found if row["pk"]["S"] == f"multipliers#{group}"]
    return sorted(name.partition("#")[0] for name in names)
