"""The State table through pynamodb: where its models find it, and what every item of it has."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from tollgate.store.catalog.items import Endpoint, bind


class StateItem(Model):
    """What every item of the table has."""

    class Meta:
        table_name = "unbound"
        region = "us-east-1"
        host: str | None = None

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


def bind_state(endpoint: Endpoint) -> None:
    """Point every model at its table, before the first call."""
    bind(StateItem, endpoint)
