"""The local stack for end-to-end tests: one a worker, with its own state, ports and demo data."""

import os
from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.e2e.evidence import unexplained


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`make run`, as one session of tests shares it; in the end all its charges are recomputed."""
    emulator = os.environ.get("EMULATOR", "ministack")  # noqa: TID251 - as `make run` reads it
    with Stack(tmp_path_factory.mktemp("stack"), emulator=emulator) as stack:
        yield stack
        assert unexplained(stack) == []


@pytest.fixture(autouse=True)
def _needs_stack(request: pytest.FixtureRequest) -> None:
    """Every end-to-end test carries the marker, so that none starts a stack unasked."""
    if request.node.get_closest_marker("stack") is None:
        pytest.fail("an end-to-end test needs `pytestmark = pytest.mark.stack`")
