"""The Catalog table, empty, for tests of what is stored in it: over the evaluator, or over moto."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from tests.catalog_samples import ACCOUNT, AUTHOR, CHANNEL, GROUP, KEY, OTHER_GROUP, USER
from tests.dynamodb_behind_boto3 import playing
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.locked_moto import REGION, create_table, locked_moto, service
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable

CATALOG: Final = "tollgate-catalog"


@contextmanager
def catalog_in_memory(*others: str) -> Iterator[CatalogTable]:
    """A Catalog table with nothing in it, and `others` beside it."""
    with playing(InMemoryDynamo([CATALOG, *others])):
        yield CatalogTable(Endpoint(CATALOG, REGION))


@contextmanager
def catalog_on_moto() -> Iterator[CatalogTable]:
    """The same by somebody else's idea of DynamoDB: a second opinion, and a slow one."""
    with locked_moto():
        create_table(service("dynamodb"), CATALOG)
        yield CatalogTable(Endpoint(CATALOG, REGION))


OPINIONS: Final[dict[str, Callable[[], AbstractContextManager[CatalogTable]]]] = {
    "memory": catalog_in_memory,
    "moto": catalog_on_moto,
}


def furnish(catalog: CatalogTable) -> None:
    """One user with a key, and two groups; an account and a channel are in the first."""
    catalog.groups.create(GROUP, AUTHOR)
    catalog.groups.create(OTHER_GROUP, AUTHOR)
    catalog.users.create(USER, AUTHOR)
    catalog.keys(USER.id).create(KEY, AUTHOR)
    catalog.accounts.create(ACCOUNT, AUTHOR)
    catalog.channels.create(CHANNEL, AUTHOR)
