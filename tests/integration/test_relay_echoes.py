"""What a caller's own words, repeated in an upstream's refusal, do to accounts: nothing."""

import json
from dataclasses import replace

import httpx
import pytest

from tests.gateway import ACCOUNTS, CHAT, GROUP, SECRET, Gateway, Seen

PATH = "/v1/chat/completions"
TWO = tuple(replace(ACCOUNTS[0], id=f"acc_{name}", keys=1) for name in ("one", "two"))


def refusing(said: str) -> Gateway:
    """Two accounts whose vendor refuses every call with these words."""

    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": {"message": said, "type": "invalid_request"}})

    return Gateway(serve, group=replace(GROUP, accounts=TWO))


def asked(gateway: Gateway, words: str) -> Seen:
    return gateway.post(PATH, CHAT | {"user": words})


def test_nor_with_escapes_or_in_a_header() -> None:
    gateway = refusing("Invalid value: 'insufficient_quota'")
    escaped = json.dumps(CHAT | {"user": "x"}).replace('"x"', '"insufficient\\u005fquota"')
    header = {"authorization": f"Bearer {SECRET}", "openai-beta": "Insufficient_Quota"}
    seen = [gateway.post(PATH, escaped), gateway.post(PATH, CHAT, header)]
    assert [each.status for each in seen] == [502, 502]
    assert gateway.roster.courses == {}


@pytest.mark.parametrize("words", ["insufficient_quota", "your CREDIT balance", "invalid API key"])
def test_no_caller_makes_accounts_faulty_with_words_that_come_back(words: str) -> None:
    gateway = refusing(f"Invalid value: '{words}'. Supported values are: 'a'")
    for _ in range(4):
        assert asked(gateway, words).status == 502
    assert gateway.roster.health.accounts() == {}
    assert {name for name, _ in gateway.counted} <= {"SuspectCalls"}
    assert [attempt["account"] for attempt in gateway.all_records()[0].attempts] in (
        ["acc_one", "acc_two"],
        ["acc_two", "acc_one"],
    )


def test_what_the_vendor_says_by_itself_counts_and_is_never_shown() -> None:
    gateway = refusing("Your credit balance is too low")
    seen = [asked(gateway, "a customer") for _ in range(3)]
    assert [each.status for each in seen] == [502, 502, 502]
    assert not any(b"credit" in each.body for each in seen)
    assert set(gateway.roster.health.accounts()) == {"acc_one", "acc_two"}
