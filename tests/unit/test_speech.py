"""Whatever is said to an account goes through its proxy, what its type says again included."""

from dataclasses import replace

import pytest

from tests.gateway import ACCOUNTS
from tollgate.dialects import load
from tollgate.domain.call import Call
from tollgate.domain.catalog import Account
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.resolution import Candidate
from tollgate.services.speech import (
    Failure,
    Outgoing,
    Reaction,
    Saying,
    Speech,
    Spoken,
    plainly,
    through,
)
from tollgate.upstream.client import Target
from tollgate.upstream.proxies import Proxy

CHAT = load("openai_chat")
BODY = b'{"model":"gpt-4o","messages":[]}'
CALL = CHAT.read_call(CHAT.routes[0], {}, {}, BODY)
PROXY = Proxy("http://proxy.example.com:3128", "ann:s3cret")
FREE = PriceSnapshot("official", "", 0, "gpt-4o")
FAILED = Failure(429, {}, b"")
AT_HOME = Target("https://api.example.com/v1", {}, b"{}")


def candidate(proxy: str, call: Call = CALL) -> Candidate:
    account = replace(ACCOUNTS[0], proxy=proxy)
    return Candidate(account, "", call.model, call.model, (call.model,), FREE, FREE, None)


def said(proxy: str, heard: list[Saying] | None = None) -> Spoken:
    def speak(saying: Saying) -> Spoken:
        if heard is not None:
            heard.append(saying)
        return plainly(saying)

    def credentials(account: Account) -> str:
        assert account.proxy
        return "ann:s3cret"

    speech = Speech(lambda account: "sk-1", {"apikey": speak}, credentials)
    return speech.said(Outgoing(CHAT, CALL, {}, 0), candidate(proxy))


def test_an_accounts_calls_go_through_its_proxy() -> None:
    heard: list[Saying] = []
    spoken = said(PROXY.url, heard)
    assert spoken.target.proxy == PROXY
    assert heard[0].proxy == PROXY  # for what is asked beside the call
    assert "proxy" not in str(spoken.target.headers).lower()
    assert "s3cret" not in repr(spoken)


def test_an_account_without_a_proxy_is_asked_for_no_credentials_of_one() -> None:
    assert said("").target.proxy is None


def test_a_proxy_whose_credentials_cannot_be_opened_is_an_account_that_cannot_be_used() -> None:
    def lost(account: Account) -> str:
        raise UpstreamUnavailable("the gateway's own account cannot be used now")

    speech = Speech(lambda account: "sk-1", open_proxy=lost)
    with pytest.raises(UpstreamUnavailable):
        speech.said(Outgoing(CHAT, CALL, {}, 0), candidate(PROXY.url))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_a_type_says_again_goes_through_the_proxy_too(times: int) -> None:
    def react(failure: Failure) -> Reaction:
        return Reaction(again=Spoken(AT_HOME, react=react), wait_ms=5)

    spoken = through(Spoken(AT_HOME, react=react), PROXY)
    for _ in range(times):
        assert spoken.react is not None
        reaction = spoken.react(FAILED)
        assert reaction is not None
        assert reaction.again is not None
        assert reaction.wait_ms == 5
        spoken = reaction.again
        assert spoken.target.proxy == PROXY


@pytest.mark.parametrize(
    "reaction",
    [
        pytest.param(None, id="nothing"),
        pytest.param(Reaction(rests={"cooling": 7}), id="a rest"),
    ],
)
def test_what_follows_otherwise_is_as_the_type_says(reaction: Reaction | None) -> None:
    spoken = through(Spoken(AT_HOME, react=lambda failure: reaction), PROXY)
    assert spoken.react is not None
    assert spoken.react(FAILED) == reaction


def test_a_type_without_rules_of_its_own_has_none_behind_a_proxy() -> None:
    spoken = through(Spoken(AT_HOME), PROXY)
    assert spoken.react is not None
    assert spoken.react(FAILED) is None
