"""Where the stores are and with which credentials they are reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from local.events.stream_reader import StreamsClient

REGION: Final = "us-east-1"
CREDENTIAL: Final = "local"
"""Key and secret of every process here; emulators take anything, save in a signed link."""

CONFIG: Final = Config(
    account_id_endpoint_mode="disabled",
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
)


@dataclass(frozen=True)
class Cloud:
    """One endpoint for every service.

    The credentials are made up on purpose: whoever has real ones must not see them used here.
    """

    endpoint: str
    region: str = REGION
    access_key: str = CREDENTIAL
    secret_key: str = CREDENTIAL

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables by which any AWS client finds the endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return self._session.client("dynamodb", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def streams(self) -> "StreamsClient":
        client: StreamsClient = self._session.client(
            "dynamodbstreams", endpoint_url=self.endpoint, config=CONFIG
        )
        return client

    @cached_property
    def s3(self) -> "S3Client":
        return self._session.client("s3", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        return self._session.client("sqs", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def kms(self) -> "KMSClient":
        return self._session.client("kms", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def ssm(self) -> "SSMClient":
        return self._session.client("ssm", endpoint_url=self.endpoint, config=CONFIG)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(self.access_key, self.secret_key, region_name=self.region)
