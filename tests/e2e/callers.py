"""Calls of the shop's models with the vendors' own SDKs, and what the upstream reports of them."""

from typing import Any, Final

import anthropic
import openai
from google import genai

from tests.e2e.shop import Shop

HELLO: Final = [{"role": "user", "content": "Say hello."}]
LONG: Final = [{"role": "user", "content": "word " * 30_000}]
"""With fewer letters than half the tokens that are reported these would not be believed."""

THOUSAND: Final = "in=1000+out=500"
UNSENT: Final = ""
"""What the upstream reports of a call that is refused before."""

LIMIT: Final = 1_000


def openai_sdk(shop: Shop, key: str) -> Any:
    return openai.OpenAI(base_url=f"{shop.lab.url}/v1", api_key=shop.keys[key], max_retries=0)


def anthropic_sdk(shop: Shop, key: str) -> Any:
    return anthropic.Anthropic(base_url=shop.lab.url, api_key=shop.keys[key], max_retries=0)


def report(shop: Shop, knobs: str) -> None:
    """Tell the upstream what the next call reports; it must not wait for one that never comes."""
    if knobs != UNSENT:
        shop.lab.script(knobs)


def chat(shop: Shop, key: str, model: str, knobs: str = THOUSAND, **more: Any) -> Any:
    """A raw answer to OpenAI's SDK, with these tokens reported."""
    report(shop, knobs)
    asked = {"model": model, "messages": HELLO, "max_tokens": LIMIT, **more}
    with openai_sdk(shop, key) as client:
        return client.chat.completions.with_raw_response.create(**asked)


def message(shop: Shop, key: str, model: str, knobs: str = THOUSAND) -> Any:
    """A raw answer to Anthropic's SDK."""
    report(shop, knobs)
    with anthropic_sdk(shop, key) as client:
        return client.messages.with_raw_response.create(
            model=model, max_tokens=LIMIT, messages=HELLO
        )


def content(shop: Shop, key: str, model: str, knobs: str = THOUSAND) -> Any:
    """An answer to Google's SDK; its headers are in `sdk_http_response`."""
    report(shop, knobs)
    client: Any = genai.Client(api_key=shop.keys[key], http_options={"base_url": shop.lab.url})
    try:
        return client.models.generate_content(
            model=model, contents="Say hello.", config={"max_output_tokens": 2_000}
        )
    finally:
        client.close()
