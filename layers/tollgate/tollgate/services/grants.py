"""Asks Google for access tokens: signs for service accounts, refreshes for people's accounts."""

from collections.abc import Callable
from typing import Final

from tollgate.domain.catalog import Account
from tollgate.domain.credentials import RefreshToken, ServiceAccount
from tollgate.domain.errors import UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from tollgate.domain.grants import (
    Asking,
    Grant,
    assertion_form,
    read_grant,
    refresh_form,
    token_address,
    unsigned,
)
from tollgate.upstream.client import Target, Upstream
from tollgate.upstream.proxies import Proxy

PATIENCE_SECONDS: Final = 10.0
LARGEST: Final = 64 * 1024
FORM: Final = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class Grants:
    """Gets tokens.

    Args:
        clock: epoch ms.
        local: whether accounts on one's own machine may name where their tokens come from.
    """

    def __init__(self, upstream: Upstream, clock: Callable[[], int], *, local: bool) -> None:
        self._upstream = upstream
        self._clock = clock
        self._local = local

    def ask(self, account: Account, asking: Asking, refresh: str, proxy: Proxy | None) -> Grant:
        """A new access token; `refresh` is what to refresh with where the account does that.

        Raises:
            GrantRefused: the credentials are no good any more.
            UpstreamUnavailable: there is no token now.
        """
        address = token_address(asking, account.base_url, local=self._local)
        form = self._form(asking, address, refresh)
        try:
            answer = self._upstream.send(Target(address, FORM, form, proxy=proxy), PATIENCE_SECONDS)
            try:
                return read_grant(answer.status, answer.read(LARGEST))
            finally:
                answer.close()
        except (UpstreamFailed, UpstreamTimeout) as error:  # the call itself was not even sent
            raise UpstreamUnavailable("the gateway's own account got no access token") from error

    def _form(self, asking: Asking, address: str, refresh: str) -> bytes:
        if isinstance(asking, RefreshToken):
            return refresh_form(asking, refresh)
        text = unsigned(asking, address, self._clock() // 1_000)
        return assertion_form(text, signature(asking, text))


def signature(asking: ServiceAccount, text: bytes) -> bytes:
    """A text signed by a service account.

    Raises:
        UpstreamUnavailable: its key is none that can sign.
    """
    # 20 ms beyond what sealing takes, once an hour and only where there is such an account.
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(asking.private_key.encode(), None)
    except (ValueError, TypeError) as error:
        raise UpstreamUnavailable("the account's private key cannot be read") from error
    if not isinstance(key, RSAPrivateKey):
        raise UpstreamUnavailable("the account's private key is none of RSA")
    return key.sign(text, PKCS1v15(), SHA256())
