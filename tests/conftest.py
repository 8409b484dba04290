"""Fixtures every room shares: AWS as locked moto plays it, and how hypothesis runs here."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.locked_moto import ENVIRONMENT, locked_moto, moto_server
from tests.skips import is_allowed

settings.register_profile("tollgate", deadline=None, print_blob=True)
settings.load_profile("tollgate")


UNLISTED: list[str] = []
"""Skips of this run that the list does not name."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a skip that nobody has allowed."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if not is_allowed(reason):
            UNLISTED.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a test that was skipped without leave has failed."""
    in_ci = os.environ.get("CI") == "true"  # noqa: TID251 - CI tells itself by the environment
    if UNLISTED and in_ci and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nskipped without leave (tests/skips.py):", *UNLISTED, sep="\n  ")  # noqa: T201


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave thousands of collected tests out of every later search for garbage."""
    gc.collect()
    gc.freeze()


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
