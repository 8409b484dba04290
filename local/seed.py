"""Demo data: one owner, one group over the upstream, prices, and one user with money and a key.

Everything but the first owner is made through the admin API, as an operator would. A second start
finds what the first one made.
"""

import os
import secrets
import time
from pathlib import Path
from typing import Any, Final

import httpx

from local.ports import NotReady
from tollgate.domain.errors import Conflict
from tollgate.ids import now_ms
from tollgate.services.bootstrap import Founding, bootstrap
from tollgate.settings import Settings
from tollgate.store import clients
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable

MODELS: Final = {
    "openai": [
        "gpt-4o",
        "gpt-4o-mini",
        "text-embedding-3-small",
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-image-2",
        "dall-e-3",
    ],
    "anthropic": ["claude-sonnet-5-5", "claude-haiku-4-5"],
    "gemini": ["gemini-2.5-flash", "gemini-2.5-pro"],
}
BY_SIZE: Final[dict[str, Any]] = {
    "model": "dall-e-3",
    "mode": "times",
    "prices": {"images": "0.04"},
    "intervals": [
        {"label": "2K", "prices": {"images": "0.08"}},
        {"label": "hd/1024x1024", "prices": {"images": "0.08"}},
    ],
}
"""A price by the picture and its size, which no list has."""

PATHS: Final = {"openai": "/v1", "anthropic": "", "gemini": ""}
"""What a vendor's own SDK has behind the host in its base URL."""

FUNDS_USD: Final = "5"
PUBLISHED_WITHIN: Final = 30.0
DEMO_EMAIL: Final = "demo@example.com"
WANTED: Final = (
    "TOLLGATE_API_KEY",
    "TOLLGATE_ADMIN_TOKEN",
    "TOLLGATE_USER",
    "TOLLGATE_DEMO_EMAIL",
    "TOLLGATE_DEMO_PASSWORD",
)


def seed(settings: dict[str, str]) -> dict[str, str]:
    """Make the demo data, or find it.

    Args:
        settings: environment of the stack: its URL, tables, endpoint and upstream, and
            `TOLLGATE_DEMO_ENV`, the file an earlier start wrote.

    Returns:
        What `.local/demo.env` says beside the URL.

    Raises:
        NotReady: it cannot be made.
    """
    url = settings["TOLLGATE_URL"]
    before = read_env(Path(settings["TOLLGATE_DEMO_ENV"]))
    found = {"TOLLGATE_UPSTREAM_URL": settings["TOLLGATE_UPSTREAM_URL"]}
    if works(url, before.get("TOLLGATE_ADMIN_TOKEN", "")):
        return found | {name: before[name] for name in WANTED if name in before}
    token = first_owner(settings)
    with httpx.Client(
        base_url=f"{url}/api/admin", headers={"authorization": f"Bearer {token}"}, timeout=60
    ) as admin:
        key, user = fill(admin, settings["TOLLGATE_UPSTREAM_URL"])
        password = give_password(admin, user)
    await_published(url, key)
    return found | dict(zip(WANTED, (key, token, user, DEMO_EMAIL, password), strict=True))


def read_env(path: Path) -> dict[str, str]:
    """The values of an earlier start; none when there was none."""
    if not path.exists():
        return {}
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def works(url: str, token: str) -> bool:
    """Whether a management token is known to this stack."""
    if not token:
        return False
    headers = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/api/admin/me", headers=headers, timeout=60).status_code == 200


def first_owner(environment: dict[str, str]) -> str:
    """Create the owner as `make bootstrap` does on AWS."""
    # boto3 looks for credentials in this process's own environment and nowhere else.
    os.environ.update({name: text for name, text in environment.items() if name.startswith("AWS_")})
    settings = Settings.from_env(environment)
    place = Endpoint(
        settings.catalog_table, environment["AWS_REGION"], environment.get(clients.ENDPOINT)
    )
    peppers = clients.connect(settings, environment).peppers
    founding = Founding(CatalogTable(place), peppers, secrets.randbelow, now_ms())
    try:
        return bootstrap(founding)
    except Conflict as error:
        raise NotReady(
            "this stack has an owner whose token was not kept (an earlier start broke off); "
            "`make clean` forgets everything and lets you begin afresh"
        ) from error


def fill(admin: httpx.Client, upstream: str) -> tuple[str, str]:
    """Everything an operator would set up; gives the user's key and id."""
    group = made(admin, "/groups", {"name": "demo", "platform": "openai"})["id"]
    for platform, models in MODELS.items():
        account = {
            "name": f"demo {platform}",
            "platform": platform,
            "type": "apikey",
            "base_url": upstream + PATHS[platform],
            "credentials": f"demo-{platform}-credentials",
            "groups": [group],
            "models": models,
        }
        made(admin, "/accounts", account)
    named = [model for models in MODELS.values() for model in models]
    listed = [model for model in named if model != BY_SIZE["model"]]
    made(admin, "/prices/official", {"models": listed})
    made(admin, "/prices", BY_SIZE)
    user = made(admin, "/users", {"email": DEMO_EMAIL, "name": "Demo"})["id"]
    credit = {"amount_usd": FUNDS_USD, "kind": "topup", "note": "demo money"}
    made(admin, f"/users/{user}/wallet/credits", credit)
    key = made(admin, f"/users/{user}/keys", {"group": group, "name": "demo"})
    return key["secret"], user


def give_password(admin: httpx.Client, user: str) -> str:
    """Let the user sign in to the portal, with a password only this stack has."""
    password = secrets.token_urlsafe(18)
    answer = admin.put(f"/users/{user}/password", json={"password": password})
    if not answer.is_success:
        raise NotReady(f"demo data: the user's password: {answer.status_code} {answer.text}")
    return password


def made(admin: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Create something; an answer that is no success ends the start with its text."""
    once = f"demo:{path}:{body.get('platform', '')}"
    answer = admin.post(path, json=body, headers={"idempotency-key": once})
    if not answer.is_success:
        raise NotReady(f"demo data: POST {path}: {answer.status_code} {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


def await_published(url: str, key: str) -> None:
    """Wait until the publisher has brought the key and all its models to the relay."""
    wanted = sum(len(models) for models in MODELS.values())
    end = time.monotonic() + PUBLISHED_WITHIN
    headers = {"authorization": f"Bearer {key}"}
    while time.monotonic() < end:
        answer = httpx.get(f"{url}/v1/models", headers=headers, timeout=60)
        if answer.status_code == 200 and len(answer.json()["data"]) == wanted:
            return
        time.sleep(0.2)
    raise NotReady(f"the demo data was not published within {PUBLISHED_WITHIN:.0f} seconds")
