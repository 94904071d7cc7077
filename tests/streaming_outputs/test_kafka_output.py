"""A broker (the one built into librdkafka, reached by TCP) gets records by alert, in order."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from tests.streaming_outputs.receivers import free_port
from tests.streaming_outputs.records import alert, numbered, until
from whetstone.streaming.outputs import OutputError, Refused, kafka, open_output


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Address of a cluster of one broker that lives as long as its producer."""
    cluster = confluent_kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    cluster.purge()


def test_a_record_is_a_message_of_its_alert(brokers: str, tmp_path: Path) -> None:
    output = open_output(f"kafka://{brokers}/alerts", tmp_path)
    output.send([(3, alert(1)), (4, alert(2)), (5, alert(1, revision=2))])
    output.close()
    messages = _messages(brokers, "alerts", 3)
    assert [
        (m.key(), dict(m.headers())["sequence"]) for m in messages if m.key() == b"alert-1"
    ] == [
        (b"alert-1", b"3"),
        (b"alert-1", b"5"),
    ]
    assert len({m.partition() for m in messages if m.key() == b"alert-1"}) == 1
    values = sorted((json.loads(m.value()) for m in messages), key=lambda r: r["event"]["sequence"])
    assert [value["event"]["id"] for value in values] == ["alert-1", "alert-2", "alert-1"]
    assert {dict(m.headers())["revision"] for m in messages} == {b"1", b"2"}


def test_what_is_too_long_is_refused_and_the_rest_comes_once(brokers: str, tmp_path: Path) -> None:
    long = alert(2, context="x" * 2_000_000)
    output = open_output(f"kafka://{brokers}/long", tmp_path)
    with pytest.raises(Refused, match=r"message\.max\.bytes"):
        output.send([(1, alert(1)), (2, long), (3, alert(3))])
    output.send([(1, alert(1))])
    with pytest.raises(Refused):
        output.send([(2, long)])
    output.send([(3, alert(3))])
    output.close()
    assert sorted(m.key() for m in _messages(brokers, "long", 2)) == [b"alert-1", b"alert-3"]


def test_brokers_that_are_away_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_SECONDS", 0.3)
    address = f"127.0.0.1:{free_port()}"
    output = open_output(f"kafka://{address}/alerts", tmp_path)
    with pytest.raises(OutputError, match=f"kafka://{address}/alerts: .*check brokers"):
        output.send(numbered(1))
    output.close()


def test_properties_come_from_a_file(brokers: str, tmp_path: Path) -> None:
    config = tmp_path / "kafka.conf"
    config.write_text("# ours\nmessage.max.bytes = 1000\n\ncompression.type=gzip\n")
    output = open_output(f"kafka://{brokers}/alerts?config={config}", tmp_path)
    with pytest.raises(Refused):
        output.send([(1, alert(1, context="x" * 2000))])
    output.close()


def _messages(brokers: str, topic: str, count: int) -> list[Any]:
    """All of a topic, which are so many."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": topic,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
    ends = [
        consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, number), timeout=10)[1]
        for number in partitions
    ]
    assert sum(ends) == count
    read: list[Any] = []

    def enough() -> bool:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            read.append(message)
        return len(read) == count

    until(enough)
    consumer.close()
    return read
