"""What docs/sources.md says of every source is what its definition makes of the real files."""

import json
from pathlib import Path

import pytest
from raw_logs import CATALOG

from benchmarks import sources
from benchmarks.sources import FILES, Trial, document, try_all

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"


@pytest.fixture(scope="module")
def trials(real_data: Path) -> list[Trial]:
    return list(try_all(CATALOG, real_data))


def test_the_page_is_what_the_definitions_make_of_the_files_now(trials: list[Trial]) -> None:
    written = document(CATALOG, trials)
    assert PAGE.read_text(encoding="utf-8") == written, (
        "write it anew: python -m benchmarks.sources --write docs/sources.md"
    )


def test_every_source_parses_its_real_files(trials: list[Trial]) -> None:
    poor = {trial.source.name: trial.share for trial in trials if trial.share < 0.995}
    assert poor == {}
    assert [trial.source.name for trial in trials if not trial.files or not trial.parsed] == []


def test_every_record_is_parsed_skipped_or_a_reject(trials: list[Trial]) -> None:
    for trial in trials:
        assert trial.records == trial.parsed + trial.skipped + trial.rejects.total()


def test_every_source_without_real_files_has_at_least_two_samples() -> None:
    for name in CATALOG.sources.keys() - FILES.keys():
        assert len(CATALOG.sources[name].samples) >= 2, name


def test_rejects_are_shown_with_their_reasons_and_counted_against_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "FILES", {"lanl_auth": ("auth*.txt",)})
    good = CATALOG.sources["lanl_auth"].samples[0]
    (tmp_path / "auth.txt").write_text(f"{good}\nno number,a,b,c,d,e,f,LogOn,Success\n")
    page = tmp_path / "page.md"
    sources.main(["--data", str(tmp_path), "--write", str(page), "--json"])
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])["sources"]
    assert row["rejects"] == {"event_time: no value": 1}
    assert (row["records"], row["parsed"], row["share_parsed"]) == (2, 1, 0.5)
    assert "| 1 | 2 | 0 | 1 | event_time: no value: 1 | 50.00% |" in page.read_text()
