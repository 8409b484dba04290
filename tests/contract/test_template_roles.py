"""Least privilege: what every function's role allows is typed out, and it allows nothing else."""

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import pytest
from _pytest.mark import ParameterSet

from tests import template
from tests.iam import Ask, Context, Role, listed

FUNCTIONS: Final = ("Relay", "Admin", "Portal", "BillingAggregator", "Janitor")
TABLES: Final = ("Catalog", "Wallets", "Usage", "Rollups", "Orders", "State")
ACTIONS: Final = (
    *("GetItem", "BatchGetItem", "Query", "Scan", "ConditionCheckItem"),
    *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"),
)

READ: Final = ("GetItem", "BatchGetItem", "Query")
CHECK: Final = ("ConditionCheckItem",)
WRITE: Final = ("PutItem", "UpdateItem", "DeleteItem")

ALLOWED: Final[dict[tuple[str, str], Sequence[str]]] = {
    ("Relay", "Wallets"): ("GetItem", "BatchGetItem", "UpdateItem"),
    ("Relay", "Usage"): ("GetItem", "PutItem"),
    ("Relay", "State"): ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"),
    ("Admin", "Catalog"): (*READ, *CHECK, *WRITE),
    ("Admin", "Wallets"): (*READ, "PutItem", "UpdateItem"),
    ("Admin", "Usage"): READ,
    ("Admin", "Rollups"): READ,
    ("Admin", "State"): (*READ, *WRITE),
    ("Portal", "Catalog"): (*READ, *CHECK, *WRITE),
    ("Portal", "Wallets"): (*READ, "PutItem", "UpdateItem"),
    ("Portal", "Usage"): READ,
    ("Portal", "Rollups"): READ,
    ("Portal", "State"): (*READ, *WRITE),
    ("BillingAggregator", "Catalog"): (*READ, *CHECK),
    ("BillingAggregator", "Wallets"): ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"),
    ("BillingAggregator", "Rollups"): ("PutItem", "UpdateItem", "BatchWriteItem"),
    ("BillingAggregator", "State"): (*READ, "PutItem", "UpdateItem"),
    ("Janitor", "Catalog"): ("GetItem", "Query"),
    ("Janitor", "Wallets"): (*READ, "Scan", "PutItem", "UpdateItem"),
    ("Janitor", "Usage"): (*READ, "PutItem"),
    ("Janitor", "Rollups"): (*READ, *WRITE, "BatchWriteItem"),
    ("Janitor", "State"): (*READ, *WRITE),
}
"""What a role may do to a table under some condition; the rules further down narrow it."""

MATRIX: Final = [
    pytest.param(function, action, table, id=f"{function} {action} {table}")
    for function, table, action in product(FUNCTIONS, TABLES, ACTIONS)
]


@pytest.mark.parametrize(("function", "action", "table"), MATRIX)
def test_a_role_may_do_to_a_table_exactly_what_is_listed(
    function: str, action: str, table: str
) -> None:
    expected = action in ALLOWED.get((function, table), ())
    assert Role(function).ever_allows(f"dynamodb:{action}", table) is expected


def test_the_matrix_denies_at_least_sixty_things() -> None:
    assert len(MATRIX) - sum(map(len, ALLOWED.values())) >= 60


# --- conditions -------------------------------------------------------------------------------


def attributes(*names: str) -> Context:
    """A write that names these attributes."""
    return {"dynamodb:Attributes": names}


def together(*names: str) -> Context:
    """The same inside a transaction."""
    return {**attributes(*names), "dynamodb:EnclosingOperation": ["TransactWriteItems"]}


def at(partition: str) -> Context:
    """A request for one partition key."""
    return {"dynamodb:LeadingKeys": [partition]}


SECRETS: Final[Context] = {"kms:EncryptionContext:tollgate": ["secrets"]}
NOTHING: Final[Context] = {}


def rules(
    function: str, action: str, resource: str, *cases: tuple[bool, str, Context]
) -> list[ParameterSet]:
    """One row for each case: whether it is allowed, what it means, the request's context."""
    return [
        pytest.param(function, action, resource, context, allowed, id=f"{function}: {sentence}")
        for allowed, sentence, context in cases
    ]


RULES: Final = [
    *rules(
        *("Relay", "dynamodb:UpdateItem", "Wallets"),
        (True, "holds money", attributes("available", "held", "holds", "version")),
        (False, "never credits", attributes("available", "credits")),
        (False, "never debits", attributes("available", "debits")),
        (False, "never transfers one side only", attributes("available", "transfers")),
        (True, "transfers both sides at once", together("available", "transfers", "version")),
        (False, "never credits in a transaction", together("available", "credits")),
        (False, "never books late charges", attributes("available", "late")),
        (False, "never closes days", attributes("days", "closed")),
        (False, "never adds shards", attributes("shards")),
    ),
    *rules(
        *("Relay", "dynamodb:PutItem", "State"),
        (True, "shares what it knows of accounts", at("health")),
        (True, "shares access tokens", at("token#acc_1")),
        (False, "cannot move the snapshot", at("snapshot")),
        (False, "cannot forge a snapshot part", at("snapshot#global")),
        (False, "cannot forge a profile", at("profile#usr_1")),
        (False, "cannot sign anybody in", at("session#1")),
        (False, "cannot write the audit log", at("audit#202611")),
    ),
    *rules(
        *("Relay", "kms:Decrypt", "SecretsKey"),
        (True, "opens secrets", SECRETS),
        (False, "opens nothing else", NOTHING),
    ),
    *rules("Relay", "kms:GenerateDataKey", "SecretsKey", (False, "seals nothing", SECRETS)),
    *rules("Relay", "sqs:SendMessage", "WorkQueue", (True, "queues work", NOTHING)),
    *rules("Relay", "sqs:ReceiveMessage", "WorkQueue", (False, "takes no work", NOTHING)),
    *rules("Relay", "s3:PutObject", "Bucket/poison/x", (False, "writes no objects", NOTHING)),
    *rules(
        *("Admin", "dynamodb:UpdateItem", "Wallets"),
        (True, "revokes keys at once", attributes("revoked", "status", "version")),
        (False, "credits nobody without a ledger line", attributes("available", "credits")),
        (True, "credits beside a ledger line", together("available", "credits", "version")),
        (False, "never debits", together("available", "debits")),
    ),
    *rules("Admin", "dynamodb:PutItem", "State", (True, "appends to the audit log", at("audit#1"))),
    *rules(
        *("Admin", "dynamodb:UpdateItem", "State"), (False, "rewrites no audit log", at("audit#1"))
    ),
    *rules(
        *("Admin", "dynamodb:DeleteItem", "State"), (False, "deletes no audit log", at("audit#1"))
    ),
    *rules("Admin", "kms:GenerateDataKey", "SecretsKey", (True, "seals secrets", SECRETS)),
    *rules("Admin", "kms:Decrypt", "SecretsKey", (True, "opens secrets to try accounts", SECRETS)),
    *rules(
        *("Admin", "dynamodb:UpdateItem", "State"),
        (True, "resets accounts' quotas", at("account_quota#acc_1")),
        (True, "clears accounts' health", at("health")),
        (False, "takes no account's place", at("lease#acc_1")),
    ),
    *rules("Admin", "s3:PutObject", "Bucket/poison/x", (False, "writes no objects", NOTHING)),
    *rules("Admin", "s3:PutObject", "Bucket/exports/x", (False, "writes no exports", NOTHING)),
    *rules("Admin", "s3:GetObject", "Bucket/exports/x", (True, "signs links to exports", NOTHING)),
    *rules("Admin", "s3:GetObject", "Bucket/poison/x", (False, "reads nothing else", NOTHING)),
    *rules(
        *("Admin", "dynamodb:PutItem", "State"),
        (True, "starts jobs", at("jobs")),
        (True, "marks them as open", at("jobs_open")),
        (True, "keeps proposed prices", at("price_import#imp_1")),
        (True, "shares access tokens", at("token#acc_1")),
    ),
    *rules(
        *("Portal", "dynamodb:UpdateItem", "Wallets"),
        (True, "revokes keys at once", attributes("revoked", "version")),
        (True, "limits keys", attributes("keys", "version")),
        (False, "never credits", attributes("available", "credits")),
        (False, "never credits in a transaction", together("available", "credits")),
        (False, "never debits", attributes("debits")),
        (False, "never holds", attributes("held", "holds")),
    ),
    *rules(
        *("Portal", "dynamodb:PutItem", "Catalog"),
        (True, "signs users up", at("users")),
        (True, "keeps addresses unique", at("email#ada@example.com")),
        (True, "makes keys", at("keys#usr_1")),
        (False, "sets no prices", at("prices")),
        (False, "adds no accounts", at("accounts")),
        (False, "opens no groups", at("groups")),
        (False, "makes no staff", at("admin_tokens")),
    ),
    *rules(
        *("Portal", "dynamodb:DeleteItem", "State"),
        (True, "ends sessions", at("session#1")),
        (False, "deletes no audit log", at("audit#1")),
    ),
    *rules("Portal", "kms:Decrypt", "SecretsKey", (False, "opens no secrets", SECRETS)),
    *rules("Portal", "sqs:SendMessage", "WorkQueue", (False, "queues nothing", NOTHING)),
    *rules(
        *("BillingAggregator", "dynamodb:UpdateItem", "Wallets"),
        (True, "settles", attributes("available", "held", "debits", "holds", "days")),
        (False, "never credits", attributes("available", "credits")),
        (False, "never transfers", attributes("available", "transfers")),
    ),
    *rules(
        *("BillingAggregator", "dynamodb:PutItem", "Wallets"),
        (False, "writes no ledger line alone", NOTHING),
        (True, "writes late lines beside their debit", together("amount")),
    ),
    *rules("BillingAggregator", "kms:Decrypt", "SecretsKey", (False, "opens nothing", SECRETS)),
    *rules("BillingAggregator", "s3:PutObject", "Bucket/poison/x", (True, "keeps", NOTHING)),
    *rules("BillingAggregator", "s3:PutObject", "Bucket/reports/x", (False, "reports", NOTHING)),
    *rules(
        *("Janitor", "dynamodb:UpdateItem", "Wallets"),
        (True, "settles and transfers", attributes("held", "debits", "transfers", "closed")),
        (False, "credits nobody without a ledger line", attributes("available", "credits")),
        (
            True,
            "corrects calls beside a ledger line",
            together("available", "credits", "status", "version"),
        ),
        (
            True,
            "corrects subscriptions' counters beside a ledger line",
            together("subscription_debits", "late", "subscriptions", "status", "version"),
        ),
        (False, "makes no plain credits", together("available", "credits", "version")),
        (False, "debits nobody by a correction", together("credits", "debits", "status")),
    ),
    *rules(
        "Janitor", "dynamodb:PutItem", "Wallets", (False, "writes no ledger line alone", NOTHING)
    ),
    *rules("Janitor", "sqs:DeleteMessage", "WorkQueue", (True, "finishes work", NOTHING)),
    *rules("Janitor", "s3:PutObject", "Bucket/exports/x", (True, "writes exports", NOTHING)),
    *rules("Janitor", "s3:GetObject", "Bucket/exports/x", (True, "joins their parts", NOTHING)),
    *rules("Janitor", "s3:GetObject", "Bucket/poison/x", (False, "reads no poison", NOTHING)),
    *rules("Portal", "s3:GetObject", "Bucket/exports/x", (False, "reads no exports", NOTHING)),
    *rules("Portal", "dynamodb:PutItem", "State", (False, "starts no jobs", at("jobs"))),
    *rules(
        *("Portal", "dynamodb:PutItem", "State"), (False, "forges no tokens", at("token#acc_1"))
    ),
    *rules(
        *("Janitor", "kms:Decrypt", "SecretsKey"),
        (True, "opens the credentials of accounts it probes", SECRETS),
        (False, "opens nothing else", NOTHING),
    ),
    *rules("Janitor", "kms:GenerateDataKey", "SecretsKey", (False, "seals nothing", SECRETS)),
    *rules(
        *("Janitor", "dynamodb:Query", "Catalog"),
        (True, "finds accounts to probe", at("accounts")),
        (True, "reads how they are probed", at("settings")),
        (False, "reads no users", at("users")),
        (False, "reads no passwords", at("password#usr_1")),
        (False, "reads no prices", at("prices")),
    ),
    *rules(
        *("Janitor", "dynamodb:UpdateItem", "State"),
        (True, "corrects what accounts cost", at("account_quota#acc_1")),
        (True, "probes one at a time", at("lease#probe#acc_1")),
        (False, "moves no snapshot", at("snapshot")),
        (False, "forges no profile", at("profile#usr_1")),
    ),
    *rules(
        *("BillingAggregator", "dynamodb:UpdateItem", "State"),
        (True, "counts what accounts cost", at("account_quota#acc_1")),
        (False, "takes no places", at("lease#acc_1")),
        (False, "starts no jobs", at("jobs")),
    ),
    *rules(
        *("Relay", "dynamodb:UpdateItem", "State"),
        (True, "takes places of accounts", at("lease#acc_1")),
        (False, "counts no costs", at("account_quota#acc_1")),
    ),
]


@pytest.mark.parametrize(("function", "action", "resource", "context", "allowed"), RULES)
def test_a_role_keeps_its_rules(
    function: str, action: str, resource: str, context: Context, allowed: bool
) -> None:
    assert Role(function).allows(Ask(action, resource, context)) is allowed


# --- the statements themselves ----------------------------------------------------------------


def statements() -> list[dict[str, Any]]:
    """Every statement of every role."""
    return [
        statement
        for role in template.of_type("AWS::IAM::Role").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


PEPPERS: Final = (
    "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}/pepper"
)


def test_no_action_has_a_wildcard() -> None:
    assert [a for s in statements() for a in listed(s["Action"]) if "*" in a] == []


def test_a_resource_has_a_wildcard_only_where_the_rest_has_no_name_yet() -> None:
    texts = [str(resource) for s in statements() for resource in listed(s["Resource"])]
    assert {text for text in texts if "*" in text} == {
        f"{{'Fn::Sub': '{PEPPERS}/*'}}",
        "{'Fn::Sub': '${Bucket.Arn}/aws/lambda/*'}",
        "{'Fn::Sub': '${Bucket.Arn}/poison/*'}",
        "{'Fn::Sub': '${Bucket.Arn}/reports/*'}",
        "{'Fn::Sub': '${Bucket.Arn}/exports/*'}",
    }


def test_every_function_has_its_own_role() -> None:
    functions = template.of_type(template.FUNCTION).items()
    assert {name: declared["Role"] for name, declared in functions} == {
        name: {"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in FUNCTIONS
    }


def test_a_role_has_no_policy_that_is_not_written_here() -> None:
    for role in template.of_type("AWS::IAM::Role").values():
        assert set(role) == {"AssumeRolePolicyDocument", "Policies"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_logs_to_its_own_function_only(function: str) -> None:
    (log,) = [s for s in Role(function).statements if s["Sid"] == "Log"]
    assert log["Resource"] == {"Fn::GetAtt": [f"{function}Logs", "Arn"]}
