"""Does what is due by the clock, and what others left in the queue."""

import os
import secrets
from typing import Any

from tollgate.ids import now_ms
from tollgate.observability import Observer
from tollgate.services.opening import open_housekeeping
from tollgate.settings import Settings
from tollgate.store.clients import connect

SETTINGS = Settings.from_env(os.environ)
AWS = connect(SETTINGS, os.environ)
DUE = open_housekeeping(SETTINGS, AWS, Observer("janitor"), now_ms, secrets.randbelow)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one schedule or one batch of the queue."""
    return DUE.run(event)
