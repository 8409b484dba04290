"""In which order the local stack reads a stream, and what it does when its place is lost."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.events.stream_reader import StreamReader

STREAM = "arn:stream"


def lost(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetRecords")


class FakeStreams:
    """A stream of named shards, each a list of sequence numbers; iterators are `shard:place`."""

    def __init__(self, shards: dict[str, list[str]], parents: dict[str, str] | None = None) -> None:
        self.shards = shards
        self.parents = parents or {}
        self.closed: set[str] = set()
        self.expired: set[str] = set()
        self.asked: list[dict[str, Any]] = []

    def describe_stream(self, **request: Any) -> Any:
        names = sorted(self.shards)
        start = names.index(request["ExclusiveStartShardId"]) + 1 if len(request) > 1 else 0
        page: dict[str, Any] = {"ShardId": names[start]}
        if names[start] in self.parents:
            page["ParentShardId"] = self.parents[names[start]]
        more = {"LastEvaluatedShardId": names[start]} if start + 1 < len(names) else {}
        return {"StreamDescription": {"Shards": [page], **more}}

    def get_shard_iterator(self, **request: Any) -> Any:
        self.asked.append(request)
        shard = self.shards[request["ShardId"]]
        place = len(shard) if request["ShardIteratorType"] == "LATEST" else 0
        if after := request.get("SequenceNumber"):
            if after not in shard:
                raise lost("TrimmedDataAccessException")
            place = shard.index(after) + 1
        return {"ShardIterator": f"{request['ShardId']}:{place}"}

    def get_records(self, **request: Any) -> Any:
        iterator = request["ShardIterator"]
        if iterator in self.expired:
            self.expired.remove(iterator)
            raise lost("ExpiredIteratorException")
        name, place = iterator.split(":")
        numbers = self.shards[name][int(place) : int(place) + request["Limit"]]
        records = [{"dynamodb": {"SequenceNumber": number}} for number in numbers]
        after = int(place) + len(numbers)
        over = name in self.closed and after == len(self.shards[name])
        return {"Records": records, **({} if over else {"NextShardIterator": f"{name}:{after}"})}


def reader(streams: FakeStreams, start: str = "TRIM_HORIZON", **positions: str) -> StreamReader:
    return StreamReader(streams, STREAM, start, dict(positions))


def everything(source: StreamReader, limit: int = 2, rounds: int = 10) -> str:
    """The sequence numbers that some rounds of reading bring."""
    records = [record for _ in range(rounds) for record in source.read(limit)]
    return "".join(record["dynamodb"]["SequenceNumber"] for record in records)


def test_a_stream_is_read_from_its_beginning_in_pages() -> None:
    source = reader(FakeStreams({"s": list("abcde")}))

    assert [len(source.read(2)) for _ in range(4)] == [2, 2, 1, 0]
    assert source.positions == {"s": "e"}


def test_or_from_its_end_when_the_mapping_says_so() -> None:
    streams = FakeStreams({"s": list("abc")})
    source = reader(streams, "LATEST")
    assert everything(source) == ""

    streams.shards["s"] += ["d"]

    assert everything(source) == "d"


def test_reading_goes_on_after_the_known_position() -> None:
    assert everything(reader(FakeStreams({"s": list("abcde")}), s="c")) == "de"


def test_a_position_that_the_stream_has_forgotten_means_that_all_of_it_is_new() -> None:
    assert everything(reader(FakeStreams({"s": list("xyz")}), s="c")) == "xyz"


def test_an_expired_place_is_found_again_without_loss_or_repetition() -> None:
    streams = FakeStreams({"s": list("abcd")})
    streams.expired = {"s:2"}

    assert everything(reader(streams)) == "abcd"


def test_children_wait_until_their_parent_is_read_to_its_end() -> None:
    streams = FakeStreams({"a-child": list("cd"), "b-parent": list("ab")}, {"a-child": "b-parent"})
    source = reader(streams)
    assert everything(source) == "ab"

    streams.closed = {"b-parent"}

    assert everything(source) == "cd"


def test_new_shards_are_looked_for_when_all_known_ones_are_closed() -> None:
    streams = FakeStreams({"one": list("ab")})
    streams.closed = {"one"}
    source = reader(streams)
    assert everything(source) == "ab"

    streams.shards["two"] = list("cd")
    streams.parents["two"] = "one"

    assert everything(source) == "cd"


def test_other_errors_are_the_callers() -> None:
    class Broken(FakeStreams):
        def get_records(self, **request: Any) -> Any:
            raise lost("ResourceNotFoundException")

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        reader(Broken({"s": ["a"]})).read(1)
