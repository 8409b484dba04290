"""The relay's own wiring speaks to accounts at Google, and loads what that takes only then."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.request import Request, urlopen

import pytest

from local.replay.listener import running
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.gateway import EVERYWHERE
from tests.google_accounts import gemini_call, saying
from tests.google_stand_in import DATA_KEY, SEALING, person
from tollgate.domain.catalog import Account
from tollgate.services import vendors
from tollgate.services.catalog import Catalog
from tollgate.services.sending import NotAnswered, Sending
from tollgate.settings import Settings
from tollgate.store.clients import Aws
from tollgate.store.credentials import place_of
from tollgate.store.publications import Publications
from tollgate.store.snapshots import Snapshots

NOW = 1_795_348_800_000
ASKED = {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}
FOR_FEW = (
    "tollgate.services.google",
    "tollgate.services.antigravity",
    "tollgate.services.bedrock",
    "tollgate.services.account_checks",
    "tollgate.domain.definitions",
    "cryptography",
    "zoneinfo",
)
"""Modules that a relay loads when an account wants them, and those that only staff's work does."""


@pytest.fixture
def replay() -> Iterator[str]:
    with running() as url:
        yield url


def script(replay: str, *behaviours: str) -> None:
    """What the stand-in does with the next calls."""
    body = json.dumps({"behaviours": behaviours}).encode()
    urlopen(Request(f"{replay}/_replay/script", body)).close()  # noqa: S310 - our own stand-in


def account(replay: str, refresh: str) -> Account:
    sealed = SEALING.seal(person(refresh), place_of("acc_a", 1), DATA_KEY)
    return Account("acc_a", "anti", "antigravity", "oauth", replay, sealed)


def wired(told: list[str]) -> Sending:
    """As the relay's function is put together, over a table in memory."""
    nothing: Any = None
    dynamo = InMemoryDynamo(["state"])
    aws = Aws(dynamo, SEALING, nothing, nothing, nothing)
    settings = Settings(state_table="state", local="1")
    publications = Publications(dynamo, "state")
    claim = publications.claim()
    publications.put_everywhere(replace(EVERYWHERE, version=claim.number))
    publications.publish(claim, claim.number, {})
    catalog = Catalog(Snapshots(dynamo, "state"), lambda: NOW)
    roster = vendors.roster(aws, settings, catalog, lambda *_: None, lambda: NOW)
    return vendors.sending(aws, settings, lambda name, _: told.append(name), roster)


def test_a_call_reaches_an_account_at_google(replay: str) -> None:
    script(replay, "", "odd=close")  # so that no connection is kept
    outgoing = gemini_call("generateContent", ASKED)
    candidate = saying(outgoing, account(replay, "1//ann"), "").candidate
    sent = wired([]).send(outgoing, (candidate,))
    assert json.loads(sent.first)["usageMetadata"]["promptTokenCount"] == 6
    sent.close()


def test_an_account_that_is_refused_tokens_is_told_of_and_faulty(replay: str) -> None:
    told: list[str] = []
    outgoing, sending = gemini_call("generateContent", ASKED), wired(told)
    candidate = saying(outgoing, account(replay, "1//ann+invalid_grant"), "").candidate
    with pytest.raises(NotAnswered):
        sending.send(outgoing, (candidate,))
    assert told == ["acc_a"]
    assert sending.roster.health.facts("acc_a")["faulty"] == 2**53 - 1


def test_a_relay_without_such_accounts_loads_nothing_of_it() -> None:
    code = "import tollgate.services.vendors, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert set(FOR_FEW) & set(done.stdout.split()) == set()
