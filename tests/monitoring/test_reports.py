"""The rendered reports: pages, snapshots, dashboards."""

import fcntl
import json
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from monitoring_rows import FEATURES, NOON, alerts, replaced, scored, verdicts

from monitoring import workspace
from monitoring.drift import DriftResult, drift, render_drift
from monitoring.drift.examples import Example
from monitoring.drift.report import Shown
from monitoring.metrics import (
    Number,
    NumbersReport,
    PrecisionFromVerdicts,
    QuantilePsi,
    ShareDrifted,
)
from monitoring.page import script_json
from monitoring.quality import Evidence, quality, render_quality
from monitoring.sketches import Day, sketch_scores
from monitoring.workspace import Rendered

DAY = "2026-11-20"
REFERENCE = scored(seed=1)
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class Elements(HTMLParser):
    """The elements of a page, and what its scripts hold."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "script":
            assert "nonce" in dict(attrs)
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def decided(
    current: pa.Table, reference: pa.Table = REFERENCE, **names
) -> tuple[DriftResult, Shown]:
    features = names.get("features", FEATURES)
    known, day = sketch_scores(reference, features), names.get("day", DAY)
    seen = Day(day, sketch_scores(current, features))
    result = drift("ssh_bruteforce", seen, known, (), features)
    return result, Shown(known, seen, names.get("examples", ()))


def rendered(current: pa.Table, home: Path, reference: pa.Table = REFERENCE, **names) -> Rendered:
    result, shown = decided(current, reference, **names)
    return render_drift(result, shown, home / "reports", home / "evidently")


def snapshots(home: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in home.glob("evidently/*/snapshots/*.json")]


def values(snapshot: dict) -> dict[str, float]:
    found = {}
    for result in snapshot["metric_results"].values():
        config = result["metric_value_location"]["metric"]["params"]
        name = config["type"].rsplit(":", 1)[1]
        labels = [str(value) for key, value in config.items() if key != "type"]
        found[" ".join([name, *labels])] = result["value"]
    return found


def outcomes(snapshot: dict) -> dict[str, tuple[str, str]]:
    suite = next(w for w in snapshot["tests_widgets"] if w["type"] == "test_suite")
    return {t["title"]: (t["state"], t["description"]) for t in suite["params"]["tests"]}


def test_the_page_tells_verdict_worst_feature_and_alert_rate_first(tmp_path: Path) -> None:
    page = rendered(scored(seed=2, bytes_factor=3, off_hours=0.2), tmp_path).html
    assert page == tmp_path / "reports" / f"ssh_bruteforce_drift_{DAY}.html"
    text = " ".join(Elements(page.read_text()).text.split())
    head = text[text.index("DRIFT") :]
    assert head.startswith(f"DRIFTssh_bruteforce: drift on {DAY}")
    assert "features: 2 of 5 drifted: bytes_out, off_hours (against the reference)" in head
    assert head.index("Foremost cause") < head.index("Alert rate")


def test_a_page_loads_nothing(tmp_path: Path) -> None:
    page = rendered(scored(seed=2), tmp_path).html.read_text()
    elements = Elements(page)
    assert not {"link", "iframe", "img", "object"} & set(elements.tags)
    assert "default-src 'none'; script-src 'nonce-" in page


def test_log_text_in_a_page_stays_text(tmp_path: Path) -> None:
    current = scored(seed=2)
    for name in ("top_user", "environment"):
        current = replaced(current, name, np.full(2_000, ATTACK))
    hostile = current.append_column(ATTACK, current["gap"])
    reference = REFERENCE.append_column(ATTACK, REFERENCE["gap"])
    page = rendered(hostile, tmp_path, reference, features=(*FEATURES, ATTACK)).html
    elements = Elements(page.read_text())
    assert elements.tags.count("script") == 3
    assert "img" not in elements.tags
    data = elements.scripts[2].removeprefix("window.drawDashboard(")
    drawn, _ = json.JSONDecoder().raw_decode(data)
    assert ATTACK in json.dumps(drawn)


def test_lists_and_free_text_have_their_place_in_a_page(tmp_path: Path) -> None:
    def with_sequences(rows: pa.Table, key: str, path: str) -> pa.Table:
        keys = pa.array([["open", key, "close"]] * rows.num_rows)
        paths = pa.array([f"/{path}/{n}" for n in range(rows.num_rows)])
        return rows.append_column("keys", keys).append_column("path", paths)

    reference = with_sequences(REFERENCE, "read", "shop")
    current = with_sequences(scored(seed=2), ATTACK, ATTACK)
    page = rendered(current, tmp_path, reference, features=(*FEATURES, "keys", "path")).html
    elements = Elements(page.read_text())
    text = " ".join(elements.text.split())
    assert "features: 2 of 7 drifted: path, keys" in text
    assert "features not computable" not in text
    assert elements.tags.count("script") == 3
    assert "img" not in elements.tags


def test_log_text_in_a_chart_s_label_is_no_markup(tmp_path: Path) -> None:
    current = replaced(scored(seed=2), "top_user", np.full(2_000, "<b>root</b>"))
    elements = Elements(rendered(current, tmp_path).html.read_text())
    assert "\\u0026lt;b\\u0026gt;root\\u0026lt;/b\\u0026gt;" in elements.scripts[2]


def test_lines_that_show_a_cause_are_quoted_once_and_as_text(tmp_path: Path) -> None:
    line = Example("berlin", "berlin/sshd/2026-11-20/auth.log:7", f"login {ATTACK}")
    current = scored(seed=2, bytes_factor=3, off_hours=0.2)
    page = rendered(current, tmp_path, examples=((line,), (line,))).html
    elements = Elements(page.read_text())
    assert elements.tags.count("script") == 3
    drawn = json.dumps(json.JSONDecoder().raw_decode(elements.scripts[2].split("(", 1)[1])[0])
    assert drawn.count("auth.log:7") == 1
    assert "1, 2" in drawn


def test_json_in_a_script_cannot_end_it() -> None:
    text = script_json({"</script>": "<!-- & \u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"</script>": "<!-- & \u2028"}


def test_rendering_a_day_again_replaces_its_page_and_snapshot(tmp_path: Path) -> None:
    first = rendered(scored(seed=2), tmp_path)
    again = rendered(scored(seed=2, bytes_factor=3), tmp_path)
    assert again == first
    assert "DRIFT" in Elements(first.html.read_text()).text
    (snapshot,) = snapshots(tmp_path)
    assert values(snapshot)["DriftVerdict"] == 2
    assert [file.name for file in (tmp_path / "reports").iterdir()] == [first.html.name]


def test_another_day_is_another_point_at_the_data_s_time(tmp_path: Path) -> None:
    for day in ("2026-11-19", DAY):
        rendered(scored(seed=2), tmp_path, day=day)
    times = sorted(snapshot["timestamp"] for snapshot in snapshots(tmp_path))
    assert times == ["2026-11-19T00:00:00", f"{DAY}T00:00:00"]


def test_a_snapshot_is_slim_and_carries_the_numbers(tmp_path: Path) -> None:
    current = scored(seed=2, bytes_factor=3)
    rendered(current, tmp_path)
    (file,) = tmp_path.glob("evidently/*/snapshots/*.json")
    assert file.stat().st_size < 40_000
    result, _ = decided(current)
    found = values(json.loads(file.read_text()))
    assert found["QuantilePsi bytes_out"] == result.features.ranked[0].value
    assert found["DriftSignal features"] == 2
    assert found["AlertRate current"] == result.scores.alert_rate.current
    assert found["ShareDrifted"] == 0.2


def test_a_day_without_rows_is_a_report_that_says_so(tmp_path: Path) -> None:
    page = rendered(REFERENCE.slice(0, 0), tmp_path).html
    assert "scores not computable: no current values" in page.read_text()
    (snapshot,) = snapshots(tmp_path)
    assert "ScorePsi" not in values(snapshot)
    assert outcomes(snapshot)["Score PSI"] == ("error", "not computable: no current values")
    assert "NaN" not in json.dumps(snapshot)


def test_an_impossible_number_fails_neither_report_nor_passes() -> None:
    report = NumbersReport(
        [
            (QuantilePsi(column="bytes"), Number(0.3, judgement="fail", detail="moved")),
            (PrecisionFromVerdicts(bound="lower"), Number(None, "not computable: no positives")),
        ]
    ).run(pd.DataFrame({"rows": [1]}))
    outcome = {test["name"]: (test["status"].value, test["description"]) for test in
               report.dict()["tests"]}  # fmt: skip
    assert outcome == {
        "bytes: quantile PSI": ("FAIL", "moved"),
        "Precision from verdicts, lower": ("ERROR", "not computable: no positives"),
    }


def test_evidently_ui_reads_the_workspace_without_our_classes(tmp_path: Path) -> None:
    for day, factor in (("2026-11-19", 1), (DAY, 3)):
        rendered(scored(seed=2, bytes_factor=factor), tmp_path, day=day)
    code = """
import asyncio, json, sys
from evidently.ui.service.base import SeriesFilter
from evidently.ui.service.storage.local.base import InMemoryDataStorage
storage = InMemoryDataStorage(sys.argv[1])
(project,) = storage.state.projects
(panel,) = [p for p in storage.state.read_dashboard(project).panels if p.title == "Worst feature"]
filters = [SeriesFilter(tags=[], metadata={}, metric=v.metric, metric_labels=v.metric_labels)
           for v in panel.values]
series = asyncio.run(storage.get_data_series(project, filters, None, None)).series
assert "monitoring" not in sys.modules
print(json.dumps([s.values for s in series]))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "evidently")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    ((before, after),) = json.loads(done.stdout.splitlines()[-1])
    assert before < 1 < after


def test_a_dashboard_that_people_changed_is_left_alone(tmp_path: Path) -> None:
    rendered(scored(seed=2), tmp_path)
    (dashboard,) = tmp_path.glob("evidently/*/dashboard.json")
    dashboard.write_text('{"tabs": [], "panels": []}')
    rendered(scored(seed=2), tmp_path, day="2026-11-21")
    assert json.loads(dashboard.read_text()) == {"tabs": [], "panels": []}


def write_twenty(home: Path, who: str, start: Barrier) -> None:
    start.wait()
    for n in range(20):
        workspace.ensure_project(home, "shared", "", [workspace.Panel("p", "", [])])
        for name in (f"{who}_{n}", f"both_{n}"):
            run = NumbersReport([(ShareDrifted(), Number(n))]).run(
                pd.DataFrame({"n": [1]}), name=name
            )
            workspace.add_snapshot(home, "shared", run, [])


def test_two_processes_write_one_workspace(tmp_path: Path) -> None:
    home, processes = tmp_path / "evidently", get_context("fork")
    start = processes.Barrier(2)
    writers = [
        processes.Process(target=write_twenty, args=(home, who, start)) for who in ("one", "two")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(snapshots(tmp_path)) == 60
    assert len(list(home.glob("*/dashboard.json"))) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"evidently"}


def test_a_writer_waits_for_the_one_before_it(tmp_path: Path) -> None:
    home, processes = tmp_path / "evidently", get_context("fork")
    home.mkdir()
    start = processes.Barrier(2)
    writer = processes.Process(target=write_twenty, args=(home, "one", start))
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer.start()
        start.wait()
        writer.join(timeout=0.5)
        assert snapshots(tmp_path) == []
        fcntl.flock(lock, fcntl.LOCK_UN)
    writer.join()
    assert len(snapshots(tmp_path)) == 40


def test_rendering_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: opened.append(address))
    rendered(scored(seed=2), tmp_path)
    assert opened == []


def test_a_failed_page_leaves_the_former_one(tmp_path: Path) -> None:
    former = rendered(scored(seed=2), tmp_path).html
    text = former.read_text()
    result, shown = decided(scored(seed=2))
    broken = replace(result, verdict="no such verdict")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        render_drift(broken, shown, former.parent, tmp_path / "evidently")
    assert former.read_text() == text
    assert list(former.parent.iterdir()) == [former]


def test_a_quality_report_tells_precision_and_names_the_conflicts(tmp_path: Path) -> None:
    given = verdicts(
        ("a", "ana", "true_positive", 1),
        ("b", "ana", "true_positive", 3),
        ("b", "bo", "false_positive", 4),
    )
    raised = alerts(("a", "berlin", 0), ("b", ATTACK, 0))
    at = NOON + timedelta(days=1)
    evidence = Evidence({"n": 5, "average_precision": 0.9}, given, raised)
    result = quality("ssh_bruteforce", "v7", evidence, at)
    found = render_quality(result, tmp_path / "reports", tmp_path / "evidently")
    assert found.html.name == "ssh_bruteforce_quality_2026-11-21.html"
    elements = Elements(found.html.read_text())
    assert "1 alert with conflicting verdicts" in elements.text
    assert elements.tags.count("script") == 3
    (snapshot,) = snapshots(tmp_path)
    assert values(snapshot)["PrecisionFromVerdicts estimate"] == 1
    assert values(snapshot)["ConflictingVerdicts"] == 1
    assert values(snapshot)["HeldOut average_precision model estimate"] == 0.9
    assert outcomes(snapshot)["Alerts with conflicting verdicts"] == ("warning", "1")


def test_quality_without_verdicts_and_evaluation_is_a_report_that_says_so(tmp_path: Path) -> None:
    result = quality("quiet", "v1", Evidence({}, verdicts(), alerts()), NOON)
    found = render_quality(result, tmp_path / "reports", tmp_path / "evidently")
    assert "precision not computable: no alert with an undisputed verdict" in found.html.read_text()
    (snapshot,) = snapshots(tmp_path)
    assert outcomes(snapshot)["Precision from verdicts, estimate"][0] == "error"
