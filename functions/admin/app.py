"""Answers the management API for staff."""

import os
import secrets
from dataclasses import replace
from typing import Any

from tollgate.ids import fresh_id, now_ms
from tollgate.observability import Observer
from tollgate.settings import Settings
from tollgate.store.clients import connect
from tollgate.web.admin.opening import Surroundings, open_api
from tollgate.web.management.problems import answer

SETTINGS = replace(Settings.from_env(os.environ), dynamodb_client="boto3")
OBSERVER = Observer("admin")
API = open_api(
    SETTINGS,
    connect(SETTINGS, os.environ),
    Surroundings(
        region=os.environ["AWS_REGION"],
        endpoint=os.environ.get("AWS_ENDPOINT_URL") or None,
        clock=now_ms,
        random=secrets.randbelow,
        new_id=fresh_id,
        log=lambda facts: OBSERVER.logger.info("management call", **facts),
        lost=OBSERVER.unaudited,
        violation=OBSERVER.violation,
    ),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway event."""
    try:
        return API(event, context)
    except Exception as error:
        OBSERVER.logger.exception("unforeseen failure")
        return answer(error, context.aws_request_id)
