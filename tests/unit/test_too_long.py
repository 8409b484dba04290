"""Which refusals of upstreams say that the prompt is too long, and what is tried after them."""

from dataclasses import replace

import pytest

from tests.resolution_samples import ACCOUNT, GROUP, question
from tollgate.domain.catalog import Account
from tollgate.domain.resolution import Candidate, after_too_long, resolve
from tollgate.domain.too_long import too_long


@pytest.mark.parametrize(
    ("status", "body", "known"),
    [
        pytest.param(
            400,
            b'{"type":"error","error":{"type":"invalid_request_error",'
            b'"message":"prompt is too long: 208310 tokens > 200000 maximum"}}',
            True,
            id="Anthropic",
        ),
        pytest.param(
            400, b'{"error":{"message":"Prompt is too long","code":400}}', True, id="Antigravity"
        ),
        pytest.param(
            400, b'{"message":"Input is too long for requested model."}', True, id="Bedrock"
        ),
        pytest.param(
            400,
            b'{"error":{"code":"context_length_exceeded","message":"This model\'s maximum context '
            b'length is 128000 tokens."}}',
            True,
            id="OpenAI",
        ),
        pytest.param(
            400,
            b'{"error":{"message":"Your input exceeds the context window of this model."}}',
            True,
            id="OpenAI's responses",
        ),
        pytest.param(
            400,
            b'{"error":{"message":"The input token count (1200000) exceeds the maximum number of '
            b'tokens allowed (1048576)."}}',
            True,
            id="Gemini",
        ),
        pytest.param(413, b'{"error":{"message":"Prompt is too long"}}', True, id="with a 413"),
        pytest.param(413, b"Request Entity Too Large", False, id="a body too large to be read"),
        pytest.param(429, b"prompt is too long", False, id="another status"),
        pytest.param(200, b"prompt is too long", False, id="said by a model"),
        pytest.param(400, b'{"error":{"message":"max_tokens is too large"}}', False, id="output"),
        pytest.param(
            400, b'{"error":{"message":"messages.0: unknown role"}}', False, id="another fault"
        ),
        pytest.param(400, b"", False, id="nothing said"),
        pytest.param(400, b"\xff\xfe", False, id="no text"),
    ],
)
def test_what_upstreams_say(status: int, body: bytes, known: bool) -> None:
    assert too_long(status, body) is known


LARGE = replace(GROUP, id="grp_2", name="large")


def sent(group: str, *accounts: Account) -> tuple[Candidate, ...]:
    """The candidates of a call through a group with these accounts."""
    return resolve(question(group=replace(LARGE, id=group, accounts=accounts)))


def test_another_groups_candidates_wait_until_the_call_was_too_long() -> None:
    found = sent("grp_1", ACCOUNT)
    others = sent("grp_2", replace(ACCOUNT, id="acc_2"))
    assert [
        (each.account.id, each.group, each.only_after_too_long)
        for each in found + after_too_long(found, others)
    ] == [("acc_1", "grp_1", False), ("acc_2", "grp_2", True)]


@pytest.mark.parametrize(
    ("mapping", "accounts"),
    [
        pytest.param({}, [], id="the same name at the same account would answer the same"),
        pytest.param({"gpt-4o": "wire"}, ["acc_1"], id="another name may take more"),
    ],
)
def test_an_account_of_both_groups(mapping: dict[str, str], accounts: list[str]) -> None:
    others = sent("grp_2", replace(ACCOUNT, model_mapping=mapping))
    assert [each.account.id for each in after_too_long(sent("grp_1", ACCOUNT), others)] == accounts
