"""Every way Tollgate says no: one tree, each leaf a fact with its HTTP status and stable code.

Nothing else in the code decides a status. How an error looks on the wire is the dialect's
business (relay) or the API's (`application/problem+json`); what it means is said here.
Codes and statuses: the table in docs/reference/errors.md, generated from this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Rate:
    """How a limit of a minute stands; the next one begins in `wait` seconds."""

    what: Literal["requests", "tokens"]
    limit: int
    remaining: int
    wait: int


class TollgateError(Exception):
    """A refusal or a failure, as a fact.

    Args:
        message: what happened, the number behind it and what to do; shown to the caller.
        param: the request field at fault, where there is one.
        retry_after: whole seconds after which trying again can work; only for retryable errors.
        detail: further facts for the caller, never secrets, prices of others or upstream texts.
        translations: `message` in other languages, by language tag ("zh"); forms show them.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        detail: Mapping[str, str | int] | None = None,
        translations: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.detail = dict(detail or {})
        self.translations = dict(translations or {})


# --- the request itself ---------------------------------------------------------------------


class InvalidRequest(TollgateError):
    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"
    type = "invalid_request_error"


class MissingParameter(InvalidRequest):
    code = "missing_required_parameter"


class RequestTooLarge(TollgateError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "request_too_large"
    type = "invalid_request_error"


class RouteNotFound(TollgateError):
    status = HTTPStatus.NOT_FOUND
    code = "route_not_found"
    type = "invalid_request_error"


class MethodNotAllowed(TollgateError):
    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    type = "invalid_request_error"


class UnsupportedContentType(TollgateError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_content_type"
    type = "invalid_request_error"


class UnsupportedEndpoint(TollgateError):
    status = HTTPStatus.NOT_IMPLEMENTED
    code = "unsupported_endpoint"
    type = "invalid_request_error"


# --- who is calling -------------------------------------------------------------------------


class Unauthenticated(TollgateError):
    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_api_key"
    type = "invalid_request_error"


class MissingKey(Unauthenticated):
    code = "missing_api_key"


class InvalidKey(Unauthenticated):
    code = "invalid_api_key"


class InvalidToken(Unauthenticated):
    """No management token or session, or one that is not (any more) good for anything."""

    code = "invalid_token"


class KeyDisabled(Unauthenticated):
    code = "api_key_disabled"


class KeyExpired(Unauthenticated):
    code = "api_key_expired"


class KeyRevoked(Unauthenticated):
    code = "api_key_revoked"


class InvalidCredentials(Unauthenticated):
    """No such e-mail address or not its password; the two are never told apart."""

    code = "invalid_credentials"


class Forbidden(TollgateError):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    type = "permission_error"


class CrossSiteRefused(Forbidden):
    """A browser sent this from another site's page, or without the session's CSRF token."""

    code = "cross_site_request_refused"


class SignUpClosed(Forbidden):
    """Strangers may not register here; the operator makes the users."""

    code = "sign_up_closed"


class UserDisabled(Forbidden):
    code = "account_deactivated"


class GroupNotPermitted(Forbidden):
    code = "group_not_permitted"


class ClaudeCodeOnly(GroupNotPermitted):
    """The key's group is for Claude Code only, another client calls, and no fallback takes it."""

    code = "claude_code_only"


class ModelNotAllowed(Forbidden):
    code = "model_not_allowed"


class EndpointNotAllowed(Forbidden):
    code = "endpoint_not_allowed"


class AddressNotAllowed(Forbidden):
    code = "ip_not_allowed"


# --- what is asked for, and its price -------------------------------------------------------


class ModelNotFound(TollgateError):
    status = HTTPStatus.NOT_FOUND
    code = "model_not_found"
    type = "invalid_request_error"


class ModelPriceNotConfigured(InvalidRequest):
    code = "model_price_not_configured"


class ModelGroupNotFound(TollgateError):
    status = HTTPStatus.NOT_FOUND
    code = "model_group_not_found"
    type = "invalid_request_error"


class ModelGroupDisabled(Forbidden):
    code = "model_group_disabled"


class ModelGroupNotPermitted(Forbidden):
    code = "model_group_not_permitted"


class ModelGroupPriceNotConfigured(Forbidden):
    code = "model_group_price_not_configured"


class PricingMisconfigured(TollgateError):
    """A stored price that nobody can charge by: the operator is alarmed, and may mend it soon."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "pricing_misconfigured"
    retryable = True


class CatalogUnavailable(TollgateError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "pricing_unavailable"
    retryable = True


# --- money and limits -----------------------------------------------------------------------


class InsufficientQuota(TollgateError):
    status = HTTPStatus.PAYMENT_REQUIRED
    code = "insufficient_quota"
    type = "insufficient_quota"


class InsufficientBalance(InsufficientQuota):
    code = "insufficient_user_quota"


class KeyQuotaExhausted(InsufficientQuota):
    code = "insufficient_key_quota"


class SubscriptionExhausted(InsufficientQuota):
    code = "insufficient_subscription_quota"


class BudgetExceeded(InsufficientQuota):
    """A limit of what may be spent in a while; waiting for its end is not for a retry."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "budget_exceeded"


class RateLimited(TollgateError):
    """A limit of a minute, or of calls open at once; `rates` tell how limits of a minute stand."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limit_exceeded"
    type = "rate_limit_error"
    retryable = True

    def __init__(self, message: str, *, rates: tuple[Rate, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.rates = rates


class ConcurrencyLimited(RateLimited):
    code = "concurrency_limit_exceeded"


class BillingUnavailable(TollgateError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "ledger_unavailable"
    retryable = True


# --- the upstream ---------------------------------------------------------------------------


class NoHealthyAccount(TollgateError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "no_available_channel"
    retryable = True


class UpstreamRefused(TollgateError):
    """The upstream found the request itself wrong (400, 404, 413, 422): change it.

    `body` is its own complaint, without what names the operator's account; empty when unreadable.
    """

    body: bytes = b""

    status = HTTPStatus.BAD_REQUEST
    code = "upstream_refused"
    type = "invalid_request_error"


class UpstreamNotFound(UpstreamRefused):
    status = HTTPStatus.NOT_FOUND


class UpstreamUnprocessable(UpstreamRefused):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UpstreamTooLarge(UpstreamRefused):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UpstreamRateLimited(TollgateError):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "upstream_rate_limited"
    type = "rate_limit_error"
    retryable = True


class UpstreamUnavailable(TollgateError):
    """The upstream refused *us* (401, 402, 403, quota): its text never reaches the caller."""

    status = HTTPStatus.BAD_GATEWAY
    code = "upstream_unavailable"
    retryable = True


class UpstreamFailed(TollgateError):
    status = HTTPStatus.BAD_GATEWAY
    code = "upstream_error"
    retryable = True


class UpstreamTimeout(TollgateError):
    """Not retryable: the upstream may have done, and billed, the work."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "upstream_timeout"


# --- the management APIs --------------------------------------------------------------------


class ValidationFailed(TollgateError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "validation_failed"
    type = "invalid_request_error"


class BillingTypeMismatch(ValidationFailed):
    """A customer's price is of another type than its model group is billed by."""

    code = "billing_type_mismatch"


class NotFound(TollgateError):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    type = "invalid_request_error"


class Conflict(TollgateError):
    status = HTTPStatus.CONFLICT
    code = "conflict"
    type = "invalid_request_error"


class VersionMismatch(TollgateError):
    status = HTTPStatus.PRECONDITION_FAILED
    code = "version_mismatch"
    type = "invalid_request_error"


class VersionRequired(TollgateError):
    status = HTTPStatus.PRECONDITION_REQUIRED
    code = "version_required"
    type = "invalid_request_error"


class TooManyAttempts(TollgateError):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_attempts"
    type = "rate_limit_error"
    retryable = True


class StoreUnavailable(TollgateError):
    """Storage did not answer, or not in time; what was asked may have happened."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "store_unavailable"
    retryable = True
