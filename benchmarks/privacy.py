"""Pseudonyms a second: addresses as integers and as text, IPv6, names, and whole log rows.

    python -m benchmarks.privacy --addresses 1000000 --json

All addresses and names are distinct and random: nothing is saved by meeting one twice. A second
contender encrypts addresses one by one, as the specification's pseudocode has it. Answers are
decrypted and compared. The last line on stdout is a JSON object.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from google.protobuf import text_format

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import USER, Environment, Source
from whetstone.privacy import Key, KeyStore, Protection
from whetstone.privacy.addresses import AddressCipher
from whetstone.privacy.treatment import Pseudonyms

_KEY = bytes(range(32))
_SOURCE = """name: "sshd" event_time: "event_time" message: "message"
    fields { name: "event_time" } fields { name: "message" }
    fields { name: "src_ip" personal_data: ADDRESS } fields { name: "user" personal_data: USER }"""
_OSLO = """name: "oslo" sources: "sshd" privacy { addresses: PSEUDONYM users: PSEUDONYM }"""


def main(arguments: list[str] | None = None) -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3, help="The best of so many.")
    parser.add_argument("--json", action="store_true", help="On one line.")
    options = parser.parse_args(arguments)
    result = measure(options.addresses, options.repeats)
    print(json.dumps(result, indent=None if options.json else 2))


def measure(count: int, repeats: int) -> dict[str, Any]:
    """Figures for so many distinct addresses; names and rows are a tenth of it."""
    random = np.random.default_rng(7)
    cipher = AddressCipher(_KEY)
    ipv4 = _distinct(random, count)
    high, low = (random.integers(0, 2**64, count // 4, dtype=np.uint64) for _ in range(2))
    texts = pa.array([str(IPv4Address(int(address))) for address in ipv4])
    assert (cipher.decrypt_ipv4(cipher.encrypt_ipv4(ipv4)) == ipv4).all()
    assert cipher.decrypt(cipher.encrypt(texts)) == texts
    names = pa.array([f"user{number:08}" for number in range(count // 10)])
    key = Key("oslo/2026-03-01", _KEY)
    rows = _rows(texts[: count // 10], names)
    slow = ipv4[: max(count // 1000, 1)]
    return {
        "addresses": count,
        "cpus": os.cpu_count(),
        "addresses_per_second": _rate(
            "integers", count, repeats, lambda: cipher.encrypt_ipv4(ipv4)
        ),
        "address_texts_per_second": _rate("texts", count, repeats, lambda: cipher.encrypt(texts)),
        "decrypted_per_second": _rate("back", count, repeats, lambda: cipher.decrypt_ipv4(ipv4)),
        "ipv6_per_second": _rate(
            "IPv6", len(high), repeats, lambda: cipher.encrypt_ipv6(high, low)
        ),
        "names_per_second": _rate(
            "names", len(names), repeats, lambda: Pseudonyms(key).of_names(USER, names)
        ),
        "rows_per_second": _rate("rows", len(rows), repeats, lambda: _protect(rows)),
        "one_by_one_per_second": _rate(
            "one by one", len(slow), 1, lambda: [one_by_one(int(each)) for each in slow]
        ),
    }


def one_by_one(address: int) -> int:
    """An address encrypted as the specification's pseudocode has it."""
    ciphers = [Cipher(algorithms.AES(half), modes.ECB()) for half in (_KEY[:16], _KEY[16:])]  # noqa: S305
    encryptors = [cipher.encryptor() for cipher in ciphers]
    result = 0
    for bit in range(32):
        padded = (1 << (96 + bit)) | (0xFFFF << bit) | (address >> (32 - bit))
        one, other = (encryptor.update(padded.to_bytes(16))[15] for encryptor in encryptors)
        result = result << 1 | ((address >> (31 - bit)) ^ one ^ other) & 1
    return result


def _distinct(random: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
    drawn = np.unique(random.integers(0, 2**32, count * 2, dtype=np.uint32))
    random.shuffle(drawn)
    return drawn[:count]


def _rows(addresses: pa.Array, users: pa.Array) -> pa.Table:
    """Parsed rows of an sshd log, every address and user in a field and in the message."""
    count = len(users)
    messages = [
        f"Failed password for invalid user {user} from {address} port {number % 65536} ssh2"
        for number, (user, address) in enumerate(
            zip(users.to_pylist(), addresses.to_pylist(), strict=True)
        )
    ]
    return pa.table(
        {
            "environment": pa.repeat("oslo", count),
            "event_time": pa.repeat(pa.scalar(datetime(2026, 3, 1), pa.timestamp("us")), count),  # noqa: DTZ001
            "raw_file": pa.repeat("oslo/sshd/2026-03-01/auth.log", count),
            "raw_line": pa.array(np.arange(count)),
            "raw_hash": pa.array(np.arange(count)),
            "key_id": pa.nulls(count, pa.string()),
            "message": messages,
            "src_ip": addresses,
            "user": users,
            "_reject_reason": pa.nulls(count, pa.string()),
            "_reject_line": pa.nulls(count, pa.string()),
        }
    )


def _protect(rows: pa.Table) -> None:
    source = text_format.Parse(_SOURCE, Source())
    oslo = text_format.Parse(_OSLO, Environment())
    with tempfile.TemporaryDirectory(prefix="privacy-") as directory:
        catalog = Catalog({"sshd": source}, {}, {}, {}, {"oslo": oslo})
        protected = Protection(catalog, KeyStore(Path(directory))).protect(rows, source)
    assert protected["message"][0] != rows["message"][0]


def _rate(what: str, count: int, repeats: int, work: Callable[[], object]) -> int:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    print(f"{what}: {count / best:,.0f} a second", file=sys.stderr)
    return round(count / best)


if __name__ == "__main__":
    main()
