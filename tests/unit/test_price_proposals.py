"""A proposal that is larger than an item can be is refused before it is kept."""

import random

import pytest

from tollgate.domain.errors import RequestTooLarge
from tollgate.store.price_proposals import LARGEST, Proposal, Proposals, packed


def test_a_proposal_of_too_many_rows_is_refused() -> None:
    noise = random.Random(7)
    refused = {f"{noise.getrandbits(400):x}": "" for _ in range(8_000)}
    proposal = Proposal("imp_1", "upload", "adm_1", 0, {}, refused, {})
    assert len(packed(proposal)) > LARGEST
    with pytest.raises(RequestTooLarge, match="name the providers"):
        Proposals().put(proposal)


@pytest.mark.parametrize(
    ("providers", "source", "speaks"),
    [
        pytest.param((), "litellm:openai", True, id="from such a list"),
        pytest.param(("openai", "azure"), "litellm:azure", True, id="of a vendor that is meant"),
        pytest.param(("openai",), "litellm:azure", False, id="of another vendor"),
        pytest.param((), "price sheet of May", False, id="from elsewhere"),
        pytest.param((), "", False, id="from nowhere"),
    ],
)
def test_which_prices_a_list_should_have(
    providers: tuple[str, ...], source: str, speaks: bool
) -> None:
    proposal = Proposal("imp_1", "upload", "adm_1", 0, {}, {}, {}, providers)
    assert proposal.speaks_of(source) is speaks
