"""Reads lines from a topic of Kafka; the checkpoint keeps the offsets, the broker none.

Between partitions there is no order. The one in which their messages came is written down in a
spool of its own, a line a run of one partition, so that lines have the same numbers when they are
read again after a restart.
"""

import json
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from whetstone.errors import InputError
from whetstone.streaming.flow import Chunk, Input, Position
from whetstone.streaming.inputs.location import Location
from whetstone.streaming.inputs.spool import Spool

# The client ships no types.
_Consumer = Any
_Message = Any

_AT_ONCE = 2000
_RUNS_AT_ONCE = 100
_SECONDS_TO_ANSWER = 5.0
_SECONDS_BETWEEN_LOOKS = 60.0
# What the client would print is said by errors.
_QUIET = logging.getLogger("whetstone.kafka")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
_GROUP = "whetstone"  # a consumer must be of one, even if it keeps nothing there


def kafka_input(location: Location, order: Spool) -> Input:
    """The input of a `kafka://HOST:PORT,HOST:PORT?topic=NAME`.

    Raises:
        InputError: no topic is named, or the file of settings cannot be read.
    """
    topic = location.text("topic")
    if not topic or not location.place():
        raise InputError(
            f"input {location.name}: name brokers and a topic, e.g. kafka://127.0.0.1:9092?topic=eve"
        )
    settings = {
        "group.id": _GROUP,
        **_settings(location),
        **location.dotted(),
        "bootstrap.servers": location.place(),
        "enable.auto.commit": "false",
        "enable.partition.eof": "true",
        "auto.offset.reset": "earliest",
    }
    from_end = location.choice("begin", "start", "end") == "end"
    return Kafka(location.name, location.source, topic, settings, order, from_end)


def _settings(location: Location) -> dict[str, str]:
    file = location.text("settings")
    try:
        lines = Path(file).read_text().splitlines() if file else []
    except OSError as error:
        raise InputError(f"input {location.name}: settings cannot be read ({error})") from error
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


class Kafka:
    """An `Input` of all partitions of a topic.

    Args:
        settings: librdkafka's.
        order: where the order of partitions is kept.
        from_end: whether a scorer that knows no position begins with messages still to come.

    Attributes:
        gaps: how often messages were gone when they were to be read again.
    """

    def __init__(
        self,
        name: str,
        source: str,
        topic: str,
        settings: dict[str, str],
        order: Spool,
        from_end: bool = False,
    ) -> None:
        self.gaps = 0
        self.name, self.source, self.finite = name, source, False
        self._topic = topic
        self._settings, self._order, self._from_end = settings, order, from_end
        self._consumer: _Consumer = None
        self._next: dict[int, int] = {}  # the offset that is read next, by partition
        self._at = 0  # in the order
        self._again: list[_Run] = []  # what is to be read again
        # What has come and was not given yet, by partition, and which had no more behind that.
        self._ahead: defaultdict[int, list[_Message]] = defaultdict(list)
        self._ended: set[int] = set()
        self._looked = 0.0

    def open(self, position: Position | None) -> None:
        """See `Input`."""
        self.close()
        self._ahead.clear()
        self._consumer = _connected(self._settings)
        self._at = self._order.open(position["order"] if position else None)
        self._again = _runs(self._order, self._at)
        known: dict[str, int] = position["offsets"] if position else {}
        self._next = {int(partition): offset for partition, offset in known.items()}
        for run in self._again:
            self._next.setdefault(run.partition, run.first)
        with _NamingBrokers(self._settings):
            if position or self._again:
                self._look()
            else:
                self._begin()
            self._assign()

    def read(self, most: int, wait: float) -> Chunk | None:
        """See `Input`; messages are not torn, and as many come as the client has ready."""
        with _NamingBrokers(self._settings):
            if self._again:
                return self._read_again(wait)
            if time.monotonic() - self._looked > _SECONDS_BETWEEN_LOOKS and self._look():
                self._assign()
            if not any(self._ahead.values()):
                self._fetch(wait)
        runs = [_Run.of(messages) for _, messages in sorted(self._ahead.items()) if messages]
        if not runs:
            return None
        self._at = self._order.append(b"".join(run.line() for run in runs))
        return self._chunk(runs)

    def commit(self, position: Position) -> None:
        """See `Input`; the broker keeps what it keeps."""
        self._order.forget(position["order"])

    def close(self) -> None:
        """See `Input`."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self._order.close()

    def _read_again(self, wait: float) -> Chunk | None:
        """The next of the runs that were read before, as many as have come whole."""
        if not self._is_whole(self._again[0]):
            self._fetch(wait)
        whole = list(takewhile(self._is_whole, self._again[:_RUNS_AT_ONCE]))
        if not whole:
            return None
        del self._again[: len(whole)]
        self._at += sum(len(run.line()) for run in whole)
        chunk = self._chunk(whole)
        return chunk if chunk.data else None

    def _is_whole(self, run: "_Run") -> bool:
        """Whether all of a run has come that the broker still has."""
        messages = self._ahead[run.partition]
        return (
            not run.count
            or run.partition in self._ended
            or bool(messages and messages[-1].offset() >= run.end - 1)
        )

    def _chunk(self, runs: "list[_Run]") -> Chunk:
        """The messages of runs, in their order."""
        lines: list[bytes] = []
        for run in runs:
            ahead = self._ahead[run.partition]
            messages = list(takewhile(lambda message, end=run.end: message.offset() < end, ahead))
            del ahead[: len(messages)]
            self.gaps += len(messages) < run.count
            self._next[run.partition] = run.end
            # Without a value, too, a message is a line: all numbers depend on it.
            lines += [(message.value() or b"").rstrip(b"\n") + b"\n" for message in messages]
        offsets = {str(partition): offset for partition, offset in sorted(self._next.items())}
        return Chunk(b"".join(lines), {"offsets": offsets, "order": self._at}, time.monotonic())

    def _fetch(self, wait: float) -> None:
        """Take the messages that come within a time."""
        from confluent_kafka import KafkaError

        first: _Message = self._consumer.poll(wait)
        found = [first, *self._consumer.consume(_AT_ONCE, 0)] if first is not None else []
        problem = None
        for message in found:
            error = message.error()
            if error is None:
                self._ahead[message.partition()].append(message)
                self._ended.discard(message.partition())
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ended.add(message.partition())
            else:
                problem = error
        if problem and not any(self._ahead.values()):
            raise InputError(f"kafka://{self._settings['bootstrap.servers']}: {problem.str()}")

    def _begin(self) -> None:
        """Where a scorer begins that knows nothing; the order says so, too."""
        self._look()
        if self._from_end:
            for partition in self._next:
                where = _place(self._topic, partition, 0)
                _, end = self._consumer.get_watermark_offsets(where, _SECONDS_TO_ANSWER)
                self._next[partition] = end
        begins = [_Run(partition, at, at, 0) for partition, at in self._next.items()]
        self._at = self._order.append(b"".join(run.line() for run in begins))

    def _look(self) -> bool:
        """Look for partitions that are not known; whether there are any."""
        self._looked = time.monotonic()
        about = self._consumer.list_topics(self._topic, _SECONDS_TO_ANSWER).topics[self._topic]
        if about.error is not None:
            raise InputError(
                f"kafka://{self._settings['bootstrap.servers']}: topic {self._topic}: "
                f"{about.error.str()}; create the topic or correct its name"
            )
        new = about.partitions.keys() - self._next.keys()
        self._next |= dict.fromkeys(sorted(new), 0)
        return bool(new)

    def _assign(self) -> None:
        """Have the client read what comes next."""
        # What is ahead has been read already.
        reached = {
            partition: ahead[-1].offset() + 1 for partition, ahead in self._ahead.items() if ahead
        }
        places = {**self._next, **reached}
        self._consumer.assign(
            [_place(self._topic, partition, offset) for partition, offset in places.items()]
        )
        self._ended.clear()


@dataclass
class _Run:
    """Messages of one partition in a row.

    Attributes:
        partition: its number.
        first: the offset of the first.
        end: the offset behind the last.
        count: how many there are; offsets may be left out.
    """

    partition: int
    first: int
    end: int
    count: int

    @classmethod
    def of(cls, messages: list[_Message]) -> "_Run":
        first, last = messages[0], messages[-1]
        return cls(first.partition(), first.offset(), last.offset() + 1, len(messages))

    def line(self) -> bytes:
        """As it stands in the order."""
        return json.dumps([self.partition, self.first, self.end, self.count]).encode() + b"\n"


def _runs(order: Spool, at: int) -> list[_Run]:
    text = b""
    while at < order.end:
        text += (piece := order.read(at, order.end - at))
        at += len(piece)
    return [_Run(*json.loads(line)) for line in text.splitlines()]


def _place(topic: str, partition: int, offset: int) -> Any:
    from confluent_kafka import TopicPartition

    return TopicPartition(topic, partition, offset)


def _connected(settings: dict[str, Any]) -> _Consumer:
    try:
        from confluent_kafka import Consumer
    except ImportError as error:
        raise InputError(
            "kafka: the client is not installed; pip install 'whetstone[kafka]'"
        ) from error
    with _NamingBrokers(settings):
        return Consumer(settings, logger=_QUIET)


class _NamingBrokers:
    """Turns an error of the client into one that says which brokers, and what to do."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._brokers = settings["bootstrap.servers"]

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, InputError):
            return
        from confluent_kafka import KafkaException

        if isinstance(error, KafkaException):
            raise InputError(
                f"kafka://{self._brokers}: {error.args[0].str()}; "
                "check the brokers, the topic and the settings"
            ) from error
