"""Redis and Kafka: what a checkpoint covers comes no more, all else again, in the same order."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from redis import Redis

from tests.redis_servers import redis_server
from tests.streaming_inputs.streams import joined, read_all, read_lines, until
from whetstone.errors import InputError
from whetstone.streaming.inputs import kafka, open_input
from whetstone.streaming.inputs.buffer import Buffer


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis server of the tests' own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def redis(redis_port: int) -> Iterator[Redis]:
    client = Redis(port=redis_port)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """The broker that librdkafka has built in; clients reach it by TCP."""
    cluster = Producer({"test.mock.num.brokers": 1, "client.id": "cluster"})
    about = until(lambda: cluster.list_topics(timeout=5))
    [broker] = about.brokers.values()
    yield f"{broker.host}:{broker.port}"
    cluster.flush(1)


def opened(spec: str, directory: Path, position: Any = None) -> Any:
    one = open_input(spec, directory)
    one.open(json.loads(json.dumps(position)))
    return one


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_list_keeps_its_entries_until_a_checkpoint_covers_them(
    redis: Redis, redis_port: int, side: str, tmp_path: Path
) -> None:
    spec = f"suricata_flow=redis://127.0.0.1:{redis_port}/0?list=eve&push={side}"
    push = redis.rpush if side == "right" else redis.lpush
    killed = opened(spec, tmp_path)
    push("eve", *[f"{number}" for number in range(5)])
    chunks = read_lines(killed, 5)
    assert joined(chunks) == b"0\n1\n2\n3\n4\n"
    covered = chunks[-1].position
    push("eve", "5", "6\n")
    assert joined(read_lines(killed, 2)) == b"5\n6\n"
    killed.commit(covered)
    assert redis.llen("eve") == 2
    # Killed here; and once more between a checkpoint and the removal.
    again = opened(spec, tmp_path, covered)
    assert joined(read_lines(again, 2)) == b"5\n6\n"
    after = {"entry": 7}
    push("eve", "7")
    last = opened(spec, tmp_path, after)
    assert read_all(last)[0] == b"7\n"
    last.commit({"entry": 8})
    assert redis.llen("eve") == 0
    push("eve", "8")
    assert read_all(last)[0] == b"8\n"


def test_a_list_that_was_deleted_is_read_from_its_first_entry(
    redis: Redis, redis_port: int, tmp_path: Path
) -> None:
    spec = f"sshd=redis://127.0.0.1:{redis_port}?list=log"
    redis.rpush("log", "a", "b", "c")
    _, position = read_all(opened(spec, tmp_path))
    redis.flushall()
    redis.rpush("log", "d")
    assert read_all(opened(spec, tmp_path, position))[0] == b"d\n"


def test_a_stream_goes_on_behind_the_position(
    redis: Redis, redis_port: int, tmp_path: Path
) -> None:
    spec = f"suricata_flow=redis://127.0.0.1:{redis_port}?stream=eve"
    redis.xadd("eve", {"line": "one"})
    data, position = read_all(opened(spec, tmp_path))
    assert data == b"one\n"
    redis.xadd("eve", {"line": "two", "other": "x"})
    redis.xadd("eve", {"line": "three"})
    assert read_all(opened(spec + "&field=line", tmp_path, position))[0] == b"two\nthree\n"
    unnamed = opened(spec, tmp_path, position)
    assert read_all(unnamed)[0] == b"three\n"
    assert unnamed.lost == 1


def test_redis_that_goes_away_is_an_error_that_names_it(redis_port: int, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(InputError, match=f"redis://127.0.0.1:{port}/0: .*check that it runs"):
        opened(f"sshd=redis://127.0.0.1:{port}?list=log", tmp_path)
    Redis(port=redis_port).set("text", "no list")
    with pytest.raises(InputError, match="the type of the key"):
        opened(f"sshd=redis://127.0.0.1:{redis_port}?list=text", tmp_path)


def test_a_connection_that_redis_closes_is_made_again_without_loss(
    redis: Redis, redis_port: int, tmp_path: Path
) -> None:
    spec = f"sshd=redis://127.0.0.1:{redis_port}?stream=log&name=log"
    buffer = Buffer([open_input(spec, tmp_path)])
    buffer.start({})
    found = b""

    def come(count: int) -> bool:
        nonlocal found
        for taken in buffer.take(1 << 20, 0.05):
            found += b"".join(piece.data for piece in taken.pieces)
        return found.count(b"\n") >= count

    for number in range(6):
        redis.xadd("log", {"line": str(number)})
        until(lambda number=number: come(number + 1))
        redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    buffer.stop()
    assert found == b"0\n1\n2\n3\n4\n5\n"


def produce(brokers: str, topic: str, lines: list[str], partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": brokers})
    for line in lines:
        producer.produce(topic, line, partition=partition)
    assert producer.flush(10) == 0


def test_a_topic_is_read_from_the_offsets_of_the_checkpoint(brokers: str, tmp_path: Path) -> None:
    produce(brokers, "flows", ["one", "two"])
    spec = f"suricata_flow=kafka://{brokers}?topic=flows"
    killed = opened(spec, tmp_path)
    chunks = read_lines(killed, 2)
    assert joined(chunks) == b"one\ntwo\n"
    produce(brokers, "flows", ["three", "four"])
    assert joined(read_lines(killed, 2)) == b"three\nfour\n"
    killed.close()
    again = opened(spec, tmp_path, chunks[-1].position)
    assert joined(read_lines(again, 2)) == b"three\nfour\n"
    produce(brokers, "flows", ["five"])
    assert joined(read_lines(again, 1)) == b"five\n"
    again.close()


def test_lines_of_several_partitions_come_again_in_the_order_in_which_they_came(
    brokers: str, tmp_path: Path
) -> None:
    for partition in range(4):
        produce(brokers, "spread", [f"{partition}.{n}" for n in range(3)], partition)
    spec = f"suricata_flow=kafka://{brokers}?topic=spread"
    killed = opened(spec, tmp_path)
    first = read_lines(killed, 12)
    for partition in (3, 1, 0):
        produce(brokers, "spread", [f"{partition}.more"], partition)
        first += read_lines(killed, 1)
    killed.close()
    came = joined(first)
    assert came.count(b"\n") == 15
    again = opened(spec, tmp_path)
    assert joined(read_lines(again, 15)) == came
    again.commit(first[0].position)
    again.close()
    rest = opened(spec, tmp_path, first[0].position)
    wanted = came[len(first[0].data) :]
    assert joined(read_lines(rest, wanted.count(b"\n"))) == wanted
    produce(brokers, "spread", ["end"], 2)
    assert joined(read_lines(rest, 1)) == b"end\n"
    rest.close()


def test_a_scorer_may_begin_with_messages_still_to_come(brokers: str, tmp_path: Path) -> None:
    produce(brokers, "later", ["old"])
    spec = f"suricata_flow=kafka://{brokers}?topic=later&begin=end"
    opened(spec, tmp_path).close()
    produce(brokers, "later", ["new"])
    again = opened(spec, tmp_path)
    assert joined(read_lines(again, 1)) == b"new\n"
    again.close()


def test_a_broker_that_is_not_there_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_SECONDS_TO_ANSWER", 0.3)
    spec = "sshd=kafka://127.0.0.1:1?topic=log"
    with pytest.raises(InputError, match=r"kafka://127.0.0.1:1: .*check the brokers"):
        opened(spec, tmp_path)
    with pytest.raises(InputError, match="check the brokers, the topic and the settings"):
        opened(spec + "&fetch.nonsense=1", tmp_path)
