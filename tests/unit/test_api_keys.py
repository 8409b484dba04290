"""Whose a secret is, read off its form alone; anything else is nobody's."""

import pytest

from tollgate.domain import api_keys
from tollgate.domain.errors import InvalidKey

USER = "0123456789abcdef"
KEY = f"sk-tg-{USER}{'k' * 52}"
TOKEN = f"tga-{USER}{'k' * 52}"
SESSION = f"{USER}{'k' * 52}"


def test_a_secret_names_its_owner() -> None:
    assert api_keys.user_of(KEY) == f"usr_{USER}"
    assert api_keys.admin_token_id(TOKEN) == f"adm_{USER}"
    assert api_keys.session_user(SESSION) == f"usr_{USER}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("sk-tg-", id="only the prefix"),
        pytest.param(KEY[:-1], id="too short"),
        pytest.param(f"{KEY}k", id="too long"),
        pytest.param(f"{KEY}\n", id="a line break"),
        pytest.param(f" {KEY}", id="a space"),
        pytest.param(KEY.upper(), id="capitals"),
        pytest.param(KEY.replace("k", "u"), id="a letter that is no digit of ours"),
        pytest.param(KEY.replace("k", "٣"), id="a digit of another script"),
        pytest.param(f"sk-{USER}{'k' * 52}", id="another vendor's prefix"),
    ],
)
def test_what_has_not_the_form_is_nobodys(text: str) -> None:
    with pytest.raises(InvalidKey):
        api_keys.user_of(text)
    assert api_keys.admin_token_id(text.replace("sk-tg-", "tga-")) is None
    assert api_keys.session_user(text.replace("sk-tg-", "")) is None
