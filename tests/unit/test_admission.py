"""What is held for candidates that different model rows price: enough for any of them."""

import pytest

from tollgate.domain.estimate import Demand
from tollgate.services.admission import greatest


@pytest.mark.parametrize(
    ("demands", "expected"),
    [
        pytest.param([Demand(9, 0, 5, 10)], Demand(9, 0, 5, 10), id="one"),
        pytest.param(
            [Demand(9, 0, 1_024, 10_000), Demand(9, 9_000, 0, 9_000)],
            Demand(9, 9_000, 1_000, 10_000),
            id="one may think unseen, the other writes more",
        ),
        pytest.param(
            [Demand(9, 0, 10_000, 10_000), Demand(9, 9_000, 0, 9_000)],
            Demand(9, 9_000, 1_000, 10_000),
            id="strict: no more than the larger bound",
        ),
        pytest.param(
            [Demand(9, 0, 1_024, None), Demand(9, 0, 500, 500)],
            Demand(9, 0, 1_024, None),
            id="one without a bound",
        ),
        pytest.param(
            [Demand(9, 0, 5, 10), Demand(9, bound=0, images=2)],
            Demand(9, 0, 5, 10, images=2),
            id="one is sold by tokens, the other by the picture",
        ),
    ],
)
def test_the_greatest_demand_covers_every_candidate(
    demands: list[Demand], expected: Demand
) -> None:
    assert greatest(demands) == expected
    assert greatest(demands[::-1]) == expected
