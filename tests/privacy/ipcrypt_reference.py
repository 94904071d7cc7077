"""ipcrypt-pfx bit by bit, as draft-denis-ipcrypt describes it: slow, for comparison."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def encrypt(key: bytes, address: str) -> str:
    given = ip_address(address)
    bits = f"{int(given):0{given.max_prefixlen}b}"
    out = ""
    for length, bit in enumerate(bits):
        out += str(int(bit) ^ flip(key, bits[:length], given.version))
    return str(type(given)(int(out, 2)))


def flip(key: bytes, prefix: str, version: int) -> int:
    """The bit by which the bit behind a prefix is flipped."""
    if version == 4:
        prefix = f"{0xFFFF:096b}" + prefix
    padded = int("1" + prefix, 2).to_bytes(16)
    last = [
        Cipher(algorithms.AES(half), modes.ECB()).encryptor().update(padded)[15]  # noqa: S305
        for half in (key[:16], key[16:])
    ]
    return (last[0] ^ last[1]) & 1


def common_prefix(one: str, other: str) -> int:
    """How many bits two addresses of one kind share."""
    a, b = ip_address(one), ip_address(other)
    assert isinstance(a, IPv4Address | IPv6Address)
    return a.max_prefixlen - (int(a) ^ int(b)).bit_length()
