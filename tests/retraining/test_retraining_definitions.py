"""Drift policies and cadences in a catalog: what is refused, and that they re-run nothing."""

from pathlib import Path

import pytest

from tests.catalog.catalog_files import DETECTOR, write_catalog
from whetstone.catalog import load_catalog
from whetstone.catalog.hashes import message_hash
from whetstone.errors import CatalogError

RULE = "drift { rules { signal: FEATURES days: 3 action: RETRAIN } }"
CADENCE = 'cadence { cron: "0 3 * * 2" jitter: "6h" time_zone: "Europe/Oslo" }'


def catalog(directory: Path, text: str) -> Path:
    return write_catalog(directory, {DETECTOR: ("gradient", f"{text}\ngradient")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drift { rules { days: 3 action: HOLD } }", r"drift.rules\[0\].signal: write one of FEAT"),
        ("drift { rules { signal: LABELS days: 3 } }", r"action: write one of RETRAIN, HOLD, PAGE"),
        ("drift { rules { signal: LABELS action: HOLD } }", r"days: 0: write days in a row from 1"),
        (
            "drift { rules { signal: SCORES days: 31 action: HOLD } }",
            r"drift.rules\[0\].days: 31: write days in a row from 1 to 30",
        ),
        (
            "drift { rules { signal: LABELS days: 3 action: HOLD }"
            " rules { signal: LABELS days: 5 action: HOLD } }",
            r"drift.rules\[1\]: LABELS and HOLD stand in a rule already",
        ),
        ('cadence { jitter: "6h" }', r"cadence.cron: write a cron expression such as"),
        ('cadence { cron: "0 25 * * *" }', r"cadence.cron: '0 25 \* \* \*': Bad hour"),
        ('cadence { cron: "0 0 3 * * 2" }', r"cadence.cron: .* write five fields"),
        ('cadence { cron: "0 0 30 2 *" }', r"cadence.cron: '0 0 30 2 \*': Bad day-of-month"),
        (
            'cadence { cron: "0 3 * * 2" time_zone: "Oslo" }',
            r"cadence.time_zone: 'Oslo' is no IANA name; write UTC or one such as Europe/Oslo",
        ),
        ('cadence { cron: "0 3 * * 2" jitter: "soon" }', r"cadence.jitter: 'soon' is no duration"),
        (
            'cadence { cron: "0 3 * * *" jitter: "2d" }',
            r"cadence.jitter: 2d is longer than the 1 day, 0:00:00 between two starts",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(CatalogError, match=rf"web_scan_gb.textproto:\d+: .*{message}"):
        load_catalog(catalog(tmp_path, text))


def test_a_policy_and_a_cadence_change_no_model(tmp_path: Path) -> None:
    bare = load_catalog(write_catalog(tmp_path / "bare", {})).detector("web_scan_gb")
    full = load_catalog(catalog(tmp_path / "full", f"{RULE} {CADENCE}")).detector("web_scan_gb")
    assert full.drift.rules
    assert message_hash(full) == message_hash(bare)
