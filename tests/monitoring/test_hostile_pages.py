"""Text of logs in every page that people open, looked at with a browser: it stays text."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from monitoring import widgets
from monitoring.alert_list import AlertLine, alert_list
from monitoring.metrics import Number, NumbersReport
from monitoring.overview import Known, Retraining, Service, Silence, overview
from monitoring.overview.page import page as overview_html
from monitoring.overview.report import AlertsOfDay
from monitoring.page import Banner, write
from tests.hostile_text import HOSTILE, Dom

ALL = " ".join(HOSTILE)
DAY = "2026-11-20"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def overview_page(path: Path) -> None:
    known = [
        Known(
            text,
            text,
            [text],
            drift={DAY: {"verdict": "drift", "reasons": [text], "report": f"reports/{text}"}},
            quality={"verdict": "bad", "reasons": [text], "report": text},
            evaluation={"gate": "failed", "reasons": [text]},
            alerts=[3],
            environments={text: [3]},
            service=Service(text, "2026-11-14T00:00:00", 1),
            retraining=Retraining("2026-11-14T00:00:00", text, "failed"),
        )
        for text in HOSTILE
    ]
    silent = [Silence(text, text, text) for text in HOSTILE]
    path.write_text(overview_html(overview(known, [DAY], silent, made_at=NOW)))


def report_page(path: Path) -> None:
    drawings = (
        widgets.bars(ALL, HOSTILE, [1.0] * len(HOSTILE), HOSTILE, [True] * len(HOSTILE), 1),
        widgets.shares(ALL, [(text, 0.5, 0.5) for text in HOSTILE]),
        widgets.columns(ALL, HOSTILE, [1.0] * len(HOSTILE)),
        widgets.intervals(ALL, HOSTILE, [(ALL, [(0.5, 0.4, 0.6)] * len(HOSTILE))]),
        widgets.table(ALL, HOSTILE, [HOSTILE]),
        widgets.counters(ALL, [(text, text) for text in HOSTILE]),
        *alert_list([AlertLine("1f", NOW, text, text, 0.9, (text,)) for text in HOSTILE]),
    )
    numbers = [
        (AlertsOfDay(detector=text), Number(1, judgement="fail", detail=text)) for text in HOSTILE
    ]
    numbers.append((AlertsOfDay(detector="x"), Number(None, ALL, widgets=drawings)))
    snapshot = NumbersReport(numbers).run(pd.DataFrame({"n": [1]}), name="hostile")
    write(path, snapshot, Banner(ALL, ALL, "bad", HOSTILE, [(t, t, t) for t in HOSTILE]))


@pytest.mark.parametrize("made", [overview_page, report_page])
def test_text_of_logs_runs_nothing_and_hides_nothing_in_a_browser(
    made: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    made(path)
    dom = seen(path, tmp_path)
    assert "data-owned" not in dict(dom.tags[0][1])
    for tag, attributes in dom.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert not (attributes.get("href") or "").strip().lower().startswith("javascript:")
        assert attributes.get("src") != "x"
    assert sum(tag == "style" and "display: none" in str(a) for tag, a in dom.tags) == 0
    for text in (HOSTILE[0], "{{7*7}}", "\\x1b[31mred", "safe\\x202egpj.exe", "javascript:"):
        assert text in dom.text, text
    assert not set("\x1b\x07\x00\u202e\u2066") & set(dom.text)
    assert path.stat().st_size < 5_000_000, "a field of a megabyte was cut"


def seen(path: Path, home: Path) -> Dom:
    """The page as a browser sees it after its scripts have run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    assert browser, "make chromium"
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={home / 'browser'}", "--virtual-time-budget=4000",
    ]  # fmt: skip
    done = subprocess.run(
        [browser, *options, "--dump-dom", path.as_uri()], capture_output=True, check=True
    )
    dom = Dom(done.stdout.decode())
    assert dom.tags[0][0] == "html"
    return dom
