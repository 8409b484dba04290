"""Not built yet: says so, so that the template and the build can be proven before the function."""

from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer 503 to whatever comes."""
    return {"statusCode": 503, "headers": {}, "body": ""}
