"""What a newcomer gets: demo data, a file with their key, and two snippets that work."""

import asyncio
import importlib
import importlib.util
import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from local.assembly import Running
from local.options import Options
from local.ports import NotReady

SEED: Final = "local.seed"
READY_WITHIN: Final = 60.0
LOOK_EVERY: Final = 0.1
DEFAULT_MODEL: Final = "gpt-4o-mini"

CURL: Final = """\
  curl {url}/v1/chat/completions \\
    -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Say hello."}}]}}'
"""
PYTHON: Final = """\
  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  for chunk in client.chat.completions.create(
      model="{model}", messages=[{{"role": "user", "content": "Say hello."}}], stream=True):
      print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
"""


async def prepare(running: Running, options: Options) -> dict[str, str]:
    """Wait until calls are answered, put demo data in, and write down how to reach it.

    Raises:
        NotReady: `/healthz` does not answer 200.
    """
    await _until_ready(running.url)
    settings = {
        **running.environment,
        "TOLLGATE_DEMO_ENV": str(options.kept / "demo.env"),
    }
    seeded = await asyncio.to_thread(_seed, settings) if options.seeds else {}
    values = {"TOLLGATE_URL": running.url, **seeded}
    lines = "".join(f"{key}={text}\n" for key, text in values.items())
    for folder in (options.directory, options.kept):
        _write(folder / "demo.env", lines)
    known = {
        "url": running.url,
        "pid": os.getpid(),
        "environment": {**running.environment, **values},
    }
    _write(options.directory / "stack.json", json.dumps(known))
    return values


async def _until_ready(url: str) -> None:
    end = asyncio.get_running_loop().time() + READY_WITHIN
    async with httpx.AsyncClient(timeout=READY_WITHIN) as client:
        while (status := (await client.get(f"{url}/healthz")).status_code) != HTTPStatus.OK:
            if asyncio.get_running_loop().time() > end:
                raise NotReady(f"/healthz still answers {status} after {READY_WITHIN:.0f} seconds")
            await asyncio.sleep(LOOK_EVERY)


def _seed(settings: Mapping[str, str]) -> dict[str, str]:
    if importlib.util.find_spec(SEED) is None:
        return {}
    values: dict[str, str] = importlib.import_module(SEED).seed(dict(settings))
    return values


def _write(path: Path, text: str) -> None:
    """For its owner's eyes only: these files hold a key and a token."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")


def welcome(values: Mapping[str, str], directory: Path) -> str:
    """What is printed when the stack is ready."""
    url, key = values["TOLLGATE_URL"], values.get("TOLLGATE_API_KEY")
    lines = [f"Tollgate is ready at {url}", ""]
    if key:
        named = {"url": url, "key": key, "model": values.get("TOLLGATE_MODEL", DEFAULT_MODEL)}
        lines += [CURL.format(**named), PYTHON.format(**named)]
    lines.append(f"Keys: {directory / 'demo.env'}   Logs: {directory / 'logs'}   Stop: Ctrl-C")
    return "\n".join(lines)
