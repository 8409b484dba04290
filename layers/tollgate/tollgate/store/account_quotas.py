"""What accounts have cost in their quotas' windows, in the State table: one small item each.

Sums are added, never replaced, under the condition that the windows are still those seen: of
several aggregators that find a window over, one begins the next and the others add to it. What
was added of each hour is kept beside them for a day, so that the hour's close can add what is
missing, once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tollgate.domain.account_quota import UNUSED, WINDOWS, Spent, Used
from tollgate.store.dynamodb import ConditionFailed, Dynamo, Item, StoreError

ATTEMPTS: Final = 3
READS: Final = 100
LIVE, EXACT = "hour_", "exact_"
"""Before an hour: what was added of it live, and what it comes to by the usage records."""

FIELDS: Final = {"used": "nanos", "started": "started", "resets_at": "resets_at"}


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of one account: by window, and by hour, live or exact (`2026112213`).

    `since` is when counting began (epoch ms; 0: never).
    """

    since: int = 0
    spent: Spent = field(default_factory=dict)
    live: Mapping[str, int] = field(default_factory=dict)
    exact: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added to an account's windows, from the standing that was seen.

    `spent` is how they stand afterwards, by every window that is limited. The cost is of calls
    of one `hour`. `exact` is what the hour comes to by its records; None adds live. What is known
    of hours before `oldest` is dropped.
    """

    account: str
    seen: Standing
    spent: Spent
    cost: int
    hour: str
    at: int
    exact: int | None = None
    oldest: str = ""


class StandingChanged(StoreError):
    """Somebody has written meanwhile; nothing was added. `standing` is what there is now."""

    def __init__(self, standing: Standing) -> None:
        super().__init__("the account's figures have changed")
        self.standing = standing


class Expression:
    """One update: its parts, and a name and a value for all it speaks of."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, dict[str, str]] = {}
        self.parts: dict[str, list[str]] = {"SET": [], "ADD": [], "REMOVE": []}
        self.conditions: list[str] = []

    def name(self, attribute: str) -> str:
        self.names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, number: int) -> str:
        self.values[f":{number}"] = {"N": str(number)}
        return f":{number}"

    def set(self, attribute: str, number: int) -> None:
        self.parts["SET"].append(f"{self.name(attribute)} = {self.value(number)}")

    def add(self, attribute: str, number: int) -> None:
        self.parts["ADD"].append(f"{self.name(attribute)} {self.value(number)}")

    def remove(self, attribute: str) -> None:
        self.parts["REMOVE"].append(self.name(attribute))

    def expect(self, attribute: str, number: int | None) -> None:
        """Only if the attribute is still that; None: not there."""
        name = self.name(attribute)
        if number is None:
            self.conditions.append(f"attribute_not_exists({name})")
        else:
            self.conditions.append(f"{name} = {self.value(number)}")

    def write(self) -> dict[str, Any]:
        """As a request has it."""
        clauses = (f"{word} {', '.join(parts)}" for word, parts in self.parts.items() if parts)
        request: dict[str, Any] = {
            "UpdateExpression": " ".join(clauses),
            "ExpressionAttributeNames": self.names,
        }
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        if self.conditions:
            request["ConditionExpression"] = " AND ".join(self.conditions)
        return request


@dataclass(frozen=True, slots=True)
class AccountQuotaTable:
    """The figures in the State table. Every method may raise StoreError, as the port says."""

    dynamo: Dynamo
    table: str

    def read(self, account: str) -> Standing:
        """What an account has cost; nothing where nobody counted."""
        request = {"TableName": self.table, "Key": key_of(account), "ConsistentRead": True}
        answer = self.dynamo.call("GetItem", request, attempts=ATTEMPTS)
        return read_standing(answer.get("Item", {}))

    def read_all(self, accounts: Iterable[str]) -> dict[str, Standing]:
        """What accounts have cost, of those that anything is known of."""
        waiting = [key_of(account) for account in accounts]
        found: dict[str, Standing] = {}
        while waiting:
            batch = {"Keys": waiting[:READS], "ConsistentRead": True}
            request = {"RequestItems": {self.table: batch}}
            answer = self.dynamo.call("BatchGetItem", request, attempts=ATTEMPTS)
            for item in answer["Responses"][self.table]:
                found[item["pk"]["S"].partition("#")[2]] = read_standing(item)
            left = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            waiting = left + waiting[READS:]
        return found

    def add(self, addition: Addition) -> Standing:
        """Add to an account's windows; tried once, since repeating it would add again.

        Raises:
            StandingChanged: not added; compute it anew from what there is.
        """
        return self._update(addition.account, written(addition))

    def retime(self, account: str, seen: Standing, spent: Spent, now: int) -> Standing:
        """Let counting begin, and move the ends of windows.

        Raises:
            StandingChanged: nothing was moved.
        """
        update = Expression()
        update.set("since", seen.since or now)
        for window, used in spent.items():
            expect_window(update, window, seen)
            update.set(f"{window}_resets_at", used.resets_at)
        return self._update(account, update)

    def reset(self, account: str, windows: Iterable[str]) -> Standing:
        """Forget what was used in windows; the next call begins them."""
        update = Expression()
        for window in windows:
            for stored in FIELDS:
                update.remove(f"{window}_{stored}")
        return self._update(account, update)

    def _update(self, account: str, update: Expression) -> Standing:
        request = {
            "TableName": self.table,
            "Key": key_of(account),
            **update.write(),
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = self.dynamo.call("UpdateItem", request)
        except ConditionFailed as failed:
            raise StandingChanged(read_standing(failed.item or {})) from failed
        return read_standing(answer["Attributes"])


def written(addition: Addition) -> Expression:
    """The update that adds, only if windows and hour are still as they were seen."""
    update, seen, hour = Expression(), addition.seen, addition.hour
    update.set("since", seen.since or addition.at)
    for window, used in addition.spent.items():
        before = seen.spent.get(window, UNUSED)
        expect_window(update, window, seen)
        if (used.started, used.resets_at) != (before.started, before.resets_at):
            for stored, name in FIELDS.items():
                update.set(f"{window}_{stored}", getattr(used, name))
        elif used != before:
            update.add(f"{window}_used", addition.cost)
    for kind, hours in ((LIVE, seen.live), (EXACT, seen.exact)):
        for old in hours:
            if old < addition.oldest and old != hour:
                update.remove(f"{kind}{old}")
    update.expect(f"{EXACT}{hour}", seen.exact.get(hour))
    if addition.exact is None:
        update.add(f"{LIVE}{hour}", addition.cost)
        return update
    update.expect(f"{LIVE}{hour}", seen.live.get(hour))
    update.set(f"{EXACT}{hour}", addition.exact)
    update.remove(f"{LIVE}{hour}")
    return update


def expect_window(update: Expression, window: str, seen: Standing) -> None:
    """Only if a window is still the one seen."""
    used = seen.spent.get(window)
    update.expect(f"{window}_started", None if used is None else used.started)
    update.expect(f"{window}_resets_at", None if used is None else used.resets_at)


def key_of(account: str) -> Item:
    """Where an account's figures lie."""
    return {"pk": {"S": f"account_quota#{account}"}, "sk": {"S": "quota"}}


def read_standing(item: Item) -> Standing:
    """The figures of an item; one that is not there has none."""
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    return Standing(
        since=numbers.get("since", 0),
        spent={
            window: Used(*(numbers[f"{window}_{stored}"] for stored in FIELDS))
            for window in WINDOWS
            if f"{window}_used" in numbers
        },
        live=by_hour(numbers, LIVE),
        exact=by_hour(numbers, EXACT),
    )


def by_hour(numbers: Mapping[str, int], kind: str) -> dict[str, int]:
    return {
        name.removeprefix(kind): number for name, number in numbers.items() if name.startswith(kind)
    }
