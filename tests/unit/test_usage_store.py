"""Usage records: put once, found by their hold, kept short, and read back as they were."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from tests.simulation.bank import NOON, USER, Bank
from tollgate.domain.limits import Hold
from tollgate.domain.record import UsageRecord, Windows
from tollgate.store.dynamodb import OutcomeUnknown, Throttled
from tollgate.store.marshal import values_of
from tollgate.store.usage import RecordTaken
from tollgate.store.usage_item import UnreadableRecord, read_record, record_key, write_record

HOLD = "1jn9cp000000000000sw-k001"
RID = HOLD[:17]
PLAIN = UsageRecord(USER, HOLD, held=100, charge=7)
FULL = UsageRecord(
    user=USER,
    hold="1jn9cp000000000011ss-k001g001",
    held=100,
    charge=7,
    state="late",
    funding="subscription",
    late_charge=3,
    cost=5,
    key="key_1",
    group="grp_1",
    requested_group="grp_2",
    channel="chn_1",
    account="acc_1",
    model="gpt-5",
    billing_model="gpt-5-2025",
    upstream_model="gpt-5-2025-08",
    chain=("gpt-5", "gpt-5-2025-08"),
    model_group="standard",
    usage={"input": 10, "tool:web_search": 2},
    usage_source="upstream",
    suspect=True,
    price='{"source":"official","prices":{"input":"1.25"},"note":"按量"}',
    price_source="official",
    price_version=4,
    image_cost=1,
    windows=Windows(1, 2, 3, {"day": 40}),
    stale_minutes=("28333333cu", "28333334tkk001"),
    entered={"day_key_k001": (1_700_006_400, 5)},
    started=NOON * 1_000,
    first_byte=NOON * 1_000 + 5,
    ended=NOON * 1_000 + 9,
    status=200,
    finish="stop",
    error="caller_gone",
    upstream_id="chatcmpl-1",
    dialect="openai_chat",
    stream=True,
    attempts=({"account": "acc_1", "status": 200, "ms": 12},),
)


def stored(record: UsageRecord) -> dict[str, Any]:
    """The plain values of a record's item."""
    key = record_key(record.user, record.hold[:17])
    return values_of(key | write_record(record, expires=9))


# --- items ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(PLAIN, id="only what is needed"),
        pytest.param(FULL, id="everything"),
        pytest.param(replace(FULL, windows=Windows(1, 2, 3)), id="windows of one hold"),
        pytest.param(replace(PLAIN, model="gpt-5", group="grp_1"), id="model, but no account"),
        pytest.param(
            replace(FULL, requested_group="grp_1", billing_model="gpt-5", upstream_model="gpt-5"),
            id="names that are all the same",
        ),
    ],
)
def test_a_record_is_read_back_as_it_was(record: UsageRecord) -> None:
    assert read_record(stored(record)) == record


def test_what_is_empty_or_said_already_takes_no_room() -> None:
    same = replace(PLAIN, model="m", mapped_model="m", billing_model="m", upstream_model="m")
    assert stored(same) == {
        "pk": f"{USER}#20231115#0",
        "sk": RID,
        "schema": 1,
        "state": "final",
        "hold": HOLD,
        "held": 100,
        "charge": 7,
        "model": "m",
        "expires": 9,
    }


def test_a_status_of_the_standard_library_is_stored_as_a_number() -> None:
    attempts: Any = ({"account": "acc_1", "status": HTTPStatus.BAD_GATEWAY, "ms": 3},)
    record = replace(PLAIN, status=HTTPStatus.PAYMENT_REQUIRED, attempts=attempts, stream=True)
    values = stored(record)
    assert (values["status"], values["attempts"][0]["status"], values["stream"]) == (402, 502, True)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"schema": 2}, id="another version's"),
        pytest.param({"state": "half"}, id="unknown state"),
        pytest.param({"hold": "1jn9cp00000000000"}, id="no hold id"),
        pytest.param({"hold": None}, id="no hold id at all"),
        pytest.param(
            {"hold": "1jn9cp000000000100sw-k001"}, id="a hold whose record lies elsewhere"
        ),
        pytest.param({"pk": "usr_0123456789abcdef#20231116#0"}, id="another day's"),
        pytest.param({"pk": 7}, id="a key that is none"),
        pytest.param({"charge": -1}, id="negative charge"),
        pytest.param({"charge": 10**15 + 1}, id="charge beyond the limit"),
        pytest.param({"charge": "7"}, id="charge as text"),
        pytest.param({"held": -1}, id="negative hold"),
        pytest.param({"late_charge": -8}, id="less than nothing in all"),
        pytest.param({"price": b"?"}, id="a price that is no compressed text"),
        pytest.param({"windows": {"day": 1}}, id="windows half said"),
        pytest.param({"charge": None}, id="no charge"),
    ],
)
def test_what_must_never_be_settled_cannot_be_read(damage: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord):
        read_record(stored(PLAIN) | damage)


@pytest.mark.parametrize("missing", ["schema", "state", "hold", "held", "charge", "pk", "sk"])
def test_a_record_without_what_is_needed_cannot_be_read(missing: str) -> None:
    values = stored(PLAIN)
    del values[missing]
    with pytest.raises(UnreadableRecord):
        read_record(values)


# --- put once -------------------------------------------------------------------------------


def opened() -> tuple[Bank, Hold]:
    bank = Bank()
    return bank, bank.hold(100)


def test_the_first_record_of_a_call_stays() -> None:
    bank, hold = opened()
    assert bank.records.put(bank.fact(hold, 7)) == "stored"
    assert bank.records.put(bank.fact(hold, 7)) == "same"
    with pytest.raises(RecordTaken):
        bank.records.put(bank.fact(hold, 8))
    assert bank.records.get(USER, hold.rid) == bank.fact(hold, 7)


def test_another_calls_record_is_never_replaced() -> None:
    bank, hold = opened()
    bank.records.put(bank.fact(hold, 7))
    other = replace(bank.fact(hold, 7), hold=f"{hold.rid}9sw-k002")
    with pytest.raises(RecordTaken):
        bank.records.put(other)


def test_a_record_whose_answer_was_lost_is_the_same() -> None:
    bank, hold = opened()
    bank.lose_answers(OutcomeUnknown("silence"))
    assert bank.records.put(bank.fact(hold, 7)) == "same"


def test_a_record_that_cannot_be_stored_says_so() -> None:
    bank, hold = opened()
    bank.fail(*[Throttled("busy")] * 3)
    with pytest.raises(Throttled):
        bank.records.put(bank.fact(hold, 7))


def test_a_record_that_is_not_there_is_none() -> None:
    assert Bank().records.get(USER, RID) is None


def test_a_record_goes_after_four_hundred_days() -> None:
    bank, hold = opened()
    bank.records.put(bank.fact(hold, 7))
    (item,) = bank.dynamo.items("Usage")
    assert item["expires"] == {"N": str(NOON + 400 * 86_400)}


# --- tombstones and late records ------------------------------------------------------------


def test_a_tombstone_charges_nothing_and_keeps_records_out() -> None:
    bank, hold = opened()
    tombstone = bank.records.abandon(USER, hold.id, 100)
    assert (tombstone.state, tombstone.charge, tombstone.held) == ("abandoned", 0, 100)
    assert tombstone == bank.records.get(USER, hold.rid)
    assert bank.records.put(bank.fact(hold, 7)) == "abandoned"


def test_a_tombstone_comes_too_late_for_a_recorded_call() -> None:
    bank, hold = opened()
    bank.records.put(bank.fact(hold, 7))
    assert bank.records.abandon(USER, hold.id, 100) == bank.fact(hold, 7)
    assert bank.records.get(USER, hold.rid) == bank.fact(hold, 7)


def test_a_late_record_keeps_what_was_settled_and_says_what_is_owed() -> None:
    bank, hold = opened()
    bank.records.draft(bank.fact(hold, 4, model="m"))
    bank.records.abandon(USER, hold.id, 100)
    assert bank.records.put(bank.fact(hold, 7, model="m")) == "abandoned"
    late = bank.records.get(USER, hold.rid)
    assert late == bank.fact(hold, 4, state="late", late_charge=3, model="m")
    assert bank.records.put(bank.fact(hold, 7, model="m")) == "abandoned"
    with pytest.raises(RecordTaken):
        bank.records.put(bank.fact(hold, 8, model="m"))


def test_a_late_record_that_cost_less_than_its_draft_is_owed_the_difference() -> None:
    bank, hold = opened()
    bank.records.draft(bank.fact(hold, 9))
    bank.records.abandon(USER, hold.id, 100)
    bank.records.put(bank.fact(hold, 7))
    late = bank.records.get(USER, hold.rid)
    assert late is not None
    assert (late.charge, late.late_charge) == (9, -2)


def test_a_late_record_of_another_attempt_keeps_the_hold_that_was_settled() -> None:
    bank = Bank()
    bank.lose_answers(OutcomeUnknown("silence"))
    hold = bank.hold(100)
    orphan = f"{hold.rid}0sw-k001"
    bank.records.abandon(USER, orphan, 100)
    assert bank.records.put(bank.fact(hold, 7)) == "abandoned"
    late = bank.records.get(USER, hold.rid)
    assert late is not None
    assert (late.hold, late.charge, late.late_charge) == (orphan, 0, 7)
    assert bank.records.put(bank.fact(hold, 7)) == "abandoned"


def test_two_late_copies_at_once_become_one() -> None:
    bank, hold = opened()
    bank.records.abandon(USER, hold.id, 100)

    def overtake(operation: str, request: Any) -> None:
        if ":abandoned" in request.get("ExpressionAttributeValues", {}):
            bank.dynamo.before = None
            bank.records.put(bank.fact(hold, 7))

    bank.dynamo.before = overtake
    assert bank.records.put(bank.fact(hold, 7)) == "abandoned"
    late = bank.records.get(USER, hold.rid)
    assert late is not None
    assert (late.charge, late.late_charge) == (0, 7)


def test_a_tombstone_that_changes_under_every_try_is_left_for_later() -> None:
    bank, hold = opened()
    bank.records.abandon(USER, hold.id, 100)
    charges = iter(range(1, 9))

    def change(operation: str, request: Any) -> None:
        if ":abandoned" in request.get("ExpressionAttributeValues", {}):
            tombstone = bank.fact(hold, next(charges), state="abandoned")
            item = record_key(USER, hold.rid) | write_record(tombstone, 9)
            bank.dynamo.apply("PutItem", {"TableName": "Usage", "Item": item})

    bank.dynamo.before = change
    with pytest.raises(OutcomeUnknown):
        bank.records.put(bank.fact(hold, 7))


# --- drafts ---------------------------------------------------------------------------------


def test_a_tombstone_charges_what_the_last_draft_says() -> None:
    bank, hold = opened()
    bank.records.draft(bank.fact(hold, 2, model="m", usage={"output": 1}))
    bank.records.draft(bank.fact(hold, 5, model="m", usage={"output": 3}))
    bank.records.draft(bank.fact(hold, 3, model="m", usage={"output": 2}))
    tombstone = bank.records.abandon(USER, hold.id, 100)
    assert (tombstone.charge, tombstone.usage, tombstone.model) == (5, {"output": 3}, "m")


def test_a_draft_of_another_attempt_is_what_the_call_was() -> None:
    bank = Bank()
    bank.lose_answers(OutcomeUnknown("silence"))
    hold = bank.hold(100)
    bank.records.draft(bank.fact(hold, 5))
    assert bank.records.abandon(USER, f"{hold.rid}0sw-k001", 100).hold == hold.id


def test_a_draft_goes_after_two_days() -> None:
    bank, hold = opened()
    bank.records.draft(bank.fact(hold, 2))
    (item,) = bank.dynamo.items("Usage")
    assert item["sk"] == {"S": f"{hold.rid}#draft"}
    assert item["expires"] == {"N": str(NOON + 2 * 86_400)}


# --- refused calls --------------------------------------------------------------------------


def test_a_refused_call_is_kept_for_a_month_and_replaces_nothing() -> None:
    bank, hold = opened()
    bank.records.refuse(bank.fact(hold, 0, state="refused"))
    bank.records.refuse(bank.fact(hold, 0, state="refused", error="other"))
    (item,) = bank.dynamo.items("Usage")
    assert (item["state"], "error" in item) == ({"S": "refused"}, False)
    assert item["expires"] == {"N": str(NOON + 30 * 86_400)}
