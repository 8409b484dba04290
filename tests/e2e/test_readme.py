"""What the pages tell a newcomer to type works as it stands, and prints what they say it prints."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import Stack

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
"""Seconds; the walk waits for a schedule that is due every minute."""

SESSION = re.compile(
    r"<<'PY'\n(?P<program>.*?)^PY\n\$ [^\n]+\n(?P<printed>.*?)^```", re.MULTILINE | re.DOTALL
)
PRINTED = """\
This answer is replayed — no model was for 0.0000057 USD
This answer is replayed — no model was
6 input at 0.15 USD per 1,000,000 = 0.0000009
8 output at 0.6 USD per 1,000,000 = 0.0000048
"""
ENDING = """
echo
echo "exported calls $(grep -c house-model usage.csv)"
echo "charge $(admin /receipts/$request | field charge_usd)"
echo "cost $(admin /receipts/$request | field cost_usd)"
echo "multiplier $(admin /groups/$group | field multiplier)"
echo "vip $(admin "/users/$user/effective_price?model=house-model&key=$vip" | field price_source)"
echo "after signing out $(portal /me | field code)"
"""


def test_the_readmes_session_prints_what_the_readme_says(stack: Stack, tmp_path: Path) -> None:
    found = SESSION.search((ROOT / "README.md").read_text("utf-8"))
    assert found is not None
    assert found["printed"] == PRINTED
    program = tmp_path / "session.py"
    program.write_text(found["program"], "utf-8")
    assert run([sys.executable, str(program)], stack, tmp_path) == PRINTED


def test_the_walk_through_the_apis_works_as_it_stands(stack: Stack, tmp_path: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/api.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / ".local").mkdir()
    shutil.copy(stack.directory / "demo.env", tmp_path / ".local")
    script = tmp_path / "walk.sh"
    script.write_text("\n".join(["set -eu", *blocks, ENDING]), "utf-8")
    assert run(["bash", str(script)], stack, tmp_path).splitlines()[-6:] == [
        "exported calls 1",
        "charge 0.0000228",
        "cost 0.0000057",
        "multiplier 1.1",
        "vip customer",
        "after signing out invalid_token",
    ]


def run(command: list[str], stack: Stack, folder: Path) -> str:
    """What a command prints that knows of the stack what `.local/demo.env` says."""
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}
    known = {name: text for name, text in stack.environment.items() if name.startswith("TOLLGATE_")}
    done = subprocess.run(
        command,
        env=path | known,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
