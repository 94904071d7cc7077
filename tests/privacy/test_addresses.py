"""Pseudonyms of addresses: those of the specification, prefix for prefix, one to one, and back."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import ipcrypt_reference
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.privacy.addresses import AddressCipher, generalise

FIRST = bytes.fromhex("0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301")
SECOND = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3ca9f5ba40db214c3798f2e1c23456789a")
# draft-denis-ipcrypt, appendix "Test Vectors", ipcrypt-pfx.
VECTORS = [
    (FIRST, "0.0.0.0", "151.82.155.134"),  # noqa: S104
    (FIRST, "255.255.255.255", "94.185.169.89"),
    (FIRST, "192.0.2.1", "100.115.72.131"),
    (FIRST, "2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"),
    (SECOND, "10.0.0.47", "19.214.210.244"),
    (SECOND, "10.0.0.129", "19.214.210.80"),
    (SECOND, "10.0.0.234", "19.214.210.30"),
    (SECOND, "172.16.5.193", "210.78.229.136"),
    (SECOND, "172.16.97.42", "210.78.179.241"),
    (SECOND, "172.16.248.177", "210.78.121.215"),
    (SECOND, "2001:db8::a5c9:4e2f:bb91:5a7d", "7cec:702c:1243:f70:1956:125:b9bd:1aba"),
    (SECOND, "2001:db8::7234:d8f1:3c6e:9a52", "7cec:702c:1243:f70:a3ef:c8e:95c1:cd0d"),
    (SECOND, "2001:db8::f1e0:937b:26d4:8c1a", "7cec:702c:1243:f70:443c:c8e:6a62:b64d"),
    (SECOND, "2001:db8:3a5c:0:e7d1:4b9f:2c8a:f673", "7cec:702c:3503:bef:e616:96bd:be33:a9b9"),
    (SECOND, "2001:db8:9f27:0:b4e2:7a3d:5f91:c8e6", "7cec:702c:a504:b74e:194a:3d90:b047:2d1a"),
    (SECOND, "2001:db8:d8b4:0:193c:a5e7:8b2f:46d1", "7cec:702c:f840:aa67:1b8:e84f:ac9d:77fb"),
]
KEYS = st.binary(min_size=32, max_size=32).filter(lambda key: key[:16] != key[16:])
IPV4 = st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n)))
IPV6 = (
    st.integers(0, 2**128 - 1)
    .map(IPv6Address)
    .filter(lambda address: address.ipv4_mapped is None)
    .map(str)
)
# Few networks, so that addresses share prefixes of all lengths.
NEAR = st.tuples(st.sampled_from([32, 128]), st.integers(0, 127), st.integers(0, 255)).map(
    lambda drawn: str(
        (IPv4Address if drawn[0] == 32 else IPv6Address)(
            (0x0A << (drawn[0] - 8)) ^ (drawn[2] << max(min(drawn[1], drawn[0] - 8), 0))
        )
    )
)


def encrypted(key: bytes, addresses: Sequence[str]) -> list[str]:
    return AddressCipher(key).encrypt(pa.array(addresses, pa.string())).to_pylist()


def decrypted(key: bytes, addresses: Sequence[str]) -> list[str]:
    return AddressCipher(key).decrypt(pa.array(addresses, pa.string())).to_pylist()


@pytest.mark.parametrize(("key", "address", "pseudonym"), VECTORS)
@pytest.mark.parametrize("many", [1, 1000])
def test_the_vectors_of_the_specification_hold_both_ways(
    key: bytes, address: str, pseudonym: str, many: int
) -> None:
    assert encrypted(key, [address] * many) == [pseudonym] * many
    assert decrypted(key, [pseudonym] * many) == [address] * many


@given(KEYS, st.lists(st.one_of(IPV4, IPV6, NEAR), max_size=8), st.sampled_from([1, 40]))
def test_columns_are_encrypted_like_single_addresses_bit_by_bit(
    key: bytes, addresses: list[str], times: int
) -> None:
    expected = [ip_address(ipcrypt_reference.encrypt(key, address)) for address in addresses]
    pseudonyms = encrypted(key, addresses * times)
    assert list(map(ip_address, pseudonyms)) == expected * times
    back = decrypted(key, pseudonyms)
    assert list(map(ip_address, back)) == list(map(ip_address, addresses)) * times


@given(KEYS, st.one_of(st.lists(IPV4, min_size=2), st.lists(IPV6, min_size=2)), st.data())
def test_as_many_first_bits_as_two_addresses_share_their_pseudonyms_share(
    key: bytes, addresses: list[str], data: st.DataObject
) -> None:
    one = ip_address(addresses[0])
    length = data.draw(st.integers(0, one.max_prefixlen - 1))
    other = str(type(one)(int(one) ^ (1 << (one.max_prefixlen - 1 - length))))
    first, second, *_ = encrypted(key, [str(one), other, *addresses])
    assert ipcrypt_reference.common_prefix(first, second) == length


def test_a_network_is_mapped_one_to_one_onto_a_network() -> None:
    whole = [str(address) for address in ip_network("10.20.0.0/16")]
    pseudonyms = encrypted(FIRST, whole)
    network = ip_network(f"{pseudonyms[0]}/16", strict=False)
    assert {str(address) for address in network} == set(pseudonyms)


def test_integers_are_mapped_as_texts_are() -> None:
    numbers = np.random.default_rng(1).integers(0, 2**32, 5000, dtype=np.uint32)
    texts = [str(IPv4Address(int(number))) for number in numbers]
    found = AddressCipher(FIRST).encrypt_ipv4(numbers)
    assert [str(IPv4Address(int(number))) for number in found] == encrypted(FIRST, texts)
    assert (AddressCipher(FIRST).decrypt_ipv4(found) == numbers).all()


NO_ADDRESSES = [
    *("", "-", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1..2.3", "1.2.3.4 ", "1.2.3."),
    *(".1.2.3", "1.2.3.0004", "12345", "1:2", ":", "::g", "1.2.3.٤", "\0::1"),
]


@pytest.mark.parametrize("many", [1, 50])
def test_what_is_no_address_has_no_pseudonym(many: int) -> None:
    given_texts = [*NO_ADDRESSES, None]
    assert encrypted(FIRST, given_texts * many) == [None] * (len(given_texts) * many)


@given(st.lists(st.one_of(st.text(max_size=20), st.text("0123456789.:afx", max_size=20), IPV4)))
def test_any_text_is_read_in_long_columns_as_in_short_ones(texts: list[str]) -> None:
    one_by_one = [encrypted(FIRST, [text])[0] for text in texts]
    assert encrypted(FIRST, texts * 64) == one_by_one * 64


def test_a_slice_of_a_column_is_encrypted_as_what_it_shows() -> None:
    column = pa.array([f"10.0.{n // 256}.{n % 256}" for n in range(500)])
    cipher = AddressCipher(FIRST)
    assert cipher.encrypt(column.slice(100, 200)) == cipher.encrypt(column).slice(100, 200)


def test_ways_to_write_an_address_have_one_pseudonym() -> None:
    for ways in (
        ["10.1.2.3", "010.001.002.003", "::ffff:10.1.2.3", "::ffff:a01:203"],
        ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:db8::1%eth0"],
    ):
        assert len(set(encrypted(FIRST, ways))) == 1


def test_the_network_of_an_address_is_its_first_24_or_48_bits() -> None:
    networks = generalise(pa.array(["10.1.2.3", "2001:db8:1:2::3", "host", None]))
    assert networks.to_pylist() == ["10.1.2.0/24", "2001:db8:1::/48", None, None]


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32)])
def test_a_key_that_the_specification_forbids_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AddressCipher(key)
