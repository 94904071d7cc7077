"""How Feast writes entities and values for an online store, version 3 of its keys; without Feast.

References:
    Feast, online store format: https://github.com/feast-dev/feast/blob/master/docs/specs/online_store_format.md
    Protocol Buffers, encoding: https://protobuf.dev/programming-guides/encoding/
    Austin Appleby, MurmurHash3 (x86, 32 bits)
"""

import struct
from collections.abc import Iterator, Mapping

_STRING, _INT32, _INT64 = 2, 3, 4
"""Numbers of types, in front of the parts of a key."""
_MASK = 0xFFFFFFFF

Value = str | int | float | bool | None


def entity_key(values: Mapping[str, str | int], types: Mapping[str, str]) -> bytes:
    """The bytes by which an entity is found, before the name of the project.

    Args:
        values: by join key.
        types: DuckDB type of each join key: VARCHAR or an integer of at most 64 bits.
    """
    names = sorted(values)
    parts = [struct.pack("<I", len(names))]
    parts += [_sized(_STRING, name.encode()) for name in names]
    for name in names:
        value = values[name]
        if types[name] == "BIGINT":
            parts.append(_sized(_INT64, struct.pack("<q", value)))
        elif types[name] == "VARCHAR":
            parts.append(_sized(_STRING, str(value).encode()))
        else:
            parts.append(_sized(_INT32, struct.pack("<i", value)))
    return b"".join(parts)


def field_of(view: str, feature: str) -> bytes:
    """The field of a feature: a hash of its name, little-endian."""
    return struct.pack("<I", murmur3(f"{view}:{feature}".encode()))


def value_of(message: bytes) -> Value:
    """The value in a `feast.types.Value` message; None where it holds none.

    Raises:
        ValueError: it is no such message, or holds what slow features never are.
    """
    value: Value = None
    for field, raw in _fields(message):
        match field, raw:
            case (2, bytes()):
                value = raw.decode()
            case (3 | 4, int()):
                value = raw - (1 << 64) if raw >> 63 else raw
            case (5, bytes()):
                (value,) = struct.unpack("<d", raw)
            case (6, bytes()):
                (value,) = struct.unpack("<f", raw)
            case (7, int()):
                value = bool(raw)
            case (19, _):
                value = None
            case _:
                raise ValueError(f"a value of kind {field}")
    return value


def instant_of(message: bytes) -> int:
    """Microseconds since 1970 in a `google.protobuf.Timestamp` message."""
    parts = {field: raw for field, raw in _fields(message) if isinstance(raw, int)}
    seconds = parts.get(1, 0)
    seconds -= (1 << 64) if seconds >> 63 else 0
    return seconds * 1_000_000 + parts.get(2, 0) // 1_000


def murmur3(data: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0."""
    hashed = 0
    whole = len(data) // 4 * 4
    for (block,) in struct.iter_unpack("<I", data[:whole]):
        hashed ^= _mixed(block)
        hashed = (_rotated(hashed, 13) * 5 + 0xE6546B64) & _MASK
    if tail := data[whole:]:
        hashed ^= _mixed(int.from_bytes(tail, "little"))
    hashed ^= len(data)
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & _MASK
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & _MASK
    return hashed ^ hashed >> 16


def _mixed(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _MASK


def _sized(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and raw value of each field of a protobuf message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                raw, at = _varint(message, at)
                yield tag >> 3, raw
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(message, at)
            case 5:
                size = 4
            case kind:
                raise ValueError(f"protobuf wire type {kind}")
        if at + size > len(message):
            raise ValueError("a protobuf message that ends early")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & ((1 << 64) - 1), at
    raise ValueError("a protobuf number that does not end")
