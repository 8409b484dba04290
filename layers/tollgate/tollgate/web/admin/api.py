"""The admin API as one object: every resource's routes, and who may enter."""

from tollgate.domain.errors import InvalidToken
from tollgate.domain.permissions import PERMISSIONS
from tollgate.services.admin_tokens import AdminTokens
from tollgate.web.admin.account_bulk import AccountBulkResource
from tollgate.web.admin.account_checks import AccountCheckResource
from tollgate.web.admin.account_credits import AccountCreditsResource
from tollgate.web.admin.account_health import AccountHealthResource
from tollgate.web.admin.account_upkeep import AccountUpkeepResource
from tollgate.web.admin.accounts import AccountResource
from tollgate.web.admin.beta_policy import BetaPolicyResource
from tollgate.web.admin.bindings import BindingResource
from tollgate.web.admin.channel_pricing import ChannelPricingResource
from tollgate.web.admin.channels import ChannelResource
from tollgate.web.admin.customer_prices import CustomerPriceResource
from tollgate.web.admin.desk import Desk
from tollgate.web.admin.exports import ExportResource
from tollgate.web.admin.groups import GroupResource
from tollgate.web.admin.jobs import JobResource
from tollgate.web.admin.keys import KeyResource
from tollgate.web.admin.model_groups import ModelGroupResource
from tollgate.web.admin.multipliers import MultiplierResource
from tollgate.web.admin.oversight import OversightResource
from tollgate.web.admin.price_defaults import PriceDefaultResource
from tollgate.web.admin.price_imports import PriceImportResource
from tollgate.web.admin.prices import PriceResource
from tollgate.web.admin.repricing import RepricingResource
from tollgate.web.admin.settings import SettingResource
from tollgate.web.admin.statistics import StatisticsResource
from tollgate.web.admin.tokens import TokenResource
from tollgate.web.admin.usage import UsageResource
from tollgate.web.admin.users import UserResource
from tollgate.web.admin.wallets import WalletResource
from tollgate.web.management.api import Authenticate
from tollgate.web.management.calls import Caller
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.requests import Request

RESOURCES = (
    TokenResource,
    UserResource,
    KeyResource,
    WalletResource,
    UsageResource,
    StatisticsResource,
    GroupResource,
    MultiplierResource,
    AccountResource,
    AccountBulkResource,
    AccountCheckResource,
    AccountCreditsResource,
    AccountUpkeepResource,
    AccountHealthResource,
    ChannelResource,
    ChannelPricingResource,
    PriceResource,
    PriceImportResource,
    PriceDefaultResource,
    ModelGroupResource,
    BindingResource,
    CustomerPriceResource,
    SettingResource,
    BetaPolicyResource,
    JobResource,
    ExportResource,
    RepricingResource,
    OversightResource,
)


def endpoints(desk: Desk) -> tuple[Endpoint, ...]:
    """Every route of the admin API."""
    return tuple(route for resource in RESOURCES for route in resource(desk).endpoints())


def bearer(request: Request) -> str:
    """The secret in `Authorization: Bearer`.

    Raises:
        InvalidToken: there is none.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise InvalidToken("send a management token as 'Authorization: Bearer tga-…'")
    return secret.strip()


def staff(desk: Desk) -> Authenticate:
    """Says which token calls; every route wants one."""
    tokens = AdminTokens(desk.stores.catalog, desk.stores.peppers, desk.random)

    def authenticate(request: Request, _: Endpoint | None) -> Caller:
        token = tokens.authenticate(bearer(request), desk.clock())
        return Caller(token.id, token.role, PERMISSIONS[token.role])

    return authenticate
