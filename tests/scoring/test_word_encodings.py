"""Texts as words and as byte pairs: equal ids wherever the spec travels, whatever the text says."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import InputError
from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, encoding_of
from whetstone.scoring.encoding.pieces import Pieces
from whetstone.scoring.encoding.words import Words

LOG = ["session opened for root", "session closed for root", "session opened for eve"] * 3
ENCODINGS = (Words.fitted, Pieces.fitted)
BOTH = pytest.mark.parametrize("fitted", ENCODINGS, ids=["words", "pieces"])
SAMPLES = st.lists(st.text(max_size=40) | st.none() | st.sampled_from(LOG), max_size=8)


def texts(values: list[str | None]) -> pa.Table:
    return pa.table({"line": pa.array(values, pa.string())})


def pieces(longest: int = 50) -> Pieces:
    return Pieces.fitted(texts(LOG), "line", longest, 280)


def test_words_are_runs_of_letters_and_digits_and_each_other_sign() -> None:
    words = Words("line", ("a1", "="), 9)
    given_texts = texts(["a1=b_2  ([a1]", "", None])
    assert words.tokens(given_texts) == [["a1", "=", "b_2", "(", "[", "a1", "]"], [], []]
    a1, equals = FIRST_KNOWN, FIRST_KNOWN + 1
    ids = [a1, equals, UNKNOWN, UNKNOWN, UNKNOWN, a1, UNKNOWN]
    assert words.encode(given_texts).unit(0).tolist() == ids


def test_the_most_frequent_words_are_known_and_none_that_occurred_once() -> None:
    units = texts([*LOG, "once"])
    assert Words.fitted(units, "line", 9, 3).vocabulary == ("for", "opened", "session")
    assert "once" not in Words.fitted(units, "line", 9, 100).vocabulary


def test_frequent_texts_become_few_pieces_which_are_cut_at_the_longest() -> None:
    frequent, strange = pieces().tokens(texts(["session", "zyxwv"]))
    assert (frequent, strange) == (["session"], list("zyxwv"))
    assert pieces(longest=2).tokens(texts(["zyxwv"])) == [["z", "y"]]
    assert pieces(longest=2).encode(texts(["zyxwv"])).lengths.tolist() == [2]


@given(st.text(min_size=1, max_size=60))
def test_pieces_lose_nothing_and_take_no_text_for_padding(text: str) -> None:
    for given_text in (text, f"<pad>{text}<unk>"):
        ids = pieces().encode(texts([given_text])).unit(0)
        assert len(ids) and ids.min() >= FIRST_KNOWN
        known = {at: piece for piece, at in _vocabulary(pieces()).items()}
        spelled = "".join(known[at - FIRST_KNOWN] for at in ids[:50].tolist())
        assert _bytes_of(spelled) == given_text.encode()[: len(_bytes_of(spelled))]


def _vocabulary(encoding: Pieces) -> dict[str, int]:
    return json.loads(encoding.tokenizer)["model"]["vocab"]


def _bytes_of(spelled: str) -> bytes:
    """The inverse of the byte-level alphabet: printable Latin-1 is itself, the rest is moved up."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in printable]
    alphabet = {chr(b): b for b in printable} | {chr(256 + at): b for at, b in enumerate(moved)}
    return bytes(alphabet[character] for character in spelled)


@BOTH
@given(SAMPLES)
def test_a_spec_survives_as_json_and_units_keep_their_ids_in_any_company(fitted, values) -> None:
    encoding = fitted(texts(LOG), "line", 7, 280)
    again = encoding_of(json.loads(json.dumps(encoding.spec())))
    assert again == encoding
    together = again.encode(texts(values))
    for at, value in enumerate(values):
        (alone,) = (encoding.encode(texts([value])).unit(0),)
        np.testing.assert_array_equal(together.unit(at), alone)
        assert len(encoding.tokens(texts([value]))[0]) == len(alone)
        assert alone.max(initial=0) < encoding.ids


def test_equal_texts_give_equal_pieces_in_another_process() -> None:
    code = (
        "import pyarrow as pa, sys, json;"
        "from whetstone.scoring.encoding.pieces import Pieces;"
        "print(Pieces.fitted(pa.table({'line': json.loads(sys.argv[1])}), 'line', 50, 280).spec())"
    )
    arguments = [sys.executable, "-c", code, json.dumps(LOG)]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(pieces().spec())


def test_a_tokenizer_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError, match="tokenizer cannot be read"):
        Pieces("line", "{}", 9).encode(texts(["a"]))


def test_without_the_library_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoding = Pieces("line", pieces().tokenizer, 9)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match=r"install whetstone\[bpe\]"):
        encoding.encode(texts(["a"]))


@BOTH
def test_numbers_are_refused(fitted) -> None:
    with pytest.raises(InputError, match="takes a text"):
        fitted(texts(LOG), "line", 7, 280).encode(pa.table({"line": [1.0]}))
