"""Says that it is there."""


def handler(event: object, context: object) -> object:
    """Answer whatever comes."""
    return {"statusCode": 200, "body": "ok"}
