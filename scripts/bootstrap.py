"""Makes a deployed stack usable: the key pepper, and the first owner's token, printed once.

    python -m scripts.bootstrap <stack> [<region>]

Reads the stack's outputs, so it needs credentials that may read them, write the pepper parameter
and write the Catalog table. Run again, it makes what is missing and refuses a second owner.
"""

import os
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import boto3

from tollgate.domain.errors import Conflict
from tollgate.ids import now_ms
from tollgate.services.bootstrap import Founding, bootstrap
from tollgate.store import clients
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.pepper import Peppers
from tollgate.store.pepper_generation import make_pepper

FIRST: Final = 1


def outputs(stack: str, client: Any) -> dict[str, str]:
    """What the stack says of itself."""
    described = client.describe_stacks(StackName=stack)["Stacks"][0]
    return {row["OutputKey"]: row["OutputValue"] for row in described["Outputs"]}


def found(stack: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """The first owner's secret.

    Raises:
        Conflict: there is an owner already.
    """
    services = clients.boto3(environment)
    path = stack["PepperParameter"]
    made = make_pepper(services.ssm, path, FIRST, os.urandom)
    print(f"pepper generation {FIRST}: {'made' if made else 'is there already'}")
    url = environment.get("AWS_ENDPOINT_URL") or None
    catalog = CatalogTable(Endpoint(stack["CatalogTable"], environment["AWS_REGION"], url))
    peppers = Peppers(services.ssm, path, time.time)
    return bootstrap(Founding(catalog, peppers, secrets.randbelow, now_ms()))


def announced(stack: Mapping[str, str], environment: Mapping[str, str]) -> int:
    """Say what was done; 1 when there is an owner already."""
    try:
        secret = found(stack, environment)
    except Conflict as refused:
        print(refused.message)
        return 1
    print(f"The first owner's token, shown once; keep it safe:\n\n  {secret}\n")
    return 0


def main(arguments: list[str]) -> int:
    """What `make bootstrap` runs."""
    if not arguments:
        print(__doc__)
        return 2
    stack, *rest = arguments
    region = rest[0] if rest else boto3.Session().region_name or "us-east-1"
    environment = {**os.environ, "AWS_REGION": region}  # noqa: TID251 - a script reads its own
    client = boto3.client("cloudformation", region_name=region)
    return announced(outputs(stack, client), environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
