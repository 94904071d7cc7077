"""Prefix-preserving encryption of addresses: ipcrypt-pfx of draft-denis-ipcrypt (-13, 2025).

Two addresses that share their first n bits, for any n, have pseudonyms that share exactly their
first n bits. A bit of the pseudonym is the bit of the address, flipped by a pseudorandom function
(two AES-128 keys, exclusive or) of the bits before it. So the encryption is a bijection, IPv4 stays
IPv4, and with the key it can be undone.

What the function depends on is the prefix alone: it is computed once for each distinct prefix of a
batch, level by level, over whole columns. IPv4-mapped IPv6 addresses are IPv4 addresses.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import socket
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

KEY_BYTES = 32
_IPV4_BITS = 32
# Blocks of one call of the cipher: they stay in the cache from one step to the next.
_BLOCKS = 1 << 14
_MAPPED = b"\0" * 10 + b"\xff\xff"
_LONGEST_IPV4 = 15
# From here on a column is worth turning around in whole; shorter ones are quicker one by one.
_MANY = 64

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]


class AddressCipher:
    """Encrypts and decrypts addresses under one key.

    Args:
        key: 32 random bytes; the halves are the two AES keys.

    Raises:
        ValueError: the key is of another length, or its halves are equal.
    """

    def __init__(self, key: bytes):
        if len(key) != KEY_BYTES or key[:16] == key[16:]:
            raise ValueError("the key has 32 bytes, its halves differ")
        halves = key[:16], key[16:]
        # Single blocks, as the specification has it: a pseudorandom function, no mode for text.
        self._ciphers = [Cipher(algorithms.AES(h), modes.ECB()) for h in halves]  # noqa: S305

    def encrypt_ipv4(self, addresses: U32) -> U32:
        """Pseudonyms of IPv4 addresses as integers, in the order given."""
        # Sorted: a prefix is new where it differs from that of the address before.
        distinct, inverse = np.unique(addresses, return_inverse=True)
        result = np.zeros(len(distinct), np.uint32)
        for bit in range(_IPV4_BITS):
            upper = distinct >> np.uint32(_IPV4_BITS - 1 - bit)
            prefixes = upper >> np.uint32(1)
            new = _changes(prefixes)
            flips = self._flips(*_padded_ipv4(prefixes[new], bit))
            if len(flips) < len(distinct):
                flips = np.repeat(flips, _run_lengths(new))
            result = (result << np.uint32(1)) | ((upper & np.uint32(1)) ^ flips)
        return result[inverse]

    def decrypt_ipv4(self, pseudonyms: U32) -> U32:
        """The addresses that these are pseudonyms of."""
        # Sorted: pseudonyms with a common prefix lie together, and so do their addresses.
        distinct, inverse = np.unique(pseudonyms, return_inverse=True)
        plain = np.zeros(len(distinct), np.uint32)
        for bit in range(_IPV4_BITS):
            upper = distinct >> np.uint32(_IPV4_BITS - 1 - bit)
            new = _changes(upper >> np.uint32(1))
            flips = np.repeat(self._flips(*_padded_ipv4(plain[new], bit)), _run_lengths(new))
            plain = (plain << np.uint32(1)) | ((upper & np.uint32(1)) ^ flips)
        return plain[inverse]

    def encrypt_ipv6(self, high: U64, low: U64) -> tuple[U64, U64]:
        """Pseudonyms of IPv6 addresses, as the upper and the lower 64 bits."""
        high, low, inverse = _distinct(high, low)
        result_high, result_low = np.zeros_like(high), np.zeros_like(low)
        for bit in range(128):
            prefix_high, prefix_low = _upper_bits(high, low, bit)
            groups, first = _groups(prefix_high, prefix_low)
            flips = self._flips(*_padded_ipv6(prefix_high[first], prefix_low[first], bit))[groups]
            _put(result_high, result_low, bit, _bit_of(high, low, bit) ^ flips)
        return result_high[inverse], result_low[inverse]

    def decrypt_ipv6(self, high: U64, low: U64) -> tuple[U64, U64]:
        """The addresses that these are pseudonyms of."""
        high, low, inverse = _distinct(high, low)
        plain_high, plain_low = np.zeros_like(high), np.zeros_like(low)
        for bit in range(128):
            groups, first = _groups(*_upper_bits(high, low, bit))
            prefix = _upper_bits(plain_high[first], plain_low[first], bit)
            flips = self._flips(*_padded_ipv6(*prefix, bit))[groups]
            _put(plain_high, plain_low, bit, _bit_of(high, low, bit) ^ flips)
        return plain_high[inverse], plain_low[inverse]

    def encrypt(self, texts: pa.StringArray) -> pa.StringArray:
        """Pseudonyms of addresses in text form; NULL where a text is no address."""
        return _mapped(texts, self.encrypt_ipv4, self.encrypt_ipv6)

    def decrypt(self, texts: pa.StringArray) -> pa.StringArray:
        """The addresses of pseudonyms in text form; NULL where a text is no address."""
        return _mapped(texts, self.decrypt_ipv4, self.decrypt_ipv6)

    def _flips(self, high: U64, low: U64) -> NDArray[np.uint8]:
        """The pseudorandom bit of each padded prefix."""
        flips = np.empty(len(low), np.uint8)
        encryptors = [cipher.encryptor() for cipher in self._ciphers]
        blocks = np.empty((min(len(low), _BLOCKS), 2), ">u8")
        outputs = [np.empty(blocks.nbytes + 15, np.uint8) for _ in encryptors]
        for start in range(0, len(low), _BLOCKS):
            count = min(_BLOCKS, len(low) - start)
            blocks[:count, 0] = high[start : start + count]
            blocks[:count, 1] = low[start : start + count]
            given = blocks[:count].view(np.uint8).ravel().data
            for encryptor, output in zip(encryptors, outputs, strict=True):
                encryptor.update_into(given, output.data)
            last = [output[15 : count * 16 : 16] for output in outputs]
            flips[start : start + count] = (last[0] ^ last[1]) & 1
        return flips


def generalise(texts: pa.StringArray) -> pa.StringArray:
    """The network of each address, /24 or /48; NULL where a text is no address."""

    def ipv4(addresses: U32) -> U32:
        return addresses & np.uint32(0xFFFFFF00)

    def ipv6(high: U64, low: U64) -> tuple[U64, U64]:
        return high & np.uint64(0xFFFFFFFFFFFF0000), np.zeros_like(low)

    networks = _mapped(texts, ipv4, ipv6)
    lengths = pc.if_else(pc.match_substring(networks, ":"), "/48", "/24")
    return pc.binary_join_element_wise(networks, lengths, "")


def are_addresses(texts: pa.StringArray) -> pa.BooleanArray:
    """Which texts are addresses."""
    return _mapped(texts, lambda ipv4: ipv4, lambda high, low: (high, low)).is_valid()


def _mapped(
    texts: pa.StringArray,
    ipv4: Callable[[U32], U32],
    ipv6: Callable[[U64, U64], tuple[U64, U64]],
) -> pa.StringArray:
    """Apply functions on integers to addresses in text form."""
    if len(texts) < _MANY:
        return _mapped_few(texts, ipv4, ipv6)
    integers, is_ipv4 = _read_ipv4(texts)
    if is_ipv4.all():
        return _write_ipv4(ipv4(integers))
    found = np.flatnonzero(is_ipv4)
    rest = np.flatnonzero(~is_ipv4)
    parts = pa.concat_arrays(
        [
            _write_ipv4(ipv4(integers[found])),
            _mapped_few(texts.take(pa.array(rest)), ipv4, ipv6),
        ]
    )
    position = np.empty(len(texts), np.int64)
    position[np.concatenate([found, rest])] = np.arange(len(texts))
    return parts.take(pa.array(position))


def _mapped_few(
    texts: pa.StringArray,
    ipv4: Callable[[U32], U32],
    ipv6: Callable[[U64, U64], tuple[U64, U64]],
) -> pa.StringArray:
    packed = [None if text is None else pack(text) for text in texts.to_pylist()]
    short = [i for i, address in enumerate(packed) if address and len(address) == 4]
    long = [i for i, address in enumerate(packed) if address and len(address) == 16]
    result: list[str | None] = [None] * len(packed)
    if short:
        joined = b"".join(packed[i] or b"" for i in short)
        data = ipv4(np.frombuffer(joined, ">u4").astype(np.uint32)).astype(">u4").tobytes()
        for at, i in enumerate(short):
            result[i] = socket.inet_ntoa(data[at * 4 : at * 4 + 4])
    if long:
        joined = b"".join(packed[i] or b"" for i in long)
        halves = np.frombuffer(joined, ">u8").astype(np.uint64).reshape(-1, 2)
        data = np.stack(ipv6(halves[:, 0], halves[:, 1]), axis=1).astype(">u8").tobytes()
        for at, i in enumerate(long):
            result[i] = socket.inet_ntop(socket.AF_INET6, data[at * 16 : at * 16 + 16])
    return pa.array(result, pa.string())


def pack(text: str) -> bytes | None:
    """An address as 4 or 16 bytes; None when the text is none.

    Octets may have leading zeros, which are decimal; the zone of an IPv6 address is no part of it.
    """
    octets = text.split(".")
    if len(octets) == 4 and all(o.isascii() and o.isdigit() and len(o) <= 3 for o in octets):
        values = [int(o) for o in octets]
        return bytes(values) if max(values) <= 255 else None
    if ":" not in text:
        return None
    try:
        packed = socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
    except (OSError, ValueError):  # ValueError: a NUL, or text that cannot be encoded
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed


def _read_ipv4(texts: pa.StringArray) -> tuple[U32, NDArray[np.bool_]]:
    """IPv4 addresses of a column as integers, and where a text is one."""
    lengths = np.asarray(pc.fill_null(pc.binary_length(texts), 0)).astype(np.int64)
    data = texts.buffers()[2]
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    starts = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts)]
    fits = (lengths >= 7) & (lengths <= _LONGEST_IPV4)
    starts = np.where(fits, starts, 0).astype(np.int64)
    last = max(len(text) - 1, 0)
    address = np.zeros(len(texts), np.uint32)
    octet = np.zeros(len(texts), np.uint32)
    digits = np.zeros(len(texts), np.uint8)
    dots = np.zeros(len(texts), np.uint8)
    for position in range(_LONGEST_IPV4 if len(text) else 0):
        inside = position < lengths
        symbol = np.where(inside, text[np.minimum(starts + position, last)], 0)
        is_dot = symbol == ord(".")
        digit = (symbol - np.uint8(ord("0"))).astype(np.uint8)
        is_digit = digit < 10
        fits &= is_dot | is_digit | ~inside
        fits &= ~is_dot | (digits > 0)
        address = np.where(is_dot, (address << np.uint32(8)) | octet, address)
        octet = np.where(is_dot, np.uint32(0), octet)
        octet = np.where(is_digit, octet * np.uint32(10) + digit, octet)
        digits = np.where(is_dot, np.uint8(0), digits + is_digit).astype(np.uint8)
        dots += is_dot
        fits &= (octet <= 255) & (digits <= 3)
    return (address << np.uint32(8)) | octet, fits & (dots == 3) & (digits > 0)


def _octet_symbols() -> NDArray[np.uint8]:
    """For each octet its digits and a dot, in four places."""
    symbols = np.zeros((256, 4), np.uint8)
    for value in range(256):
        written = f"{value}.".encode()
        symbols[value, : len(written)] = np.frombuffer(written, np.uint8)
    return symbols


_OCTETS = _octet_symbols()
_LAST_OCTETS = np.where(ord(".") == _OCTETS, 0, _OCTETS).astype(np.uint8)


def _write_ipv4(addresses: U32) -> pa.StringArray:
    octets = addresses.astype(">u4").view(np.uint8).reshape(-1, 4)
    # Four places an octet are one integer: one look-up gives them all.
    places = np.empty(octets.shape, np.uint32)
    places[:, :3] = _OCTETS.view(np.uint32)[:, 0][octets[:, :3]]
    places[:, 3] = _LAST_OCTETS.view(np.uint32)[:, 0][octets[:, 3]]
    symbols = places.view(np.uint8).ravel()
    digits = np.count_nonzero(_OCTETS, axis=1).astype(np.uint8)[octets].sum(axis=1, dtype=np.int32)
    offsets = np.zeros(len(addresses) + 1, np.int32)
    np.cumsum(digits - 1, out=offsets[1:])
    return pa.Array.from_buffers(
        pa.string(),
        len(addresses),
        [None, pa.py_buffer(offsets), pa.py_buffer(symbols[symbols > 0])],
    )


def _padded_ipv4(prefixes: U32, bits: int) -> tuple[U64, U64]:
    """Prefixes behind that of IPv4-mapped addresses, with the bit in front that says how long."""
    high = np.full(len(prefixes), 1 << (32 + bits), np.uint64)
    return high, prefixes.astype(np.uint64) | np.uint64(0xFFFF << bits)


def _padded_ipv6(high: U64, low: U64, bits: int) -> tuple[U64, U64]:
    """Prefixes with the bit in front of them that says how long they are."""
    if bits < 64:
        return high, low | np.uint64(1 << bits)
    return high | np.uint64(1 << (bits - 64)), low


def _upper_bits(high: U64, low: U64, bits: int) -> tuple[U64, U64]:
    """The first bits of 128, moved to the lower end."""
    if bits == 0:
        return np.zeros_like(high), np.zeros_like(low)
    if bits <= 64:
        return np.zeros_like(high), high >> np.uint64(64 - bits)
    shift, rest = np.uint64(128 - bits), np.uint64(bits - 64)
    return high >> shift, (high << rest) | (low >> shift)


def _bit_of(high: U64, low: U64, bit: int) -> NDArray[np.uint8]:
    word, shift = (high, 63 - bit) if bit < 64 else (low, 127 - bit)
    return ((word >> np.uint64(shift)) & np.uint64(1)).astype(np.uint8)


def _put(high: U64, low: U64, bit: int, values: NDArray[np.uint8]) -> None:
    word, shift = (high, 63 - bit) if bit < 64 else (low, 127 - bit)
    word |= values.astype(np.uint64) << np.uint64(shift)


def _distinct(high: U64, low: U64) -> tuple[U64, U64, NDArray[np.intp]]:
    """Sorted distinct pairs, and the place of each given one among them."""
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    groups, first = _groups(high, low)
    inverse = np.empty(len(order), np.intp)
    inverse[order] = groups
    return high[first], low[first], inverse


def _groups(high: U64, low: U64) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """For a sorted column of pairs: the number of each pair, and where it comes first."""
    first = _changes(high) | _changes(low)
    return np.cumsum(first) - 1, first


def _changes(values: U32 | U64) -> NDArray[np.bool_]:
    """Where a value differs from the one before it."""
    changes = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes


def _run_lengths(new: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.diff(np.append(np.flatnonzero(new), len(new)))
