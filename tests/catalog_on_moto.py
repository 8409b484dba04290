"""The Catalog table over moto, empty, for tests of what is stored in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import boto3

from tests.catalog_samples import ACCOUNT, AUTHOR, CHANNEL, GROUP, KEY, OTHER_GROUP, USER
from tests.locked_moto import REGION, create_table, locked_moto
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable

CATALOG: Final = "tollgate-catalog"


@contextmanager
def moto_catalog() -> Iterator[CatalogTable]:
    """A Catalog table with nothing in it."""
    with locked_moto():
        create_table(boto3.client("dynamodb", region_name=REGION), CATALOG)
        yield CatalogTable(Endpoint(CATALOG, REGION))


def furnish(catalog: CatalogTable) -> None:
    """One user with a key, and two groups; an account and a channel are in the first."""
    catalog.groups.create(GROUP, AUTHOR)
    catalog.groups.create(OTHER_GROUP, AUTHOR)
    catalog.users.create(USER, AUTHOR)
    catalog.keys(USER.id).create(KEY, AUTHOR)
    catalog.accounts.create(ACCOUNT, AUTHOR)
    catalog.channels.create(CHANNEL, AUTHOR)
