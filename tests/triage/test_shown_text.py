"""Text of logs in pages: all of it is seen, and it ends."""

import unicodedata

import pytest

from triage.pages.text import MOST, seen, shown


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x00b\x7f", r"a\x00b\x7f"),
        ("invoice\u202efdp.exe", r"invoice\u202efdp.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("half\ud800", r"half\ud800"),
    ],
)
def test_what_nobody_would_see_is_written_out(text: str, marked: str) -> None:
    assert seen(text) == marked


def test_no_character_is_left_that_acts_or_hides() -> None:
    left = seen("".join(map(chr, range(0x110000))))
    kinds = {unicodedata.category(character) for character in left if character not in "\t\n"}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_lines_tabs_and_the_letters_of_the_world_stay() -> None:
    text = "one\n\ttwo Grüße 日本 مرحبا €"
    assert seen(text) == text


def test_long_text_says_how_much_is_missing() -> None:
    assert shown("x" * MOST) == "x" * MOST
    assert shown("x" * 1_000_000) == "x" * MOST + "… (999,700 more)"
    assert shown("\x1b" * 9, 2) == r"\x1b\x1b… (7 more)"
    assert shown(3) == "3"
