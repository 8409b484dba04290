"""Fixtures every room shares: AWS as locked moto plays it, and how hypothesis runs here."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.locked_moto import ENVIRONMENT, locked_moto, moto_server

settings.register_profile("tollgate", deadline=None, print_blob=True)
settings.load_profile("tollgate")


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables boto3 reads, with nothing of the machine's own."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def moto(aws_environment: None) -> Iterator[None]:
    """Every boto3 client of the test speaks to an empty, locked moto."""
    with locked_moto():
        yield


@pytest.fixture
def moto_url(aws_environment: None) -> Iterator[str]:
    """An empty, locked moto behind a loopback URL."""
    with moto_server() as url:
        yield url
