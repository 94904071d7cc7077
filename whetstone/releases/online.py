"""The member `online.arrow` of a bundle: the latest windows of entities, from the online store.

An Arrow file of one table, a row an entity and view: `key` (16 bytes), `event_timestamp` (the
window's end, UTC), then slow features by their names in the detector, null in rows of other views.
The key is a digest: a bundle goes to many environments, and the table can be asked about an entity
that one knows but does not list those of others. (A value that can be guessed, such as an address,
can be tried.)

References:
    Arrow IPC file format, https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_KEY_BYTES = 16
_HEAD = {"key": pa.binary(_KEY_BYTES), "event_timestamp": pa.timestamp("us")}
_TYPES = frozenset((pa.bool_(), pa.int32(), pa.int64(), pa.float64(), pa.string()))


def key_of(view: str, values: Sequence[Any]) -> bytes:
    """The digest under which the latest window of an entity is found.

    Args:
        view: the online store's name of the view.
        values: environment and entity, texts and integers.
    """
    digest = blake2b(digest_size=_KEY_BYTES)
    for part in (view, *map(str, values)):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


class Online:
    """An export of the online store, to look entities up in.

    Args:
        content: the member's bytes.

    Raises:
        ValueError: they are no such table.
    """

    def __init__(self, content: bytes):
        self.content = content
        self._table = _read(content)
        self._keys = _keys_of(self._table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Online) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)

    @property
    def rows(self) -> int:
        """How many windows it has."""
        return self._table.num_rows

    @property
    def names(self) -> frozenset[str]:
        """The slow features that it has."""
        return frozenset(self._table.column_names) - _HEAD.keys()

    def find(self, view: str, keys: Sequence[Sequence[Any]], names: Sequence[str]) -> pa.Table:
        """For each key a row: `event_timestamp` and the columns `names`; null where unknown."""
        wanted = np.array([key_of(view, key) for key in keys], dtype=f"S{_KEY_BYTES}")
        places = np.searchsorted(self._keys, wanted)
        inside = places < len(self._keys)
        places[~inside] = 0
        found = inside & (self._keys[places] == wanted) if len(self._keys) else inside
        rows = pa.array(places, mask=~found)
        return self._table.select(["event_timestamp", *names]).take(rows)


def write_online(table: pa.Table) -> bytes:
    """The member's bytes, of a table with the columns above in any order of rows."""
    sink = pa.BufferOutputStream()
    ordered = table.sort_by("key").combine_chunks()
    with pa.ipc.new_file(sink, ordered.schema) as writer:
        writer.write_table(ordered)
    return sink.getvalue().to_pybytes()


def _read(content: bytes) -> pa.Table:
    with pa.ipc.open_file(pa.BufferReader(content)) as reader:
        schema: pa.Schema = reader.schema
        for name, kind in _HEAD.items():
            if name not in schema.names or schema.field(name).type != kind:
                raise ValueError(f"needs a column {name} of {kind}")
        if len(set(schema.names)) != len(schema.names):
            raise ValueError("has two columns of one name")
        if other := [f for f in schema if f.name not in _HEAD and f.type not in _TYPES]:
            raise ValueError(f"column {other[0].name} is {other[0].type}")
        table = reader.read_all()
    table.validate(full=True)
    keys = _keys_of(table)
    if table["key"].null_count or not (keys[:-1] < keys[1:]).all():
        raise ValueError("its keys do not ascend")
    return table


def _keys_of(table: pa.Table) -> NDArray[np.bytes_]:
    """The keys as fixed texts, which compare as bytes do: their lengths are equal."""
    column = table["key"].combine_chunks()
    if not len(column):
        return np.empty(0, dtype=f"S{_KEY_BYTES}")
    data = np.frombuffer(column.buffers()[1], dtype=f"S{_KEY_BYTES}")
    return data[column.offset : column.offset + len(column)]
