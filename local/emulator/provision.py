"""Creates what the template declares and the stores do not have yet."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from local.emulator.cloud import Cloud
from local.template.application import Application, Resource
from local.template.intrinsics import Attributes

QUEUE_SETTINGS: Final = (
    "DelaySeconds",
    "FifoQueue",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
)


class Differs(Exception):
    """A table from an earlier run has another shape than the template gives it now."""


def provision(application: Application, cloud: Cloud) -> Application:
    """The application with the names its resources really have.

    Raises:
        Differs: a table has to be made anew, which is not done behind anyone's back.
        ClientError, BotoCoreError: the stores refuse or are away.
    """
    steps: Mapping[str, Callable[[Application, Cloud, Resource], Attributes]] = {
        "AWS::KMS::Key": _key,
        "AWS::DynamoDB::Table": _table,
        "AWS::S3::Bucket": _bucket,
        "AWS::SQS::Queue": _queue,
    }
    for kind, create in steps.items():
        # A queue must exist before another one may name it for its dead letters.
        order = sorted(
            application.of_type(kind), key=lambda each: "RedrivePolicy" in each.properties
        )
        for resource in order:
            attributes = create(application, cloud, resource)
            application = application.knowing({resource.id: attributes})
    return application


def _key(application: Application, cloud: Cloud, resource: Resource) -> Attributes:
    alias = _alias(application, resource.id)
    try:
        key = cloud.kms.describe_key(KeyId=alias)["KeyMetadata"]
    except ClientError as error:
        if _code(error) != "NotFoundException":
            raise
        key = cloud.kms.create_key(Description=resource.id)["KeyMetadata"]
        cloud.kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return {"Ref": key["KeyId"], "KeyId": key["KeyId"], "Arn": key["Arn"]}


def _alias(application: Application, key: str) -> str:
    for alias in application.of_type("AWS::KMS::Alias"):
        if alias.properties["TargetKeyId"] in ({"Ref": key}, {"Fn::GetAtt": [key, "Arn"]}):
            return str(application.resolved(alias.properties["AliasName"]))
    return f"alias/local-{key}"


def _table(application: Application, cloud: Cloud, resource: Resource) -> Attributes:
    wanted = _definition(application, resource)
    name = wanted["TableName"]
    try:
        table: Mapping[str, Any] = cloud.dynamodb.create_table(**wanted)["TableDescription"]
        cloud.dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
        if expiry := resource.properties.get("TimeToLiveSpecification"):
            cloud.dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    except ClientError as error:
        if _code(error) != "ResourceInUseException":
            raise
        table = cloud.dynamodb.describe_table(TableName=name)["Table"]
        _compare(wanted, table)
    return {"Ref": name, "Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn", "")}


def _definition(application: Application, resource: Resource) -> dict[str, Any]:
    kept = (
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
    )
    given = application.resolved({name: resource.properties.get(name) for name in kept})
    definition = {name: value for name, value in given.items() if value}
    definition["TableName"] = application.names.attribute(resource.id, "Ref")
    definition["BillingMode"] = "PAY_PER_REQUEST"
    if stream := resource.properties.get("StreamSpecification"):
        definition["StreamSpecification"] = {"StreamEnabled": True, **stream}
    return definition


def _compare(wanted: Mapping[str, Any], table: Mapping[str, Any]) -> None:
    if _shape(wanted) != _shape(table):
        raise Differs(
            f"table {wanted['TableName']} was made from another template; "
            "`make clean` forgets all local state"
        )


def _shape(table: Mapping[str, Any]) -> tuple[Any, ...]:
    indexes = table.get("GlobalSecondaryIndexes") or ()
    stream = table.get("StreamSpecification") or {}
    return (
        _keys(table),
        sorted((index["IndexName"], _keys(index)) for index in indexes),
        stream.get("StreamViewType"),
    )


def _keys(table: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((key["AttributeName"], key["KeyType"]) for key in table["KeySchema"])


def _bucket(application: Application, cloud: Cloud, resource: Resource) -> Attributes:
    name = application.names.attribute(resource.id, "Ref")
    try:
        cloud.s3.head_bucket(Bucket=name)
    except ClientError:
        cloud.s3.create_bucket(Bucket=name)
    return {"Ref": name}


def _queue(application: Application, cloud: Cloud, resource: Resource) -> Attributes:
    arn = application.names.attribute(resource.id, "Arn")
    name = arn.rpartition(":")[2]
    try:
        url = cloud.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except ClientError as error:
        if not _code(error).endswith("NonExistentQueue") and _code(error) != "QueueDoesNotExist":
            raise
        settings = _settings(application, resource)
        url = cloud.sqs.create_queue(QueueName=name, Attributes=settings)["QueueUrl"]
    found = cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    real = found["Attributes"]["QueueArn"]
    return {"Ref": url, "QueueUrl": url, "QueueName": name, "Arn": real}


def _settings(application: Application, resource: Resource) -> dict[Any, str]:
    given = application.resolved(
        {name: resource.properties[name] for name in QUEUE_SETTINGS if name in resource.properties}
    )
    settings = {name: str(value) for name, value in given.items()}
    if redrive := resource.properties.get("RedrivePolicy"):
        settings["RedrivePolicy"] = json.dumps(application.resolved(redrive))
    return settings


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
