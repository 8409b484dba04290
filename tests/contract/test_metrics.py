"""Every signal the code counts wakes somebody, or says here why it need not."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "template.yaml").read_text("utf-8")
COUNTED = re.compile(r'count\(\s*"(\w+)"')

UNALARMED = {
    "RollupsDelayed": "the close of the hour repairs it by itself",
    "UnauthenticatedRefusals": "anybody can cause them; they are watched on the dashboard",
}


def counted() -> set[str]:
    """Every metric the product counts."""
    sources = (ROOT / "layers/tollgate/tollgate").rglob("*.py")
    return {name for path in sources for name in COUNTED.findall(path.read_text("utf-8"))}


def alarmed() -> set[str]:
    """Every metric of ours that an alarm watches."""
    alarms = TEMPLATE[TEMPLATE.index("# --- Alarms") : TEMPLATE.index("AWS::CloudWatch::Dashboard")]
    watched = re.findall(r"SUM\((\w+)\)|MetricName: (\w+)", alarms)
    return {name for pair in watched for name in pair if name}


def test_the_money_core_has_signals_at_all() -> None:
    assert {"InvariantViolation", "PoisonRecords", "RecordsOnlyLogged"} <= counted()


def test_every_signal_is_watched_or_says_why_not() -> None:
    assert counted() - alarmed() == set(UNALARMED)
