"""The template as written: tables, stores, functions, event sources, alarms, questions."""

import json
import re
import subprocess
import sys
from typing import Any, Final

import pytest

from local.events import filters
from tests import template
from tollgate.services.publishing import CONCERNS
from tollgate.settings import Settings
from tollgate.web.admin.exports import FILE_LIFE_MS

FUNCTIONS: Final = ("Relay", "Admin", "Portal", "BillingAggregator", "Janitor")
KEYS: Final = {"pk": "S", "sk": "S"}
LEDGER: Final = {"ledger_user": "S", "ledger_at": "N"}

TABLES: Final = [
    pytest.param("Catalog", KEYS, "NEW_AND_OLD_IMAGES", None, id="old images say what to rebuild"),
    pytest.param("Wallets", KEYS | LEDGER, None, None, id="money never expires"),
    pytest.param("Usage", KEYS, "NEW_IMAGE", "expires", id="records are put once"),
    pytest.param("Rollups", KEYS, None, "expires", id="sums feed nothing"),
    pytest.param("Orders", KEYS, None, None, id="purchases never expire"),
    pytest.param("State", KEYS, None, "expires", id="nothing here triggers anything"),
]


@pytest.mark.parametrize(("table", "attributes", "stream", "expires"), TABLES)
def test_a_table_has_these_settings(
    table: str, attributes: dict[str, str], stream: str | None, expires: str | None
) -> None:
    assert template.written()["Resources"][table]["DeletionPolicy"] == "Retain"
    assert template.written()["Resources"][table]["UpdateReplacePolicy"] == "Retain"
    found = template.properties(table)
    declared = found["AttributeDefinitions"]
    assert {each["AttributeName"]: each["AttributeType"] for each in declared} == attributes
    assert keys(found["KeySchema"]) == ("pk", "sk")
    assert found.get("StreamSpecification", {}).get("StreamViewType") == stream
    assert found.get("TimeToLiveSpecification") == (
        {"AttributeName": expires, "Enabled": True} if expires else None
    )
    assert found["TableName"] == {"Fn::Sub": f"${{AWS::StackName}}-{table.lower()}"}
    assert found["BillingMode"] == "PAY_PER_REQUEST"
    assert found["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert found["DeletionProtectionEnabled"] is True


def keys(schema: list[dict[str, str]]) -> tuple[str, ...]:
    """Hash and range attribute of a key schema."""
    assert [each["KeyType"] for each in schema] == ["HASH", "RANGE"]
    return tuple(each["AttributeName"] for each in schema)


def test_no_other_table_exists() -> None:
    assert set(template.of_type("AWS::DynamoDB::Table")) == {case.values[0] for case in TABLES}


def test_ledger_lines_are_listed_by_time() -> None:
    (index,) = template.properties("Wallets")["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "ledger_by_time"
    assert keys(index["KeySchema"]) == ("ledger_user", "ledger_at")
    assert index["Projection"] == {"ProjectionType": "ALL"}


# --- queue, bucket, key -----------------------------------------------------------------------


def test_a_message_is_delivered_once_at_a_time_and_five_times_at_most() -> None:
    queue = template.properties("WorkQueue")
    assert queue["VisibilityTimeout"] >= template.properties("Janitor")["Timeout"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "maxReceiveCount": 5,
    }


@pytest.mark.parametrize("queue", ["WorkQueue", "DeadLetterQueue"])
def test_a_queue_is_encrypted_and_keeps_for_a_fortnight(queue: str) -> None:
    assert template.properties(queue)["SqsManagedSseEnabled"] is True
    assert template.properties(queue)["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_bucket_is_private_encrypted_and_speaks_tls_only() -> None:
    bucket = template.properties("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
    (statement,) = template.properties("BucketPolicy")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert template.written()["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"


def test_the_key_rotates_and_outlives_the_stack() -> None:
    assert template.properties("SecretsKey")["EnableKeyRotation"] is True
    assert template.written()["Resources"]["SecretsKey"]["DeletionPolicy"] == "Retain"


# --- functions --------------------------------------------------------------------------------


def test_every_function_folder_is_deployed() -> None:
    folders = {path.parent.name for path in (template.ROOT / "functions").glob("*/app.py")}
    assert {template.folder(name) for name in FUNCTIONS} == folders
    assert set(template.of_type(template.FUNCTION)) == set(FUNCTIONS)


def test_everything_runs_on_python_3_13_on_arm() -> None:
    shared = template.written()["Globals"]["Function"]
    assert (shared["Runtime"], shared["Architectures"]) == ("python3.13", ["arm64"])
    for layer in template.of_type("AWS::Serverless::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == ["python3.13"]
        assert layer["CompatibleArchitectures"] == ["arm64"]


def test_a_layer_is_built_for_arm_and_foreign_packages_from_locked_hashes() -> None:
    methods = {
        name: template.written()["Resources"][name]["Metadata"]
        for name in template.of_type("AWS::Serverless::LayerVersion")
    }
    assert methods == {
        "RuntimeLayer": {"BuildMethod": "makefile", "BuildArchitecture": "arm64"},
        "ApiLayer": {"BuildMethod": "makefile", "BuildArchitecture": "arm64"},
        "TollgateLayer": {"BuildMethod": "python3.13", "BuildArchitecture": "arm64"},
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_the_relay_does_without_the_api_layer(function: str) -> None:
    layers = [layer["Ref"] for layer in template.properties(function)["Layers"]]
    api = [] if function == "Relay" else ["ApiLayer"]
    assert layers == ["RuntimeLayer", *api, "TollgateLayer"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_the_relay_runs_in_our_own_loop(function: str) -> None:
    own = template.properties(function)["Environment"]["Variables"]
    wrapper = "/opt/python/tollgate/runtime/wrapper" if function == "Relay" else None
    assert own.get("AWS_LAMBDA_EXEC_WRAPPER") == wrapper
    assert own["POWERTOOLS_SERVICE_NAME"] == template.folder(function)


def test_the_relay_starts_without_what_only_the_api_layer_holds() -> None:
    start = "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import app; app.handler"
    environment = {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "TOLLGATE_DYNAMODB_CLIENT": "lean",
        "TOLLGATE_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/tollgate-work",
    }
    missing = ("boto3", "botocore", "s3transfer", "pynamodb", "pydantic", "argon2")
    run = subprocess.run(
        [sys.executable, "-c", start, *missing],
        cwd=template.ROOT / "functions/relay",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_functions_are_told_what_settings_read_and_nothing_else() -> None:
    shared = set(template.written()["Globals"]["Function"]["Environment"]["Variables"])
    ours = {name for name in shared if name.startswith("TOLLGATE_")}
    assert ours == {f"TOLLGATE_{field}".upper() for field in Settings.__dataclass_fields__}
    assert shared - ours == {
        "POWERTOOLS_METRICS_NAMESPACE",
        "POWERTOOLS_LOG_LEVEL",
        "AWS_ENDPOINT_URL",
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_changes_no_shared_setting_but_its_client(function: str) -> None:
    shared = template.written()["Globals"]["Function"]["Environment"]["Variables"]
    own = template.properties(function)["Environment"]["Variables"]
    changed = {name: own[name] for name in own if name in shared}
    assert changed == ({"TOLLGATE_DYNAMODB_CLIENT": "lean"} if function == "Relay" else {})


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "TOLLGATE_LOCAL"])
def test_what_only_sam_local_fills_in_does_not_exist_on_aws(name: str) -> None:
    shared = template.written()["Globals"]["Function"]["Environment"]["Variables"]
    assert shared[name] == {"Ref": "AWS::NoValue"}


# --- event sources ----------------------------------------------------------------------------


def streams() -> dict[str, dict[str, Any]]:
    """Event name → mapping of every stream."""
    return {name: found for _, name, found in template.events_of("DynamoDB")}


@pytest.mark.parametrize("name", ["Settle", "Publish"])
def test_a_stream_mapping_loses_no_record_and_never_sticks(name: str) -> None:
    found = streams()[name]
    assert found["StartingPosition"] == "TRIM_HORIZON"
    assert (found["BatchSize"], found["MaximumBatchingWindowInSeconds"]) == (100, 1)
    assert found["BisectBatchOnFunctionError"] is True
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert found["MaximumRetryAttempts"] == 10
    assert found["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": ["Bucket", "Arn"]}}
    }


def test_records_are_settled_by_four_at_a_time_for_an_hour_at_most() -> None:
    settle, publish = streams()["Settle"], streams()["Publish"]
    assert (settle["ParallelizationFactor"], settle["MaximumRecordAgeInSeconds"]) == (4, 3600)
    assert publish["MaximumRecordAgeInSeconds"] == 86400
    assert "ParallelizationFactor" not in publish


@pytest.mark.parametrize(
    ("event", "state", "passes"),
    [
        pytest.param("INSERT", "final", True, id="a finished call"),
        pytest.param("INSERT", "abandoned", True, id="a tombstone of the sweeper"),
        pytest.param("MODIFY", "late", True, id="a record after its tombstone"),
        pytest.param("INSERT", "draft", False, id="a draft moves no money"),
        pytest.param("REMOVE", "final", False, id="an expired record is long settled"),
    ],
)
def test_the_aggregator_settles_only(event: str, state: str, passes: bool) -> None:
    image = "OldImage" if event == "REMOVE" else "NewImage"
    record = {"eventName": event, "dynamodb": {image: {"state": {"S": state}}}}
    assert filters.passes(record, filters.read(streams()["Settle"]["FilterCriteria"])) is passes


KINDS: Final = (
    *("user", "email", "password", "key", "alias", "group", "account", "channel", "guard", "uses"),
    *("price", "price_version", "default_group", "model_group", "setting", "admin_token"),
    *("customer_price", "customer_price_version", "permission", "model_group_channel"),
    *("model_group_uses", "use", "channel_pricing_version", "multiplier", "revision"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", ["INSERT", "MODIFY", "REMOVE"])
def test_the_publisher_hears_of_exactly_what_it_publishes(event: str, kind: str) -> None:
    image = "OldImage" if event == "REMOVE" else "NewImage"
    record = {"eventName": event, "dynamodb": {image: {"kind": {"S": kind}}}}
    patterns = filters.read(streams()["Publish"]["FilterCriteria"])
    assert filters.passes(record, patterns) is (kind in CONCERNS)


def test_the_janitor_is_woken_for_every_job() -> None:
    found = {
        json.loads(event["Input"])["job"]: event["ScheduleExpression"]
        for _, _, event in template.events_of("ScheduleV2")
    }
    assert found == {
        "sweep": "rate(1 minute)",
        "jobs": "rate(1 minute)",
        "accounts": "rate(5 minutes)",
        "close_hours": "cron(35 * * * ? *)",
        "sweep_all": "cron(40 2 * * ? *)",
        "reconcile": "cron(20 3 * * ? *)",
    }


def test_two_stacks_in_one_account_do_not_fight_over_schedule_names() -> None:
    assert all(event["OmitName"] for _, _, event in template.events_of("ScheduleV2"))


def test_a_file_is_offered_as_long_as_the_bucket_keeps_it() -> None:
    rules = template.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if rule.get("Prefix") == "exports/"]
    assert (rule["Status"], rule["ExpirationInDays"] * 86_400_000) == ("Enabled", FILE_LIFE_MS)


# --- people -----------------------------------------------------------------------------------


def test_a_guided_deploy_asks_at_most_six_questions_of_ours() -> None:
    asked = template.written()["Parameters"]
    assert set(asked) == {"Stage", "LogLevel", "SignUp", "AllowedOrigins", "AlarmEmail"}
    assert all(parameter["Description"] and "Default" in parameter for parameter in asked.values())


def test_every_alarm_says_what_is_wrong_and_tells_somebody() -> None:
    alarms = template.of_type("AWS::CloudWatch::Alarm")
    assert set(alarms) == {
        *("InvariantViolations", "RecordsOnlyLogged", "StuckHolds", "PoisonRecords"),
        *(
            "AuditEntriesOnlyLogged",
            "PricesMisconfigured",
            "SuspectCalls",
            "AccountsFaulty",
            "AccountsUnusable",
            "HoursNotClosed",
        ),
        *("PoisonMessages", "ReconciliationFindings", "PublicationFailures", "StreamLag"),
        "JobFailures",
        *("AggregatorErrors", "JanitorErrors", "JanitorAsleep", "DeadLetters", "ServerErrors"),
        *("RelayThrottles", "WalletThrottles"),
    }
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["AlarmDescription"].endswith(".")


def test_an_alarm_of_ours_watches_what_the_code_counts() -> None:
    code = "".join(
        path.read_text("utf-8") for path in (template.ROOT / "layers/tollgate").rglob("*.py")
    )
    for name, alarm in template.of_type("AWS::CloudWatch::Alarm").items():
        query = json.dumps(alarm.get("Metrics", ""))
        if "Tollgate/" in query + json.dumps(alarm.get("Namespace", "")):
            counted = re.findall(r"SUM\((\w+)\)", query) or [alarm["MetricName"]]
            assert f'count("{counted[0]}"' in code, name


def test_the_dashboard_is_json_that_names_what_exists() -> None:
    body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    assert len(json.loads(body)["widgets"]) == 6
    named = {name.partition(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", body)}
    assert named - {"Stage"} <= set(template.written()["Resources"])


def test_the_outputs_name_what_operators_need() -> None:
    assert set(template.written()["Outputs"]) == {
        *("ApiUrl", "DashboardUrl", "CatalogTable", "WalletsTable", "UsageTable", "RollupsTable"),
        *("OrdersTable", "StateTable", "QueueUrl", "DeadLetterQueueUrl", "BucketName", "KeyArn"),
        *("PepperParameter", "JanitorFunction", "AlarmTopicArn"),
    }
