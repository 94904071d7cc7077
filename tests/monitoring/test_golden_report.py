"""A golden dataset is looked over: what is wrong with it is counted, shown, and only text."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from monitoring.golden import About, GoldenResult, Reuse, golden, render_golden

NOW = datetime.fromisoformat("2026-11-20T12:00:00")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
ABOUT = About(
    dataset="web_scan",
    technique="T1595",
    canaries={"loud": "T1595.002"},
    conflicts=1,
    duplicates=3,
    expired={"positive": 2},
    refresh=None,
    now=NOW,
    reuse=Reuse({"gate": 3, "report": 1}, 2, 0.11, 0.09),
)


def examples(n: int = 240, wrong: int = 0, age: int = 10, text: str = "10.0.0.1") -> pa.Table:
    """Examples of two kinds that one number tells apart; the first `wrong` bear the wrong label."""
    random = np.random.default_rng(1)
    attack = np.arange(n) % 3 == 0
    positive = attack ^ (np.arange(n) < wrong)
    ends = [NOW - timedelta(days=age, minutes=5 * at) for at in range(n)]
    return pa.table(
        {
            "environment": ["contribution-1"] * n,
            "unit": [f"{text}-{at}" for at in range(n)],
            "unit_start": [end - timedelta(minutes=5) for end in ends],
            "event_timestamp": ends,
            "label": np.where(positive, "scan", "benign").tolist(),
            "positive": positive,
            "split": [("train", "train", "validation", "test")[at // 3 % 4] for at in range(n)],
            "origin": ["contribution:1"] * n,
            "contributor": [text] * n,
            "requests": np.where(attack, random.normal(50, 2, n), random.normal(5, 2, n)),
        }
    )


def looked_over(table: pa.Table, about: About = ABOUT) -> GoldenResult:
    return golden(table, ["requests"], about)


@pytest.fixture(scope="module")
def noisy() -> GoldenResult:
    return looked_over(examples(480, wrong=48, text=HOSTILE))


def test_wrong_labels_are_told_with_their_share(noisy: GoldenResult) -> None:
    facts = noisy.facts()["label_noise"]
    assert noisy.noisy
    assert noisy.verdict == "warn"
    assert facts["share"] == pytest.approx(0.1, abs=0.03)
    assert np.isin(noisy.noise.suspects, np.arange(48)).mean() > 0.85
    assert any("labels look wrong" in reason for reason in noisy.reasons)


def test_a_dataset_without_fault_is_ok() -> None:
    table = examples()
    spread = table.set_column(
        table.column_names.index("requests"),
        "requests",
        pa.array(np.where(table["positive"].to_numpy(), 1.0, -1.0) * 1.25 ** np.arange(240)),
    )
    found = looked_over(spread, replace(ABOUT, conflicts=0, expired={}))
    assert (found.verdict, found.reasons) == ("ok", ())
    assert found.near.in_training == 0
    assert found.counts["test"] == (20, 40)


def test_what_training_repeats_and_what_is_old_are_told() -> None:
    old = looked_over(examples(age=500))
    assert (old.stale_share, old.stale, old.repeating) == (1.0, True, True)
    assert old.ages == {"up to 30 days": 0, "31 to 90 days": 0, "91 to 365 days": 0, "older": 240}
    alone = looked_over(examples(age=500), replace(ABOUT, now=None))
    assert alone.stale_share == 0  # of what is no older than the newest example, nothing is old


def test_few_examples_still_make_a_report_and_it_replaces_the_one_before(tmp_path: Path) -> None:
    found = looked_over(examples(3))
    assert found.noise.share is None
    assert "it takes" in found.noise.reason
    first = render_golden(found, {}, [], tmp_path / "r", tmp_path / "w").html
    assert first.exists()
    later = looked_over(examples(3, age=9))
    pages = [render_golden(later, {}, [], tmp_path / "r", tmp_path / "w").html]
    # An earlier page would keep lines that have been erased since.
    assert sorted((tmp_path / "r" / "web_scan").iterdir()) == pages != [first]


def test_the_page_shows_suspects_with_their_lines_and_runs_nothing_of_them(
    noisy: GoldenResult, tmp_path: Path
) -> None:
    lines = {int(at): [f"{HOSTILE} {at}", "second"] for at in noisy.noise.suspects}
    conflict = {
        "number": 1,
        "unit": HOSTILE,
        "unit_start": NOW,
        "label": "scan",
        "contributor": "bo",
        "origin": "contribution:2",
        "lines": [HOSTILE],
    }
    rendered = render_golden(noisy, lines, [conflict], tmp_path / "reports", tmp_path / "space")
    assert rendered.html.relative_to(tmp_path / "reports").as_posix() == (
        "web_scan/web_scan_golden_2026-11-10T120000.html"
    )
    page = rendered.html.read_text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "\\u003cimg src=x" in page
    for shown in ("T1595.002", "contribution:2", "second", "gate"):
        assert shown in page
