"""Which AWS clients a process has: lean signed ones on the hot path, or boto3 behind the port."""

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tollgate.settings import Settings
from tollgate.store.attempts import backoff
from tollgate.store.aws_json import KMS, SQS, SSM, AwsJson, AwsService, Caller
from tollgate.store.bucket import Bucket, ObjectStore
from tollgate.store.dynamodb import Dynamo
from tollgate.store.kms import KmsKey
from tollgate.store.lean_dynamodb import LeanDynamo
from tollgate.store.pepper import Peppers
from tollgate.store.queue import Queue
from tollgate.store.secrets import Secrets
from tollgate.store.sigv4 import credentials_in

ENDPOINT: Final = "AWS_ENDPOINT_URL"
LOCAL: Final = "TOLLGATE_LOCAL"
HOT_PATH_SECONDS: Final = 1.0
"""How long the relay waits for an answer."""

READ_SECONDS: Final = 5.0
"""How long background work waits for one."""

EMULATOR_SECONDS: Final = 15.0
"""The local stand-in for DynamoDB is one process: a burst of calls waits in a queue of its own."""

PAUSE: Final = backoff(time.sleep, random.random)


@dataclass(frozen=True, slots=True)
class Clients:
    """One client per service, safe to share between threads."""

    dynamo: Dynamo
    kms: AwsService
    ssm: AwsService
    sqs: AwsService
    s3: ObjectStore | None = None


def lean(environment: Mapping[str, str]) -> Clients:
    """Clients without boto3; `environment` is the process's, read again for fresh credentials."""
    patience = EMULATOR_SECONDS if environment.get(LOCAL) else HOT_PATH_SECONDS
    caller = Caller(
        region=environment["AWS_REGION"],
        credentials=credentials_in(environment),
        clock=time.time,
        pause=PAUSE,
        endpoint=environment.get(ENDPOINT) or None,
        connect_timeout=patience,
        read_timeout=patience,
    )
    return Clients(
        LeanDynamo(caller), AwsJson(KMS, caller), AwsJson(SSM, caller), AwsJson(SQS, caller)
    )


def boto3(environment: Mapping[str, str]) -> Clients:
    """Clients over boto3, which finds credentials by itself."""
    from tollgate.store.boto3_dynamodb import (  # noqa: PLC0415 - 0.3 s, and not on every relay
        Boto3Dynamo,
        boto3_client,
    )

    region, endpoint = environment["AWS_REGION"], environment.get(ENDPOINT) or None

    def client(service: str) -> Boto3Dynamo:
        found = boto3_client(service, region, endpoint, read_timeout=READ_SECONDS)
        return Boto3Dynamo(found, PAUSE)

    return Clients(*(client(name) for name in ("dynamodb", "kms", "ssm", "sqs", "s3")))


@dataclass(frozen=True, slots=True)
class Aws:
    """What a process needs of AWS, ready to use; `sealing` opens and seals upstream credentials.

    `region` and `endpoint` (None: AWS itself) are for who binds pynamodb's models.
    """

    dynamo: Dynamo
    sealing: Secrets
    peppers: Peppers
    queue: Queue
    bucket: Bucket
    region: str = ""
    endpoint: str | None = None


def connect(settings: Settings, environment: Mapping[str, str]) -> Aws:
    """What the settings name, over the clients they choose."""
    found = {"lean": lean, "boto3": boto3}[settings.dynamodb_client](environment)
    return Aws(
        found.dynamo,
        Secrets(KmsKey(found.kms, settings.kms_key), time.time, os.urandom),
        Peppers(found.ssm, settings.pepper_parameter, time.time),
        Queue(found.sqs, settings.queue_url),
        Bucket(found.s3, settings.bucket),
        environment["AWS_REGION"],
        environment.get(ENDPOINT) or None,
    )
