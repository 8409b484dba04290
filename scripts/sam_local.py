"""`sam local` against the local stack: its env file, one command for each event, and running one.

    python -m scripts.sam_local http://127.0.0.1:4566 [events/relay/models.json]

`sam local` needs Docker. The container shares the machine's network, because the local stack
listens on loopback only.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ENV_FILE: Final = ROOT / ".local/sam-env.json"
TABLES: Final = ("catalog", "wallets", "usage", "rollups", "orders", "state")


def main(endpoint: str, event: str | None) -> int:
    """Write the env file; run the event when one is named, else say how."""
    ENV_FILE.parent.mkdir(exist_ok=True)
    ENV_FILE.write_text(json.dumps({"Parameters": variables(endpoint)}, indent=2) + "\n", "utf-8")
    if event is None:
        print(
            f"Wrote {ENV_FILE.relative_to(ROOT)}: functions find their stores at {endpoint}. Needs "
            "Docker, `make build`,\nand the stores there (docs/operations.md, “One function with "
            "`sam local`”). Then:"
        )
        print(*(f"  make sam-local EVENT={each}" for each in events()), sep="\n")
        return 0
    shell = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}  # noqa: TID251 - inherits its shell
    return subprocess.run(
        invocation(event), cwd=ROOT, env=shell | {"SAM_CLI_TELEMETRY": "0"}, check=False
    ).returncode


def variables(endpoint: str) -> dict[str, str]:
    """What the functions are told instead of the template's values."""
    return {
        **{f"TOLLGATE_{name.upper()}_TABLE": f"tollgate-{name}" for name in TABLES},
        "TOLLGATE_QUEUE_URL": f"{endpoint}/000000000000/tollgate-work",
        "TOLLGATE_BUCKET": "tollgate-bucket",
        "TOLLGATE_KMS_KEY": "alias/tollgate",
        "TOLLGATE_PEPPER_PARAMETER": "/tollgate/pepper",
        "TOLLGATE_STAGE": "local",
        "TOLLGATE_LOCAL": "1",
        "AWS_ENDPOINT_URL": endpoint,
    }


def events() -> list[str]:
    """Every event of the repository, `events/<function>/<name>.json`."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("events/*/*.json"))


def invocation(event: str) -> list[str]:
    """The command that gives one event to the function its folder names."""
    function = Path(event).parent.name.title().replace("_", "")
    return [
        *(str(ROOT / ".venv-sam/bin/sam"), "local", "invoke", function, "--event", event),
        *("--env-vars", str(ENV_FILE), "--docker-network", "host"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
