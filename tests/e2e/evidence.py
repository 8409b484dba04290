"""What a stack's table holds of its calls, read past the APIs: for looking at every single one."""

from collections.abc import Iterator

from local.stack import Stack
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.receipt import bill, explained, paid
from tollgate.domain.record import UsageRecord
from tollgate.settings import Settings
from tollgate.store import clients
from tollgate.store.marshal import values_of
from tollgate.store.usage_item import read_record


def records(stack: Stack) -> Iterator[UsageRecord]:
    """Every usage record of the stack, save notes on calls that still ran."""
    environment = stack.environment | {"TOLLGATE_DYNAMODB_CLIENT": "lean"}
    settings = Settings.from_env(environment)
    dynamo = clients.connect(settings, environment).dynamo
    page = {"TableName": settings.usage_table}
    while True:
        answer = dynamo.call("Scan", page, attempts=3)
        found = (read_record(values_of(item)) for item in answer["Items"])
        yield from (record for record in found if record.state != "draft")
        if "LastEvaluatedKey" not in answer:
            return
        page["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def unexplained(stack: Stack) -> list[str]:
    """Charges that do not follow from their record alone, and records that misquote their rule."""
    return [
        f"{record.hold}: paid {paid(record)}, by its own rule {bill(record).nanos}"
        for record in records(stack)
        if not (explained(record) and faithful(record))
    ]


def faithful(record: UsageRecord) -> bool:
    """Whether a record's attributes for lists and sums say what its rule says."""
    if not record.price:
        return not (record.charge or record.price_source or record.price_version)
    rule, full = PriceSnapshot.from_json(record.price), bill(record)
    chosen = -1 if full.interval is None else full.interval
    pictures = sum(line.nanos for line in full.lines if line.name == "output_image")
    told = (record.price_source, record.price_version, record.billing_model, record.model_group)
    applied = (record.tier, record.interval, record.image_cost)
    return told == (rule.source, rule.version, rule.billing_model, rule.model_group) and (
        applied == (full.tier, chosen, pictures)
    )
