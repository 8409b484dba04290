"""Reads a DynamoDB stream from a position on, parents before their children."""

from collections.abc import Iterator
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from local.events.record import Record, as_event, sequence

LOST: Final = frozenset({"TrimmedDataAccessException", "ExpiredIteratorException"})


class StreamsClient(Protocol):
    """The part of boto3's client for DynamoDB Streams that is used here."""

    def describe_stream(self, **request: Any) -> Any:
        """A page of the stream's shards."""

    def get_shard_iterator(self, **request: Any) -> Any:
        """A place to read from."""

    def get_records(self, **request: Any) -> Any:
        """Records from a place on, and the place after them."""


class StreamReader:
    """One reader of one stream.

    Args:
        client: boto3's client for DynamoDB Streams.
        stream: ARN.
        start: `TRIM_HORIZON` or `LATEST`, for shards without a position.
        positions: shard → sequence number of the last record read; kept up to date.
    """

    def __init__(
        self, client: StreamsClient, stream: str, start: str, positions: dict[str, str]
    ) -> None:
        self._client = client
        self._stream = stream
        self._start = start
        self.positions = positions
        self._iterators: dict[str, str | None] = {}
        self._parents: dict[str, str] = {}

    def read(self, limit: int) -> list[Record]:
        """The next records as Lambda shows them; empty when there are none at the moment.

        Raises:
            ClientError, BotoCoreError: the stream cannot be read.
        """
        if not self._iterators:
            self._iterators = {shard: self._iterator(shard) for shard in self._shards()}
        for shard, iterator in self._iterators.items():
            waits = self._iterators.get(self._parents.get(shard, ""))
            if iterator and not waits and (records := self._from(shard, iterator, limit)):
                return records
        if not any(self._iterators.values()):
            self._iterators = {}  # every shard is closed: look for their children
        return []

    def _from(self, shard: str, iterator: str, limit: int) -> list[Record]:
        try:
            answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
        except ClientError as error:
            if error.response["Error"]["Code"] not in LOST:
                raise
            self._iterators[shard] = self._iterator(shard)
            return []
        self._iterators[shard] = answer.get("NextShardIterator")
        records = [as_event(record, self._stream) for record in answer["Records"]]
        if records:
            self.positions[shard] = sequence(records[-1])
        return records

    def _iterator(self, shard: str) -> str:
        place: dict[str, Any] = {"ShardIteratorType": self._start}
        if shard in self.positions:
            after = self.positions[shard]
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        try:
            return self._ask(shard, place)
        except ClientError as error:
            if error.response["Error"]["Code"] not in LOST:
                raise
            # The emulator was restarted, or a day has passed: what is there now is all new.
            return self._ask(shard, {"ShardIteratorType": "TRIM_HORIZON"})

    def _ask(self, shard: str, place: dict[str, Any]) -> str:
        answer = self._client.get_shard_iterator(StreamArn=self._stream, ShardId=shard, **place)
        return str(answer["ShardIterator"])

    def _shards(self) -> list[str]:
        described = list(self._described())
        self._parents = {each["ShardId"]: each.get("ParentShardId", "") for each in described}
        return list(self._parents)

    def _described(self) -> Iterator[Any]:
        page: dict[str, Any] = {}
        while True:
            answer = self._client.describe_stream(StreamArn=self._stream, **page)
            yield from answer["StreamDescription"]["Shards"]
            last = answer["StreamDescription"].get("LastEvaluatedShardId")
            if not last:
                return
            page = {"ExclusiveStartShardId": last}
