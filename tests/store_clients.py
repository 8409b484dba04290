"""The port's implementations as tests wire them: no waiting between tries, short timeouts."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from tests.locked_moto import ENVIRONMENT, REGION
from tollgate.store.aws_json import Api, AwsJson, Caller
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.dynamodb import Dynamo
from tollgate.store.lean_dynamodb import LeanDynamo
from tollgate.store.sigv4 import credentials_in

NOW: Final = 1_700_000_000.0
PATIENT: Final = 10.0
IMPATIENT: Final = 0.3


def at_once(failed: int) -> None:
    """Do not wait before the next try."""


def caller(
    endpoint: str, clock: Callable[[], float] = lambda: NOW, timeout: float = PATIENT
) -> Caller:
    """What the lean clients of a test share."""
    return Caller(
        region=REGION,
        credentials=credentials_in(ENVIRONMENT),
        clock=clock,
        pause=at_once,
        endpoint=endpoint,
        connect_timeout=timeout,
        read_timeout=timeout,
    )


def lean(endpoint: str, timeout: float = PATIENT) -> LeanDynamo:
    """The lean client of DynamoDB."""
    return LeanDynamo(caller(endpoint, timeout=timeout))


def lean_service(api: Api, endpoint: str) -> AwsJson:
    """The lean client of another service."""
    return AwsJson(api, caller(endpoint))


def over_boto3(
    endpoint: str, opened: ExitStack, timeout: float = PATIENT, service: str = "dynamodb"
) -> Boto3Dynamo:
    """The port over boto3, closed with `opened`."""
    client = boto3_client(service, REGION, endpoint, read_timeout=timeout)
    opened.callback(client.close)
    return Boto3Dynamo(client, at_once)


CLIENTS: Final[dict[str, Callable[[str, ExitStack, float], Dynamo]]] = {
    "boto3": over_boto3,
    "lean": lambda endpoint, opened, timeout: lean(endpoint, timeout),
}
