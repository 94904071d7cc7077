"""Pseudonyms of names: equal for equal names, authenticated, and back with the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.catalog.catalog_pb2 import ADDRESS, HOST, USER
from whetstone.errors import InputError
from whetstone.privacy.names import NameCipher

KEY = bytes(range(64))
NAMES = st.text()
KINDS = st.sampled_from([USER, HOST, ADDRESS])


@given(KINDS, NAMES)
def test_a_name_comes_back_with_the_key(kind: int, name: str) -> None:
    pseudonym = NameCipher(KEY).encrypt(kind, name)
    assert NameCipher(KEY).decrypt(pseudonym) == (kind, name)
    assert NameCipher(KEY).encrypt(kind, name) == pseudonym


@given(st.sets(st.tuples(KINDS, NAMES)))
def test_different_names_and_different_kinds_have_different_pseudonyms(
    names: set[tuple[int, str]],
) -> None:
    cipher = NameCipher(KEY)
    assert len({cipher.encrypt(kind, name) for kind, name in names}) == len(names)


@given(KINDS, NAMES, st.data())
def test_a_pseudonym_that_was_touched_is_refused(kind: int, name: str, data: st.DataObject) -> None:
    pseudonym = NameCipher(KEY).encrypt(kind, name)
    place = data.draw(st.integers(0, len(pseudonym) - 1))
    other = data.draw(st.sampled_from("0123456789abcdefghABCDEF -"))
    touched = pseudonym[:place] + other + pseudonym[place + 1 :]
    if touched != pseudonym:
        with pytest.raises(InputError, match="no pseudonym"):
            NameCipher(KEY).decrypt(touched)


def test_only_one_text_is_the_pseudonym_of_a_name() -> None:
    pseudonym = NameCipher(KEY).encrypt(USER, "ana")
    assert not opens(pseudonym.upper())
    assert not opens(f"{pseudonym[:2]} {pseudonym[2:]}")
    ways = [pseudonym[:-1] + last for last in "0123456789abcdef"]
    assert [way for way in ways if opens(way)] == [pseudonym]


def opens(pseudonym: str) -> bool:
    try:
        NameCipher(KEY).decrypt(pseudonym)
    except InputError:
        return False
    return True


def test_a_pseudonym_of_another_key_is_refused() -> None:
    with pytest.raises(InputError, match="no pseudonym"):
        NameCipher(KEY).decrypt(NameCipher(bytes(64)).encrypt(USER, "ana"))


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no pseudonym"):
        NameCipher(KEY).decrypt(text)


def test_a_pseudonym_is_one_word_of_its_kind_and_hides_short_lengths() -> None:
    cipher = NameCipher(KEY)
    pseudonyms = [cipher.encrypt(USER, name) for name in ("", "a", "ana", "analice")]
    assert {len(pseudonym) for pseudonym in pseudonyms} == {len(pseudonyms[0])}
    assert all(pseudonym.startswith("u-") and pseudonym.islower() for pseudonym in pseudonyms)
    assert cipher.encrypt(HOST, "web1").startswith("h-")
