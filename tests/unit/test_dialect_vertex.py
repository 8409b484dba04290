"""How Messages are said to Vertex AI: the version stands where the model stood."""

import pytest

from tollgate.dialects._vertex import messages_body, messages_method
from tollgate.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        pytest.param(
            b'{"model": "claude-x", "max_tokens": 5}',
            b'{"anthropic_version":"vertex-2023-10-16", "max_tokens": 5}',
            id="first",
        ),
        pytest.param(
            '{"note":"ö model","model" :\n"claude-x"}'.encode(),
            '{"note":"ö model","anthropic_version":"vertex-2023-10-16"}'.encode(),
            id="last, behind other bytes",
        ),
        pytest.param(
            b'{"\\u006dodel":"claude-x","a":"model"}',
            b'{"anthropic_version":"vertex-2023-10-16","a":"model"}',
            id="with an escape in its name",
        ),
    ],
)
def test_the_version_stands_where_the_model_stood(body: bytes, sent: bytes) -> None:
    assert messages_body(body, counting=False) == sent


def test_to_count_tokens_the_body_still_names_the_model() -> None:
    assert messages_body(b'{"model":"m","messages":[]}', counting=True) == (
        b'{"model":"m","anthropic_version":"vertex-2023-10-16","messages":[]}'
    )


def test_a_version_of_the_callers_own_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="anthropic_version") as refused:
        messages_body(b'{"model":"m","anthropic_version":"x"}', counting=False)
    assert refused.value.param == "anthropic_version"


@pytest.mark.parametrize("counting", [False, True])
@pytest.mark.parametrize("betas", ["[]", '["context-1m-2025-08-07"]', '"x"'])
def test_beta_features_in_the_body_are_refused_for_no_rule_would_see_them(
    betas: str, counting: bool
) -> None:
    with pytest.raises(InvalidRequest, match="anthropic-beta") as refused:
        messages_body(b'{"model":"m","anthropic_beta":%b}' % betas.encode(), counting=counting)
    assert refused.value.param == "anthropic_beta"


def test_streams_have_a_method_of_their_own() -> None:
    assert messages_method(stream=True) == "streamRawPredict"
    assert messages_method(stream=False) == "rawPredict"
