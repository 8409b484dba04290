"""The transformed stack, really created by an emulator's CloudFormation: its parts fit together."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from local.ports import free_port
from tests import template

pytestmark = pytest.mark.sam

STACK: Final = "tollgate-test"
PYTHON: Final = template.ROOT / ".venv-emulator/bin/python"
UNKNOWN: Final = {
    "AWS::CloudWatch::Alarm": "ministack 1.5.33 takes no alarm over a query (`Metrics`)",
}
"""What the emulator cannot create, and why; those resources are left out."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulator of every service, on loopback, that forgets everything."""
    if not PYTHON.exists():
        pytest.skip("needs the emulator's environment: make setup")
    template.transformed()  # skips without the SAM environment
    folder, port = tmp_path_factory.mktemp("emulator"), free_port()
    environment = {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "STATE_DIR": str(folder / "state"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
    }
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [str(PYTHON), "-m", "ministack"], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            wait_for(port, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            child.wait(30)


def wait_for(port: int, log: Path) -> None:
    """Return when somebody listens on the port."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the emulator did not start:\n{log.read_text('utf-8')}")


def client(name: str, endpoint: str) -> Any:
    """A client of one service of the emulator."""
    session = boto3.Session("local", "local", region_name="us-east-1")
    return session.client(name, endpoint_url=endpoint)  # type: ignore[call-overload]


def known(resource: dict[str, Any]) -> bool:
    """Whether the emulator can create this."""
    return resource["Type"] not in UNKNOWN or "Metrics" not in resource["Properties"]


@pytest.fixture(scope="module")
def stack(endpoint: str) -> dict[str, Any]:
    """The stack, created from the transformed template."""
    template_ = template.transformed()
    resources = {name: body for name, body in template_["Resources"].items() if known(body)}
    body = json.dumps({**template_, "Resources": resources})
    s3, cloudformation = client("s3", endpoint), client("cloudformation", endpoint)
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="template.json", Body=body.encode())
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/templates/template.json",
        Capabilities=["CAPABILITY_IAM"],
    )
    for _ in range(240):
        (created,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        if not created["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.25)
    found: dict[str, Any] = created
    return found


def test_only_alarms_over_a_query_are_left_out() -> None:
    resources = template.transformed()["Resources"].items()
    assert {name for name, body in resources if not known(body)} == {
        *("InvariantViolations", "PricesMisconfigured", "RecordsOnlyLogged", "SuspectCalls"),
        *("AccountsFaulty", "AccountsUnusable", "AuditEntriesOnlyLogged", "HoursNotClosed"),
    }


def test_the_stack_is_created_whole(stack: dict[str, Any], endpoint: str) -> None:
    events = client("cloudformation", endpoint).describe_stack_events(StackName=STACK)
    failed = [
        (event["LogicalResourceId"], event.get("ResourceStatusReason"))
        for event in events["StackEvents"]
        if "FAILED" in event["ResourceStatus"]
    ]
    assert (stack["StackStatus"], failed) == ("CREATE_COMPLETE", [])


def test_its_outputs_name_the_real_things(stack: dict[str, Any], endpoint: str) -> None:
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    dynamodb = client("dynamodb", endpoint)
    names = {outputs[name] for name in outputs if name.endswith("Table")}
    assert names == set(dynamodb.list_tables()["TableNames"])
    client("s3", endpoint).head_bucket(Bucket=outputs["BucketName"])
    assert outputs["QueueUrl"].endswith(f"/{STACK}-work")
    assert client("kms", endpoint).describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["Enabled"]


def test_functions_are_told_the_names_that_were_made(stack: dict[str, Any], endpoint: str) -> None:
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    relay = client("lambda", endpoint).get_function_configuration(FunctionName=f"{STACK}-relay")
    told = relay["Environment"]["Variables"]
    assert told["TOLLGATE_WALLETS_TABLE"] == outputs["WalletsTable"]
    assert told["TOLLGATE_BUCKET"] == outputs["BucketName"]
    assert told["TOLLGATE_KMS_KEY"] == outputs["KeyArn"]
    assert told["TOLLGATE_PEPPER_PARAMETER"] == f"/{STACK}/pepper"
    assert told["TOLLGATE_DYNAMODB_CLIENT"] == "lean"
    assert not {"AWS_ENDPOINT_URL", "TOLLGATE_LOCAL"} & set(told)
    assert len(relay["Layers"]) == 2


def test_both_streams_and_the_queue_are_wired(stack: dict[str, Any], endpoint: str) -> None:
    mappings = client("lambda", endpoint).list_event_source_mappings()["EventSourceMappings"]
    wired = {
        (
            each["EventSourceArn"].split(":")[5].split("/stream/")[0],
            each["FunctionArn"].split(":")[6],
        )
        for each in mappings
    }
    assert wired == {
        (f"table/{STACK}-usage", f"{STACK}-billing-aggregator"),
        (f"table/{STACK}-catalog", f"{STACK}-billing-aggregator"),
        (f"{STACK}-work", f"{STACK}-janitor"),
    }
