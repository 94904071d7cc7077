"""A topic of Kafka: `kafka://broker-1:9092,broker-2:9092/alerts?config=/etc/whetstone/kafka.conf`.

A record is a message: its key is the alert's id, so that all revisions of an alert lie in one
partition in order; its headers are `revision` and `sequence`. The broker drops what an idempotent
producer repeats. After a kill the last messages may come again, with the same key and revision.

`config` names a file of lines `property=value` of librdkafka, for encryption and accounts.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whetstone.errors import InputError
from whetstone.streaming.outputs.entries import Entry, delivered, to_json
from whetstone.streaming.outputs.output import Output, OutputError, Refused
from whetstone.streaming.urls import Url

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

OPTIONS = ("config",)
_SECONDS = 20.0

Settings = dict[str, str | int | float | bool]


class Kafka(Output):
    """Produces messages.

    Args:
        name: URL of the topic.
        topic: its name.
        settings: properties of librdkafka.
    """

    def __init__(self, name: str, topic: str, settings: Settings) -> None:
        self._name = name
        self._topic = topic
        self._settings = settings
        self._producer: Producer | None = None
        self._trouble = ""
        self._acknowledged: set[int] = set()
        self._held = 0

    @classmethod
    def at(cls, url: Url) -> "Kafka":
        """The output of a URL.

        Raises:
            InputError: the URL is wrong, or the client is not installed.
        """
        brokers = url.address.removeprefix("kafka://").partition("/")[0]
        topic = url.path.strip("/")
        if not brokers or not topic:
            raise url.wrong("path", "name broker and topic: kafka://127.0.0.1:9092/alerts")
        try:
            import confluent_kafka  # noqa: F401  # pyright: ignore[reportUnusedImport]
        except ImportError as error:
            raise InputError(
                f"{url.address}: the client for Kafka is not installed: "
                "pip install 'whetstone[kafka]'"
            ) from error
        settings: Settings = {
            "client.id": "whetstone",
            "log_level": 0,
            **_properties(url),
            "bootstrap.servers": brokers,
            "enable.idempotence": True,
            "message.timeout.ms": round(_SECONDS * 1000),
        }
        return cls(url.address, topic, settings)

    @property
    def name(self) -> str:
        """The topic's URL."""
        return self._name

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Produce messages and wait until the brokers have them.

        What they have is known up to the first that failed: from there on all come again, because
        a later revision must not be followed by an earlier one alone.
        """
        waiting = [(sequence, entry) for sequence, entry in entries if sequence > self._held]
        try:
            self._produce(waiting)
        finally:
            for sequence, _ in waiting:
                if sequence not in self._acknowledged:
                    break
                self._held = sequence
            self._acknowledged.clear()
        if waiting and self._held < waiting[-1][0]:
            raise OutputError(
                f"{self._name}: {self._trouble or 'the brokers do not answer'}: check brokers, "
                f"topic {self._topic} and the account's rights"
            )
        self._trouble = ""

    def close(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _produce(self, entries: Sequence[tuple[int, Entry]]) -> None:
        from confluent_kafka import KafkaError, KafkaException

        producer = self._connected()
        deadline = time.monotonic() + _SECONDS + 5.0
        try:
            for sequence, entry in entries:
                self._one(producer, sequence, entry)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            self._trouble = cause.str()
            if cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                raise Refused(
                    f"{self._name}: {cause.str()}: raise message.max.bytes in `config` and in the "
                    "topic"
                ) from error
        finally:
            producer.flush(max(0.0, deadline - time.monotonic()))
            if self._producer is None or len(producer):
                # Whatever still waits there must not be sent behind our back later.
                producer.purge()
                self._producer = None

    def _one(self, producer: "Producer", sequence: int, entry: Entry) -> None:
        def answered(error: "KafkaError | None", message: "Message") -> None:
            if error is None:
                self._acknowledged.add(sequence)
            else:
                self._failed(error)

        producer.produce(
            self._topic,
            value=to_json(delivered(sequence, entry)),
            key=entry.id.encode(),
            headers=[
                ("revision", str(entry.revision).encode()),
                ("sequence", str(sequence).encode()),
            ],
            on_delivery=answered,
        )

    def _connected(self) -> "Producer":
        from confluent_kafka import Producer

        if self._producer is None:
            self._producer = Producer({**self._settings, "error_cb": self._failed})
        return self._producer

    def _failed(self, error: "KafkaError") -> None:
        self._trouble = error.str()
        if error.fatal():
            # The broker and this producer disagree on what was sent; only a new one helps.
            self._producer = None


def _properties(url: Url) -> Settings:
    path = url.text("config")
    if not path:
        return {}
    try:
        lines = Path(path).read_text().splitlines()
    except OSError as error:
        raise url.wrong("config", f"{path} cannot be read ({error.strerror})") from error
    properties: Settings = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        name, equals, value = line.partition("=")
        if line and not line.startswith("#"):
            if not equals:
                raise url.wrong("config", f"{path}:{number}: is no property=value")
            properties[name.strip()] = value.strip()
    return properties
