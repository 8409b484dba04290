"""Accounts of every type as staff send them, with secrets that no answer may ever have."""

from typing import Any, Final

CANARY: Final = "canary-7f3a-do-not-show"
PEM: Final = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANcanary7f3aXdoXnotXshow==\n-----END PRIVATE KEY-----\n"
)
APIKEY: Final[dict[str, Any]] = {
    "name": "vendor",
    "platform": "openai",
    "type": "apikey",
    "base_url": "https://api.example.com/v1",
    "credentials": f"sk-{CANARY}",
}
BEDROCK: Final[dict[str, Any]] = {
    "name": "aws",
    "type": "bedrock",
    "auth_mode": "sigv4",
    "region": "eu-west-1",
    "credentials": {
        "aws_access_key_id": "AKIAEXAMPLE",
        "aws_secret_access_key": f"{CANARY}-1",
        "aws_session_token": f"{CANARY}-2",
    },
}
VERTEX: Final[dict[str, Any]] = {
    "name": "vertex",
    "type": "service_account",
    "project": "my-project-1",
    "region": "us-central1",
    "credentials": {
        "type": "service_account",
        "project_id": "my-project-1",
        "private_key_id": "b3c5",
        "private_key": PEM,
        "client_email": "relay@my-project-1.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    },
}
ANTIGRAVITY: Final[dict[str, Any]] = {
    "name": "antigravity",
    "type": "oauth",
    "mixed": True,
    "credentials": {
        "refresh_token": f"1//{CANARY}",
        "client_id": "id.apps.googleusercontent.com",
        "client_secret": f"GOCSPX-{CANARY}",
    },
}
EVERY_TYPE: Final = (APIKEY, BEDROCK, VERTEX, ANTIGRAVITY)
FULL: Final[dict[str, Any]] = {
    **APIKEY,
    "name": "full",
    "credentials": f"sk-{CANARY}-a\nsk-{CANARY}-b",
    "priority": 7,
    "weight": 3,
    "model_mapping": {"fast": "gpt-4o-mini"},
    "models": ["fast", "gpt-4o"],
    "cost_multiplier": "0.75",
    "proxy": "http://proxy.example.com:3128",
    "proxy_credentials": f"user:{CANARY}",
    "pool_retries": 0,
    "error_codes": [400, 529],
    "pauses": [{"status": 429, "minutes": 30, "keywords": ["quota", "limit"]}],
    "concurrency": 8,
    "load_factor": 4,
    "expires_at": 1_795_400_000_000,
    "quotas": {
        "total": {"limit_usd": "100"},
        "day": {"limit_usd": "5.5", "reset": "fixed", "hour": 9, "zone": "Asia/Shanghai"},
        "week": {"limit_usd": "0", "reset": "rolling"},
    },
    "notes": "the team's own",
}


def hidden(text: str) -> bool:
    """Whether no secret of these is in a text."""
    return "canary" not in text and "PRIVATE KEY-----" not in text
