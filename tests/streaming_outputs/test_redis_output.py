"""A real Redis gets every record once, also when answers are lost or the scorer is killed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.redis_servers import redis_server
from tests.streaming_outputs.receivers import free_port
from tests.streaming_outputs.records import ids, names, numbered
from whetstone.streaming.outputs import OutputError, open_output


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as chosen:
        yield chosen


def _url(port: int, key: str, options: str = "") -> str:
    return f"redis://127.0.0.1:{port}/0/{key}?{options}"


def test_a_stream_gets_the_record_and_what_tells_it_apart(port: int, tmp_path: Path) -> None:
    open_output(_url(port, "fields"), tmp_path).send(numbered(3, 4))
    client = Redis(port=port, decode_responses=True)
    (_, first), (_, second) = client.xrange("fields")
    assert (first["id"], first["revision"], second["id"]) == ("alert-3", "1", "alert-4")
    assert json.loads(first["record"])["event"]["sequence"] == 3


@pytest.mark.parametrize("kind", ["stream", "list"])
def test_what_comes_again_is_not_appended_again(port: int, tmp_path: Path, kind: str) -> None:
    """The answer was lost, or the scorer was killed before it wrote down that it came."""
    url = _url(port, f"again-{kind}", f"type={kind}")
    open_output(url, tmp_path).send(numbered(1, 2))
    open_output(url, tmp_path).send(numbered(1, 2, 3))
    assert _held(port, f"again-{kind}") == names(1, 2, 3)


def test_scorers_that_share_a_key_do_not_take_each_others_records_for_their_own(
    port: int, tmp_path: Path
) -> None:
    open_output(_url(port, "shared"), tmp_path / "berlin").send(numbered(7, 8))
    open_output(_url(port, "shared"), tmp_path / "paris").send(numbered(1, 2))
    assert _held(port, "shared") == names(7, 8, 1, 2)


@pytest.mark.parametrize("kind", ["stream", "list"])
def test_only_the_newest_are_kept_where_that_is_asked_for(
    port: int, tmp_path: Path, kind: str
) -> None:
    output = open_output(_url(port, f"most-{kind}", f"type={kind}&most=100"), tmp_path)
    output.send(numbered(*range(1, 1001)))
    held = _held(port, f"most-{kind}")
    assert 100 <= len(held) < 300, "a stream is cut in blocks"
    assert held == names(*range(1001 - len(held), 1001))


def test_a_key_of_another_type_is_said_and_costs_nothing(port: int, tmp_path: Path) -> None:
    client = Redis(port=port)
    client.set("taken", "by another")
    output = open_output(_url(port, "taken"), tmp_path)
    with pytest.raises(OutputError, match="WRONGTYPE"):
        output.send(numbered(1))
    client.delete("taken")
    output.send(numbered(1))
    assert _held(port, "taken") == names(1)


def test_a_server_that_was_away_gets_all_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    output = open_output(_url(port, "alerts"), tmp_path)
    with redis_server(tmp_path, port):
        output.send(numbered(1))
    with pytest.raises(OutputError, match="check that Redis runs"):
        output.send(numbered(2))
    with redis_server(tmp_path, port):
        output.send(numbered(1, 2))
        assert _held(port, "alerts") == names(1, 2)
        output.close()


def _held(port: int, key: str) -> list[str]:
    client = Redis(port=port)
    if client.type(key) == b"list":
        return ids(client.lrange(key, 0, -1))
    return ids(fields[b"record"] for _, fields in client.xrange(key))
