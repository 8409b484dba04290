"""`make reconcile`: the janitor's reconciliation against the running stack, printed for people."""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from tollgate.ids import now_ms
from tollgate.services.closing import Closing
from tollgate.services.reconciliation import CHECKS, Reconciliation
from tollgate.settings import Settings
from tollgate.store import clients
from tollgate.store.dynamodb import StoreError
from tollgate.store.rollups import Rollups
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets

STACK: Final = Path(".local/stack.json")


def reconciliation(environment: dict[str, str]) -> Reconciliation:
    """The checks over the tables this environment names."""
    os.environ.update({name: text for name, text in environment.items() if name.startswith("AWS_")})
    settings = Settings.from_env(environment)
    dynamo = clients.connect(settings, environment).dynamo
    broken: list[tuple[str, str]] = []  # every image is checked by R1 as well
    wallets = Wallets(
        dynamo, settings.wallets_table, secrets.randbelow, now_ms, lambda *seen: broken.append(seen)
    )
    records = UsageRecords(dynamo, settings.usage_table)
    rollups = Rollups(dynamo, settings.rollups_table)
    closing = Closing(rollups, records, wallets, lambda late: None, now_ms)
    return Reconciliation(wallets, records, rollups, closing, now_ms)


def main() -> int:
    """Print every finding; 0 when the money explains itself, 1 when it does not."""
    if not STACK.exists():
        print("no stack is running here; start one with `make run`")
        return 2
    environment = json.loads(STACK.read_text("utf-8"))["environment"]
    try:
        findings = list(reconciliation(environment).everyone())
    except StoreError as error:
        print(f"the stack of {STACK.parent} does not answer; is `make run` up? ({error})")
        return 2
    for finding in findings:
        print(f"{finding.check} {finding.user}: {finding.detail}")
    for check, meaning in CHECKS.items():
        found = sum(finding.check == check for finding in findings)
        print(
            f"{'✗' if found else '✓'} {check} {meaning}" + (f": {found} findings" if found else "")
        )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
