"""Slow features from Redis, as Feast keeps them there; without Feast.

A hash an entity: its key is the entity and the project, its fields are the features (a hash of
`view:feature`) and the end of the window they are of (`_ts:view`), its values protobuf messages.
The view's name holds the hash of the definitions: what others made is not found.

What Redis does not answer is NULL and counted: a scorer goes on without it. What it answered is
remembered for a time, so that a batch of known entities asks nothing.

References:
    Feast, online store format, Redis:
    https://github.com/feast-dev/feast/blob/master/docs/specs/online_store_format.md
"""

# redis ships types that its own commands do not keep to.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import struct
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from whetstone.catalog.slow import Slow
from whetstone.errors import InputError
from whetstone.scoring.feast_values import entity_key, field_of, instant_of, value_of
from whetstone.scoring.slow import ARROW_TYPES, Key, join_latest

_Window = tuple[int | None, tuple[Any, ...]]
"""Its end, microseconds since 1970 (None: there is none), and its features."""
_PAUSE_SECONDS = 5.0
_KEYS_A_CALL = 5_000


class RedisFeatures:
    """Slow features of a Redis that Feast writes to.

    Args:
        url: such as `redis://127.0.0.1:6379/0`; `rediss://` for TLS.
        project: Feast's name of the installation.
        keep_seconds: how long an answer is remembered.
        keep_entities: how many are.
        timeout: seconds to wait for Redis, which is how long a batch can be held up.

    Attributes:
        asked: entities that Redis was asked for.
        failures: calls that it did not answer.

    Raises:
        InputError: the client is not installed, or the URL is none.
    """

    def __init__(
        self,
        url: str,
        project: str = "whetstone",
        keep_seconds: float = 60.0,
        keep_entities: int = 100_000,
        timeout: float = 0.5,
    ):
        try:
            import redis
        except ImportError as error:
            raise InputError(
                f"{url}: needs the Redis client: pip install whetstone[redis]"
            ) from error
        try:
            self._client = redis.Redis.from_url(
                url, socket_timeout=timeout, socket_connect_timeout=timeout
            )
        except ValueError as error:
            raise InputError(f"{url}: {error}; write redis://HOST:PORT/DATABASE") from error
        self._failed = (redis.RedisError, OSError)
        self._project = project.encode()
        self._keep_seconds = keep_seconds
        self._keep_entities = keep_entities
        self._known: OrderedDict[tuple[str, Key], tuple[float, _Window]] = OrderedDict()
        self._silent_until = 0.0
        self.asked = 0
        self.failures = 0

    def join(self, slow: Slow, units: pa.Table) -> pa.Table:
        """As in `whetstone.scoring.slow.SlowFeatures`."""

        def latest(keys: Sequence[Key]) -> pa.Table:
            return self._latest(slow, keys)

        return join_latest(slow, units, latest)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _latest(self, slow: Slow, keys: Sequence[Key]) -> pa.Table:
        now = time.monotonic()
        found: dict[Key, _Window] = {}
        for key in keys:
            known = self._known.get((slow.online, key))
            if known is not None and now - known[0] < self._keep_seconds:
                found[key] = known[1]
        missing = [key for key in keys if key not in found]
        for at in range(0, len(missing), _KEYS_A_CALL):
            found |= self._ask(slow, missing[at : at + _KEYS_A_CALL], now)
        nothing: _Window = (None, (None,) * len(slow.features))
        windows = [found.get(key, nothing) for key in keys]
        return pa.table(
            {
                "event_timestamp": pa.array([end for end, _ in windows], pa.timestamp("us")),
                **{
                    name: pa.array([values[i] for _, values in windows], ARROW_TYPES[kind])
                    for i, (name, kind) in enumerate(zip(slow.names, slow.types, strict=True))
                },
            }
        )

    def _ask(self, slow: Slow, keys: Sequence[Key], now: float) -> dict[Key, _Window]:
        if now < self._silent_until:
            return {}
        fields = [field_of(slow.online, feature) for feature in slow.features]
        self.asked += len(keys)
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for key in keys:
                    name = entity_key(dict(zip(slow.keys, key, strict=True)), slow.keys)
                    pipe.hmget(name + self._project, [*fields, f"_ts:{slow.online}"])
                answers: list[list[bytes | None]] = pipe.execute()
            windows = [_window(answer) for answer in answers]
        except (*self._failed, ValueError, struct.error):
            self.failures += 1
            self._silent_until = time.monotonic() + _PAUSE_SECONDS
            return {}
        found = dict(zip(keys, windows, strict=True))
        for key, window in found.items():
            self._known[slow.online, key] = (now, window)
            self._known.move_to_end((slow.online, key))
        while len(self._known) > self._keep_entities:
            self._known.popitem(last=False)
        return found


def _window(answer: Sequence[bytes | None]) -> _Window:
    *values, end = answer
    if end is None:
        return None, (None,) * len(values)
    return instant_of(end), tuple(None if v is None else value_of(v) for v in values)
