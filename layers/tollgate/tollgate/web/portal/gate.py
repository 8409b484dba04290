"""Who enters the portal: a session by its cookie, and only from pages of our own.

A request that changes something must not have been sent by another site's page: an Origin, when a
browser names one, is our own host or listed, and a session's requests repeat its CSRF token, which
only our pages were told.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tollgate.domain.errors import CrossSiteRefused, InvalidToken
from tollgate.services.sessions import SignedIn, is_csrf_token
from tollgate.web.management.calls import Caller
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.portal.cookies import secret_in
from tollgate.web.requests import Request

OWN: Final = frozenset(
    {"session.own", "me.own", "keys.own", "groups.own", "prices.own", "wallet.own", "usage.own"}
)
"""What every user may: all there is, over what is their own."""

ANONYMOUS: Final = Caller("anonymous", "anonymous", frozenset())
SAFE: Final = frozenset({"GET", "HEAD"})
CSRF_HEADER: Final = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Gate:
    """Says who calls. `origins` are other origins whose pages may; `local` lets http be our own."""

    signed_in: SignedIn
    origins: frozenset[str]
    local: bool

    def __call__(self, request: Request, endpoint: Endpoint | None) -> Caller:
        """The caller of a request.

        Raises:
            CrossSiteRefused: another site's page may have sent it.
            InvalidToken: the route wants a session, and there is none.
        """
        if request.method not in SAFE:
            self._check_origin(request)
        if endpoint is not None and not endpoint.permission:
            return ANONYMOUS
        secret = secret_in(request.headers.get("cookie", ""))
        if secret is None:
            raise InvalidToken("sign in first")
        opened = self.signed_in.recognise(secret)
        said = request.headers.get(CSRF_HEADER, "")
        if request.method not in SAFE and not is_csrf_token(secret, said):
            raise CrossSiteRefused("send the session's csrf_token in the header X-CSRF-Token")
        return Caller(opened.user.id, "user", OWN, session=secret)

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None or origin in self.origins:
            return
        schemes = ("https", "http") if self.local else ("https",)
        host = request.headers.get("host", "")
        if not host or origin.lower() not in {f"{each}://{host.lower()}" for each in schemes}:
            raise CrossSiteRefused(f"pages of {site(origin)} may not do this")


def site(origin: str) -> str:
    """An origin as a refusal repeats it: nothing but its host."""
    try:
        return urlsplit(origin).hostname or "another site"
    except ValueError:
        return "another site"
