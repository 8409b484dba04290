"""What a key can use: the models that its group can route and that have a price."""

import json
from collections.abc import Callable, Iterator

from tollgate.dialects import Dialect
from tollgate.domain.catalog import Account, GlobalPart, GroupPart
from tollgate.domain.errors import ModelNotFound, StoreUnavailable
from tollgate.domain.patterns import allows, translate
from tollgate.domain.resolution import Caller, billing_model, check, official_price, permit
from tollgate.domain.routing import channel_mapped, serves
from tollgate.services.admission import Admission
from tollgate.services.catalog import Catalog
from tollgate.services.receipts import Receipts
from tollgate.services.relay import FRESH_MS, Reply
from tollgate.store.dynamodb import StoreError


class Listing:
    """Answers the unmetered reads of the relay."""

    def __init__(
        self,
        admission: Admission,
        catalog: Catalog,
        receipts: Receipts,
        clock: Callable[[], int],
    ) -> None:
        self._admission = admission
        self._catalog = catalog
        self._receipts = receipts
        self._clock = clock

    def ready(self) -> None:
        """Raise CatalogUnavailable while the catalog cannot be read."""
        self._catalog.check()

    def models(self, dialect: Dialect, secret: str, model: str | None) -> Reply:
        """The list, or one entry of it, in the caller's dialect.

        Raises:
            ModelNotFound: the one asked for is not in the list.
        """
        caller = self._caller(secret)
        group = self._catalog.group(caller.key.group)
        permit(caller, group)
        names = sorted(
            name
            for name in sellable(self._catalog.global_part(), group, self._clock())
            if allows(caller.key.models, name)
        )
        created = self._clock() // 1_000
        if model is None:
            return json_reply(dialect.write_models(names, created))
        if model not in names:
            raise ModelNotFound(f"model {model!r} is not offered to this key", param="model")
        return json_reply(dialect.write_model(model, created))

    def receipt(self, secret: str, request_id: str) -> Reply:
        """The explanation of one call of the key's own user.

        Raises:
            NotFound: no such call, or somebody else's.
            StoreUnavailable: it cannot be read now.
        """
        caller = self._caller(secret)
        try:
            told = self._receipts.one(request_id, caller.profile.user)
        except StoreError as error:
            raise StoreUnavailable(
                "receipts cannot be read now; try again", retry_after=1
            ) from error
        return json_reply(json.dumps(told, ensure_ascii=False).encode())

    def _caller(self, secret: str) -> Caller:
        """Who asks, if they may: no hold will say that a key is not good any more."""
        caller = self._admission.authenticate(secret, FRESH_MS)
        check(caller, self._clock())
        return caller


def json_reply(body: bytes) -> Reply:
    """An answer that is complete."""
    return Reply(200, {"content-type": "application/json"}, body)


def sellable(everywhere: GlobalPart, group: GroupPart, now_ms: int) -> Iterator[str]:
    """Names without wildcards that an account of the group serves and that have a price.

    An account without any list of models serves whatever is priced.
    """
    mapping = group.channel.model_mapping.get(group.platform, {}) if group.channel else {}
    for name in {*everywhere.prices, *mapping}:
        if name.endswith("*"):
            continue
        mapped = channel_mapped(group.channel, group.platform, name)
        if any(
            serves(account, mapped)
            and official_price(everywhere.prices, billed(account, group, name, mapped), now_ms)
            for account in group.accounts
        ):
            yield name


def billed(account: Account, group: GroupPart, requested: str, mapped: str) -> str:
    """The name that a call through this account would be priced by."""
    return billing_model(group, requested, mapped, translate(account.model_mapping, mapped))
