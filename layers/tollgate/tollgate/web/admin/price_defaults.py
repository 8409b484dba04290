"""What a model costs when a channel says nothing: the figures that the channel's form begins with.

The official price of the installation goes first; a model without one is looked up in the list
that comes with Tollgate, also under the names that the platform's vendors have there.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from tollgate.domain.catalog import Price
from tollgate.domain.definition_rules import check_among
from tollgate.domain.patterns import find, normal
from tollgate.domain.price_draft import price_of
from tollgate.domain.versions import in_force
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.admin.price_bodies import Priced, fx_now, shown
from tollgate.web.admin.prices import price_list
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import ModelName

LISTED_AS: Final = {
    "anthropic": ("anthropic/",),
    "openai": ("openai/",),
    "gemini": ("gemini/", "vertex_ai/"),
    "antigravity": ("anthropic/", "gemini/", "vertex_ai/"),
}
"""What the bundled list writes in front of a platform's models, in the order of looking."""

FIELDS: Final = {
    "input_price": "input",
    "output_price": "output",
    "cache_write_price": "cache_write_5m",
    "cache_read_price": "cache_read",
    "image_output_price": "output_image",
}
PlatformName = Annotated[str | None, Query(max_length=32, description="Where it is to be sold.")]
Figure = Annotated[
    str | None, Field(description="USD per million; null: it costs what it inherits.")
]


class ModelPricingView(BaseModel):
    """The default price of a model, and the figures of the form by name."""

    found: bool
    source: Annotated[str | None, Field(description="official, or list: not priced here yet.")] = (
        None
    )
    model: Annotated[str | None, Field(description="The name or prefix* that matched.")] = None
    price: Priced | None = None
    input_price: Figure = None
    output_price: Figure = None
    cache_write_price: Figure = None
    cache_read_price: Figure = None
    image_output_price: Figure = None


class PriceDefaultResource:
    """/channels/model-pricing"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (Endpoint("GET", f"{ROOT}/channels/model-pricing", "channels.read", self.get),)

    def get(self, model: ModelName, platform: PlatformName = None) -> ModelPricingView:
        """Read the default prices of a model, for a channel's form."""
        if platform is not None:
            check_among(platform, tuple(LISTED_AS), "platform")
        found = self._official(model)
        if found is not None:
            return self._view("official", *found)
        listed = next(self._listed(model, platform), None)
        if listed is None:
            return ModelPricingView(found=False)
        return self._view("list", listed.model, listed)

    def _official(self, model: str) -> tuple[str, Price] | None:
        now = self._desk.clock()
        heads = self._catalog.prices.heads.everything()
        prices = {head.model: price for head in heads if (price := in_force(head.live, now))}
        return find(prices, model)

    def _listed(self, model: str, platform: str | None) -> Iterator[Price]:
        """The rows of the bundled list that may be meant, the likeliest first."""
        drafts = {normal(draft.model): draft for draft in price_list()}
        for prefix in ("", *LISTED_AS.get(platform or "", ())):
            draft = drafts.get(normal(prefix + model.strip()))
            if draft is not None:
                yield price_of(draft, 0, self._desk.clock())

    def _view(self, source: str, model: str, price: Price) -> ModelPricingView:
        view: dict[str, Any] = shown(price, fx_now(self._catalog))
        return ModelPricingView(
            found=True,
            source=source,
            model=model,
            price=Priced(**view),
            **{field: price.prices.get(name) for field, name in FIELDS.items()},
        )
