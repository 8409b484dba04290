"""Every knob of a deployed function, typed and named once; read from the environment in app.py."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

PREFIX = "TOLLGATE_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template tells a function. Each field is the variable `TOLLGATE_<FIELD>`.

    Tables, queue, bucket and key are names or ARNs; `pepper_parameter` is the path below which the
    generations of the key pepper lie; `local` allows loopback upstreams and plain http;
    `dynamodb_client` chooses the relay's client; `sign_up` whether strangers may register;
    `allowed_origins` a comma-separated list for browsers.
    """

    catalog_table: str = "tollgate-catalog"
    wallets_table: str = "tollgate-wallets"
    usage_table: str = "tollgate-usage"
    rollups_table: str = "tollgate-rollups"
    orders_table: str = "tollgate-orders"
    state_table: str = "tollgate-state"
    queue_url: str = ""
    bucket: str = ""
    kms_key: str = ""
    pepper_parameter: str = "/tollgate/pepper"
    stage: str = "local"
    dynamodb_client: Literal["lean", "boto3"] = "lean"
    sign_up: Literal["open", "closed"] = "closed"
    allowed_origins: str = ""
    local: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read what is set; what is not keeps its default.

        Raises:
            ValueError: a variable has a value outside its list.
        """
        known = {field.name for field in fields(cls)}
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX)
        }
        settings = cls(**{name: value for name, value in given.items() if name in known})  # type: ignore[arg-type]
        for name, allowed in {
            "dynamodb_client": ("lean", "boto3"),
            "sign_up": ("open", "closed"),
        }.items():
            if getattr(settings, name) not in allowed:
                raise ValueError(f"{PREFIX}{name.upper()} must be one of {', '.join(allowed)}")
        return settings
