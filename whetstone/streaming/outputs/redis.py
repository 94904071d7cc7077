"""A stream or list in Redis: `redis://host:6379/0/alerts?type=stream|list&most=100000`.

The path is the number of the database and the key. A stream's entries have the fields `id`,
`revision` and `record` (JSON), a list's elements are the records, newest last.

Redis itself remembers how far this scorer has come, in a key beside the alerts that is set together
with them; so nothing comes twice, also when an answer was lost or the scorer was killed.
"""

# The client's types depend on whether it is used asynchronously.
# pyright: reportUnknownMemberType=false

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whetstone.durable import flush
from whetstone.errors import InputError
from whetstone.streaming.outputs.entries import Entry, delivered, to_json
from whetstone.streaming.outputs.output import Output, OutputError
from whetstone.streaming.urls import Url

if TYPE_CHECKING:
    import redis as client

OPTIONS = ("type", "most", "password", "authority")
_SECONDS = 10.0

# KEYS: the alerts, the cursor. ARGV: type, most, then sequence, id, revision and record of each.
_APPEND = """
local cursor = tonumber(redis.call('GET', KEYS[2]) or '-1')
local most = tonumber(ARGV[2])
for i = 3, #ARGV, 4 do
  if tonumber(ARGV[i]) > cursor then
    if ARGV[1] == 'list' then
      redis.call('RPUSH', KEYS[1], ARGV[i + 3])
      if most > 0 then redis.call('LTRIM', KEYS[1], -most, -1) end
    elseif most > 0 then
      redis.call('XADD', KEYS[1], 'MAXLEN', '~', most, '*',
        'id', ARGV[i + 1], 'revision', ARGV[i + 2], 'record', ARGV[i + 3])
    else
      redis.call('XADD', KEYS[1], '*',
        'id', ARGV[i + 1], 'revision', ARGV[i + 2], 'record', ARGV[i + 3])
    end
    redis.call('SET', KEYS[2], ARGV[i])
  end
end
"""


class Redis(Output):
    """Appends to a key.

    Args:
        url: of server, database and key.
        writer: who appends: each has a cursor of its own.
    """

    def __init__(self, url: Url, writer: str) -> None:
        database, _, key = url.path.strip("/").partition("/")
        if not url.host or not database.isdecimal() or not key:
            raise url.wrong("path", "name database and key: redis://127.0.0.1:6379/0/alerts")
        self._url = url
        self._type = url.choice("type", ("stream", "list"), "stream")
        self._most = url.number("most", 0)
        # The braces keep both keys on one node of a cluster.
        self._keys = [key, f"{{{key}}}:whetstone:{writer}"]
        self._client = _client(url, int(database))

    @classmethod
    def at(cls, url: Url, directory: Path) -> "Redis":
        """The output of a URL; `directory` remembers who this scorer is.

        Raises:
            InputError: the URL is wrong, or the client is not installed.
        """
        return cls(url, _writer(directory))

    @property
    def name(self) -> str:
        """The key's URL."""
        return self._url.address

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Append what Redis does not hold yet, all or up to where Redis fails."""
        from redis.exceptions import RedisError

        arguments: list[str | int | bytes] = [self._type, self._most]
        for sequence, entry in entries:
            record = to_json(delivered(sequence, entry))
            arguments += [sequence, entry.id, entry.revision, record]
        try:
            self._client.eval(_APPEND, len(self._keys), *self._keys, *arguments)
        except (RedisError, OSError) as error:
            raise OutputError(
                f"{self.name}: {error}: check that Redis runs, and that it lets this user append "
                f"to {self._keys[0]}, set {self._keys[1]}, and run EVAL"
            ) from error

    def close(self) -> None:
        """Disconnect."""
        self._client.close()


def _client(url: Url, database: int) -> "client.Redis":
    try:
        import redis as client
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise InputError(
            f"{url.address}: the client for Redis is not installed: pip install 'whetstone[redis]'"
        ) from error
    password = url.password or url.secret("password").decode() or None
    # Delivery tries again, and says so.
    once = Retry(NoBackoff(), 0)
    return client.Redis(
        host=url.host,
        port=url.port or 6379,
        db=database,
        username=url.user or None,
        password=password,
        ssl=url.scheme == "rediss",
        ssl_ca_certs=url.text("authority") or None,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
        retry=once,
    )


def _writer(directory: Path) -> str:
    """Who this scorer is; made up once."""
    path = directory / "writer"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(uuid.uuid4().hex, "ascii")
        flush(new)
        new.replace(path)
        flush(directory)
    return path.read_text("ascii")
