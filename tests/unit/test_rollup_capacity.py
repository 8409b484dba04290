"""What sums cost in write units, counted by DynamoDB's rules from what was really sent (R18)."""

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.holds import Birth, new_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.services.settlement import mark
from tollgate.store.rollups import Rollups

NOON = 1_795_348_800
"""2026-11-22 12:00:00 UTC."""

MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5.1", "gemini-2.5-flash")
MONTH = "202611"


def batch(start: int, users: int = 20) -> list[UsageRecord]:
    """A hundred ordinary records of `users` users, two groups, four models and six accounts."""
    return [record(start, number, number % users) for number in range(100)]


def record(start: int, number: int, user: int) -> UsageRecord:
    """One ordinary record; a user has one key and a favourite model, and now and then another."""
    model = MODELS[(user + (number % 50 == 7)) % len(MODELS)]
    return UsageRecord(
        user=f"usr_01m2ab3cdxk9q{user:03d}",
        hold=new_hold_id(Birth(start + number, number, 0, 0, "k001")),
        held=123_456_789,
        charge=12_345_678,
        cost=9_876_543,
        key=f"key_01m2ab3cdxk9q{user:03d}",
        group=f"grp_01m2ab3cdxk9q{user % 2:03d}",
        account=f"acc_01m2ab3cdxk9q{number % 6:03d}",
        model=model,
        upstream_model=f"{model}-20250929",
        model_group="standard",
        usage={"input": 2_345, "output": 678, "cache_read": 12_345, "cache_write_5m": 1_024},
        started=start * 1_000,
        first_byte=start * 1_000 + 812,
        ended=start * 1_000 + 15_321,
        status=200,
    )


def spent(dynamo: InMemoryDynamo, rollups: Rollups, records: list[UsageRecord]) -> float:
    """Write units of a batch, the marks of who was active among them."""
    before = dynamo.write_units("rollups")
    mark(rollups.mark_active, records)
    rollups.add(records)
    return dynamo.write_units("rollups") - before


def test_a_batch_costs_at_most_one_and_a_half_units_a_call() -> None:
    dynamo = InMemoryDynamo(["rollups"])
    rollups = Rollups(dynamo, "rollups")
    assert spent(dynamo, rollups, batch(NOON)) <= 150, "the first one of a process"
    assert spent(dynamo, rollups, batch(NOON + 100)) <= 110, "the following ones"


def test_a_process_announces_each_name_once_a_month_and_a_forgetful_one_again() -> None:
    dynamo = InMemoryDynamo(["rollups"])
    one, other = (Rollups(dynamo, "rollups") for _ in range(2))
    first = spent(dynamo, one, batch(NOON))
    later = spent(dynamo, one, batch(NOON))
    assert first - later == 4 + 4 + 4 + 4 + 6 + 2 + 20, "models thrice, their groups, accounts, …"
    assert spent(dynamo, one, batch(NOON + 3_600)) == later
    assert spent(dynamo, other, batch(NOON)) == first
    assert spent(dynamo, one, batch(NOON + 20 * 86_400)) == first


def test_what_a_process_remembers_is_bounded() -> None:
    dynamo = InMemoryDynamo(["rollups"])
    rollups = Rollups(dynamo, "rollups", remembered=50)
    first = spent(dynamo, rollups, batch(NOON))
    assert len(rollups.announced) == 44
    rollups.add(batch(NOON + 20 * 86_400))
    assert len(rollups.announced) == 44
    assert spent(dynamo, rollups, batch(NOON)) == first


def test_a_close_of_more_names_than_are_remembered_announces_them_all() -> None:
    dynamo = InMemoryDynamo(["rollups"])
    rollups = Rollups(dynamo, "rollups", remembered=10)
    rollups.add(batch(NOON))
    assert len(rollups.announced) == 10
    assert len(list(rollups.names("user", ["202611"]))) == 20
