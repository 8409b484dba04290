"""A small price list in LiteLLM's form, the prices it is compared with, and calls to import it."""

import json
from typing import Any

from tests.admin_api import AdminApi

CHAT = {"mode": "chat", "litellm_provider": "openai"}
UPLOAD = "/prices/imports/upload"


def row(given: str, got: str, **more: Any) -> dict[str, Any]:
    return {**CHAT, "input_cost_per_token": given, "output_cost_per_token": got, **more}


LIST = {
    "gpt-a": row("2e-06", "8e-06"),
    "gpt-b": row("1e-06", "4e-06"),
    "gpt-c": row("1e-06", "0.0"),
    "gpt-d": row("2e-05", "4e-06"),
    "gpt-e": row("1e-06", "4e-06"),
    "gpt-bad": row("-1e-06", "4e-06"),
    "gpt-talk": row("1e-06", "4e-06", mode="realtime"),
}
"""Beside `furnish` below: dearer, the same, free output, over tenfold input, new; and no price."""


def furnish(api: AdminApi) -> None:
    for model in ("gpt-a", "gpt-b", "gpt-c", "gpt-d", "own"):
        price(api, model)
    price(api, "gone", source="litellm:openai")


def price(api: AdminApi, model: str, given: str = "1", **more: Any) -> None:
    body = {"model": model, "prices": {"input": given, "output": "4"}, **more}
    api.created("/prices", body)


def current(api: AdminApi, model: str) -> dict[str, str]:
    found: dict[str, str] = api.call("GET", "/price", query={"model": model}).json["live"][0][
        "prices"
    ]
    return found


def upload(api: AdminApi, rows: Any, query: dict[str, str] | None = None) -> Any:
    made = api.call(
        "POST", UPLOAD, rows if isinstance(rows, str) else json.dumps(rows), query=query
    )
    assert made.status == 201, made.text
    return made.json


def apply(api: AdminApi, proposal: str, **body: Any) -> Any:
    done = api.call("POST", f"/prices/imports/{proposal}/apply", body)
    assert done.status == 200, done.text
    return done.json


def outcomes(done: Any) -> dict[str, str]:
    return {each["model"]: each["result"] for each in done["outcomes"]}


def stored(api: AdminApi) -> list[Any]:
    return list(api.stores.catalog.prices.heads.everything())
