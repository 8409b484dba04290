"""How long an account is asked, how often, and what of the answer staff may read."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tollgate.domain.catalog import Account
from tollgate.domain.errors import TollgateError, UpstreamFailed, ValidationFailed
from tollgate.services.account_checks import (
    AccountChecks,
    Opened,
    cleaned,
    first_model,
    listed,
    secrets_of,
    words,
)
from tollgate.services.speech import PLAINLY, Reaction, Saying, Speak, Spoken
from tollgate.upstream.client import Answer, Target, Upstream

ACCOUNT = Account("acc_1", "n", "openai", "apikey", "https://vendor.example/v1", {})
OPENED = Opened(ACCOUNT, "sk-secret-one\nsk-secret-two", "user:proxy-pass")
HELLO = json.dumps({"choices": [{"message": {"content": "Hi"}}]}).encode()


@dataclass
class Told:
    """An answer that is there already."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    def read(self, limit: int) -> bytes:
        if len(self.body) > limit:
            raise UpstreamFailed(f"more than {limit} bytes")
        return self.body

    def close(self) -> None:
        self.closed = True


@dataclass
class Vendor:
    """Answers in order; every answer takes as long as `takes`."""

    answers: list[Told]
    takes: int = 0
    now: int = 1_000
    asked: list[tuple[Target, float]] = field(default_factory=list)

    def send(self, target: Target, patience: float) -> Answer:
        self.asked.append((target, patience))
        self.now += self.takes
        return cast(Answer, self.answers[len(self.asked) - 1])

    def checks(self, speak: Speak = PLAINLY["apikey"]) -> AccountChecks:
        return AccountChecks(cast(Upstream, self), {"apikey": speak}, lambda: self.now)


def reacting(reaction: Reaction | None) -> Speak:
    """An API key's way to speak, with an opinion about failures."""

    def speak(saying: Saying) -> Spoken:
        plain = PLAINLY["apikey"](saying)
        return Spoken(plain.target, react=lambda failure: reaction)

    return speak


AGAIN = Reaction(again=Spoken(Target("https://vendor.example/again", {}, b"")))
LATER = Reaction(again=AGAIN.again, wait_ms=500)


def test_a_call_has_twenty_seconds() -> None:
    vendor = Vendor([Told(200, HELLO)], takes=700)
    trial = vendor.checks().call(OPENED, "gpt-4o")
    assert (trial.ms, trial.said, trial.status) == (700, "Hi", 200)
    assert [patience for _, patience in vendor.asked] == [20.0]
    assert vendor.answers[0].closed


@pytest.mark.parametrize(
    ("reaction", "calls", "status"),
    [
        pytest.param(AGAIN, 2, 200, id="again at once, within the same time"),
        pytest.param(LATER, 1, 401, id="nobody waits"),
        pytest.param(Reaction(rests={"faulty": 9}), 1, 401, id="it rests"),
        pytest.param(None, 1, 401, id="nothing follows"),
    ],
)
def test_a_type_may_ask_once_more(reaction: Reaction | None, calls: int, status: int) -> None:
    vendor = Vendor([Told(401, b"{}"), Told(200, HELLO)], takes=5_000)
    trial = vendor.checks(reacting(reaction)).call(OPENED, "gpt-4o")
    assert trial.status == status
    assert [patience for _, patience in vendor.asked] == [20.0, 15.0][:calls]


def test_an_answer_too_large_is_not_kept() -> None:
    vendor = Vendor([Told(200, b"x" * 2_097_153)])
    trial = vendor.checks().call(OPENED, "gpt-4o")
    assert (trial.status, trial.error) == (0, "more than 2097152 bytes")
    assert vendor.answers[0].closed


def test_what_a_type_says_of_itself_is_cleaned_too() -> None:
    def refuse(saying: Saying) -> Spoken:
        raise UpstreamFailed(f"no token for {saying.secret.splitlines()[1]}")

    trial = Vendor([]).checks(refuse).call(OPENED, "gpt-4o")
    assert (trial.status, trial.error) == (0, "no token for ***")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("bad key sk-secret-two!", "bad key ***!", id="the second key"),
        pytest.param("proxy user:proxy-pass refused", "proxy *** refused", id="a proxy's"),
        pytest.param("pass is proxy-pass", "pass is ***", id="its password alone"),
        pytest.param("key abc****xyz", "key ***", id="a key with its middle hidden"),
        pytest.param("key sk-proj-***", "key ***", id="the beginning of a key"),
        pytest.param("for org-AbCdEf12345", "for ***", id="our organization"),
        pytest.param("a\r\nb\x00c\u202ed", "a b c d", id="what is not to be seen"),
        pytest.param("x" * 400, "x" * 300, id="too long a line"),
        pytest.param("2 * 3", "2 * 3", id="a star alone"),
    ],
)
def test_a_line_is_clean(text: str, line: str) -> None:
    assert cleaned(text, OPENED) == line


@pytest.mark.parametrize(
    ("opened", "texts"),
    [
        pytest.param(
            OPENED,
            ["user:proxy-pass", "sk-secret-one", "sk-secret-two", "proxy-pass"],
            id="keys and a proxy",
        ),
        pytest.param(
            Opened(ACCOUNT, '{"a": "long-secret", "b": "abc", "c": 5}'), ["long-secret"], id="JSON"
        ),
    ],
)
def test_every_secret_is_taken_out(opened: Opened, texts: list[str]) -> None:
    assert sorted(secrets_of(opened)) == sorted(texts)
    assert [len(each) for each in secrets_of(opened)] == sorted(map(len, texts), reverse=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(HELLO, "Hi", id="chat"),
        pytest.param(b'{"content": [{"type": "text", "text": " a\\n b "}]}', "a b", id="Messages"),
        pytest.param(b'{"content": "%s"}' % (b"w" * 200), "w" * 100, id="a long one"),
        pytest.param(b"not JSON", "", id="no JSON"),
        pytest.param(b"[" * 3_000, "", id="a deep one"),
        pytest.param(b'[{"text": "a"}, 5]', "a", id="a list"),
    ],
)
def test_the_first_words(body: bytes, said: str) -> None:
    assert words(body) == said


def many() -> Iterator[dict[str, Any]]:
    for number in range(1_500):
        yield {"id": f"m{number}"}


def test_a_list_has_a_bound() -> None:
    assert len(listed(json.dumps({"data": list(many())}).encode())) == 1_000


@pytest.mark.parametrize(
    ("models", "mapping", "first"),
    [
        pytest.param(("b-*", "b"), {"a": "x"}, "b", id="what it lists"),
        pytest.param((), {"a*": "x", "a": "y"}, "a", id="what it maps"),
    ],
)
def test_the_first_model(models: tuple[str, ...], mapping: dict[str, str], first: str) -> None:
    account = Account("a", "n", "openai", "apikey", "", {}, models=models, model_mapping=mapping)
    assert first_model(account) == first


def refusal(step: Callable[[], object]) -> TollgateError:
    with pytest.raises(ValidationFailed) as refused:
        step()
    return refused.value


def test_no_model_and_no_such_key_are_refused_before_anything_is_sent() -> None:
    vendor = Vendor([])
    assert refusal(lambda: vendor.checks().call(OPENED, "")).param == "model"
    third = Opened(ACCOUNT, OPENED.secret, key=2)
    assert (
        refusal(lambda: vendor.checks().call(third, "gpt-4o")).message == "key: the account has 1"
    )
    assert refusal(lambda: vendor.checks().models(third)).param == "key"
    assert vendor.asked == []
