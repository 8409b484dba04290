"""Answers the API users have for themselves."""

import os
import secrets
import time
from dataclasses import replace
from typing import Any

from tollgate.ids import fresh_id, now_ms
from tollgate.observability import Observer
from tollgate.settings import Settings
from tollgate.store.clients import connect
from tollgate.store.passwords import PasswordHashes
from tollgate.web.management.problems import answer
from tollgate.web.portal.opening import PortalSurroundings, open_api, open_desk

SETTINGS = replace(Settings.from_env(os.environ), dynamodb_client="boto3")
OBSERVER = Observer("portal")
AROUND = PortalSurroundings(
    region=os.environ["AWS_REGION"],
    endpoint=os.environ.get("AWS_ENDPOINT_URL") or None,
    clock=now_ms,
    random=secrets.randbelow,
    new_id=fresh_id,
    log=lambda facts: OBSERVER.logger.info("portal call", **facts),
    lost=OBSERVER.unaudited,
    violation=OBSERVER.violation,
    sleep=lambda ms: time.sleep(ms / 1_000),
    hashes=PasswordHashes(secrets.randbelow),
)
API = open_api(SETTINGS, open_desk(SETTINGS, connect(SETTINGS, os.environ), AROUND), AROUND)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway event."""
    try:
        return API(event, context)
    except Exception as error:
        OBSERVER.logger.exception("unforeseen failure")
        return answer(error, context.aws_request_id)
