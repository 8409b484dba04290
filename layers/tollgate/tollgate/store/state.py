"""The State table through pynamodb: where its models find it, and what every item of it has."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from tollgate.store.catalog.items import Endpoint


class StateItem(Model):
    """What every item of the table has."""

    class Meta:
        table_name = "unbound"
        region = "us-east-1"
        host: str | None = None

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


def bind_state(endpoint: Endpoint) -> None:
    """Point every model at its table; once per process, before the first call.

    As with the Catalog table, pynamodb keeps the connection on the class.
    """
    StateItem.Meta.table_name = endpoint.table
    StateItem.Meta.region = endpoint.region
    StateItem.Meta.host = endpoint.url
    StateItem._connection = None  # noqa: SLF001 - there is no other place to bind it late
    StateItem._get_connection()  # noqa: SLF001 - subclasses inherit it, so there is one client
