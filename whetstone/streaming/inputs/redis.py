"""Reads lines from a list or stream of Redis; what is read stays until a checkpoint covers it."""

import time
from pathlib import Path
from typing import Any, Protocol

from whetstone.errors import InputError
from whetstone.streaming.flow import Chunk, Input, Position
from whetstone.streaming.inputs.location import Location

# The client says of most answers that they may have to be awaited; ours never have.
_Client = Any

_MOST_ENTRIES = 5000
_POLL_SECONDS = 0.01
_SECONDS_TO_ANSWER = 5.0


def redis_input(location: Location) -> Input:
    """The input of a `redis://HOST:PORT/DB?list=KEY` or `?stream=KEY`; `rediss:` is over TLS.

    Raises:
        InputError: not one key is named, the database is no number, or the file of the password
            cannot be read.
    """
    number = location.path.strip("/") or "0"
    if not number.isdigit():
        raise InputError(f"input {location.name}: the database is {number!r}; it takes a number")
    a_list, stream = location.text("list"), location.text("stream")
    if bool(a_list) == bool(stream):
        raise InputError(f"input {location.name}: name one key: list=KEY or stream=KEY")
    reading: _Reading
    if a_list:
        reading = _List(a_list, left=location.choice("push", "right", "left") == "left")
    else:
        reading = _Stream(stream, location.text("field"))
    user, password = location.user()
    secret = location.text("password_file")
    try:
        password = Path(secret).read_text().strip() if secret else password
    except OSError as error:
        raise InputError(
            f"input {location.name}: password_file cannot be read ({error})"
        ) from error
    server = {
        "host": location.host("127.0.0.1"),
        "port": location.port(6379),
        "db": int(number),
        "ssl": location.scheme == "rediss",
        "username": user,
        "password": password,
        "socket_timeout": 2 * _SECONDS_TO_ANSWER,
    }
    return RedisInput(location.name, location.source, server, reading)


class _Reading(Protocol):
    """How the entries of one key are read, each a line or several."""

    lost: int

    def open(self, client: _Client, position: Position | None) -> None: ...

    def entries(self, client: _Client, most: int, deadline: float) -> list[bytes]: ...

    def position(self) -> Position: ...

    def commit(self, client: _Client, position: Position) -> None: ...


class RedisInput:
    """An `Input` of a list or stream of Redis."""

    def __init__(self, name: str, source: str, server: dict[str, Any], reading: _Reading) -> None:
        self.name, self.source, self.finite = name, source, False
        self._server, self._reading = server, reading
        self._client: _Client = None
        self._entry_bytes = 4096  # as large as they were of late

    @property
    def lost(self) -> int:
        """How many entries held no line: the field is not in them."""
        return self._reading.lost

    def open(self, position: Position | None) -> None:
        """See `Input`."""
        self.close()
        with self._naming_server():
            self._client = _connected(self._server)
            self._reading.open(self._client, position)

    def read(self, most: int, wait: float) -> Chunk | None:
        """See `Input`; entries are not torn, so that there may be more bytes."""
        deadline = time.monotonic() + wait
        count = max(1, min(_MOST_ENTRIES, most // self._entry_bytes))
        with self._naming_server():
            while not (found := self._reading.entries(self._client, count, deadline)):
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                time.sleep(min(left, _POLL_SECONDS))
        data = b"".join(entry.rstrip(b"\n") + b"\n" for entry in found)
        self._entry_bytes = len(data) // len(found) + 1
        return Chunk(data, self._reading.position(), time.monotonic())

    def commit(self, position: Position) -> None:
        """See `Input`; a list loses what the position covers."""
        with self._naming_server():
            self._reading.commit(self._client, position)

    def close(self) -> None:
        """See `Input`."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _naming_server(self) -> "_NamingServer":
        at = self._server
        return _NamingServer(f"redis://{at['host']}:{at['port']}/{at['db']}")


def _connected(server: dict[str, Any]) -> _Client:
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise InputError(
            "redis: the client is not installed; pip install 'whetstone[redis]'"
        ) from error
    # Whoever reads the input tries again.
    client: _Client = redis.Redis(**server, retry=Retry(NoBackoff(), 0))
    client.ping()
    return client


class _NamingServer:
    """Turns an error of the client into one that says which server, and what to do."""

    def __init__(self, server: str) -> None:
        self._server = server

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, InputError):
            return
        from redis import RedisError

        if isinstance(error, RedisError | OSError):
            raise InputError(
                f"{self._server}: {error}; check that it runs, the type of the key and the password"
            ) from error


class _List:
    """A list that others push to and nobody else pops from.

    Entries stay in it until a checkpoint covers them. How many were ever removed stands in a key
    of its own and changes together with the list, so that a position is never counted twice.
    """

    lost = 0

    def __init__(self, key: str, left: bool) -> None:
        self._key, self._left = key, left
        self._removed_key = f"{key}:whetstone:removed"
        self._removed = 0
        self._at = 0

    def open(self, client: _Client, position: Position | None) -> None:
        self._removed = int(client.get(self._removed_key) or 0)
        self._at = max(position["entry"] if position else 0, self._removed)
        if self._at > self._removed + client.llen(self._key):
            # It is another list than it was: begin with its first entry.
            client.set(self._removed_key, self._at)
            self._removed = self._at

    def entries(self, client: _Client, most: int, deadline: float) -> list[bytes]:
        begin = self._at - self._removed
        if self._left:
            found = client.lrange(self._key, -begin - most, -begin - 1)[::-1]
        else:
            found = client.lrange(self._key, begin, begin + most - 1)
        self._at += len(found)
        return found

    def position(self) -> Position:
        return {"entry": self._at}

    def commit(self, client: _Client, position: Position) -> None:
        count = position["entry"] - self._removed
        if count <= 0:
            return
        with client.pipeline(transaction=True) as together:
            if self._left:
                together.ltrim(self._key, 0, -count - 1)
            else:
                together.ltrim(self._key, count, -1)
            together.set(self._removed_key, position["entry"])
            together.execute()
        self._removed = position["entry"]


class _Stream:
    """A stream; its entries are read by their ids and stay."""

    def __init__(self, key: str, field: str) -> None:
        self.lost = 0
        self._key, self._field = key, field.encode()
        self._at: str = "0-0"

    def open(self, client: _Client, position: Position | None) -> None:
        self._at = position["id"] if position else "0-0"

    def entries(self, client: _Client, most: int, deadline: float) -> list[bytes]:
        seconds = min(deadline - time.monotonic(), _SECONDS_TO_ANSWER)
        answer = client.xread({self._key: self._at}, most, max(1, int(1000 * seconds)))
        found: list[tuple[bytes, dict[bytes, bytes]]] = answer[0][1] if answer else []
        if found:
            self._at = found[-1][0].decode()
        return [line for _, fields in found if (line := self._line(fields)) is not None]

    def position(self) -> Position:
        return {"id": self._at}

    def commit(self, client: _Client, position: Position) -> None:
        return None

    def _line(self, fields: dict[bytes, bytes]) -> bytes | None:
        """The field that holds the line: the one named, or the only one."""
        only = next(iter(fields.values())) if len(fields) == 1 else None
        line = fields.get(self._field) if self._field else only
        self.lost += line is None
        return line
