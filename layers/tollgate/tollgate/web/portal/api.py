"""The portal API as one object: every resource's routes."""

from tollgate.web.management.endpoints import Endpoint
from tollgate.web.portal.desk import Desk
from tollgate.web.portal.keys import KeyResource
from tollgate.web.portal.people import PeopleResource
from tollgate.web.portal.prices import PriceResource
from tollgate.web.portal.rates import RateResource
from tollgate.web.portal.statistics import StatisticsResource
from tollgate.web.portal.usage import UsageResource
from tollgate.web.portal.wallet import WalletResource

RESOURCES = (
    PeopleResource,
    KeyResource,
    PriceResource,
    RateResource,
    WalletResource,
    UsageResource,
    StatisticsResource,
)


def endpoints(desk: Desk) -> tuple[Endpoint, ...]:
    """Every route of the portal API."""
    return tuple(route for resource in RESOURCES for route in resource(desk).endpoints())
