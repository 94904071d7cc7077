"""`whetstone hunt`: what it compares with what, what it writes, what it refuses."""

import json
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.commands.command import Command, read_until
from tests.streaming.hunted_lake import DAYS, DETECTOR, ROOT, alerts, hunted
from whetstone.cli_hunt import hunt
from whetstone.errors import WhetstoneError
from whetstone.hunt import Hunt
from whetstone.lake import Lake, Place
from whetstone.releases import Bundle, Repository, pack
from whetstone.scoring.run import BundleScorer
from whetstone.settings import settings


@dataclass(frozen=True)
class Platform:
    """The command on a home with a lake and two releases, of which `new` is the champion."""

    command: Command
    old: Bundle
    new: Bundle


@pytest.fixture(scope="module")
def platform(lake: Lake, old: Bundle, new: Bundle) -> Platform:
    home = lake.root.parent
    repository = Repository(home / "releases")
    repository.init()
    for bundle in (old, new):
        repository.publish(pack(bundle), DETECTOR, bundle.manifest["version"])
    return Platform(Command(home, ROOT / "catalog"), old, new)


@pytest.fixture
def here(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command can be called in this process."""
    monkeypatch.setenv("WHETSTONE_HOME", str(platform.command.home))
    settings.cache_clear()
    yield
    settings.cache_clear()


class TestCommand:
    SPAN = ("--from", DAYS[0], "--to", DAYS[1])

    def test_a_champion_is_compared_with_the_release_before_it(
        self, platform: Platform, lake: Lake, tmp_path: Path
    ) -> None:
        out = tmp_path / "found.jsonl"
        result = platform.command.good("hunt", DETECTOR, *self.SPAN, "--out", out, "--limit", 3)
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        expected = sum(
            len(alerts(lake, platform.new, d).keys() - alerts(lake, platform.old, d).keys())
            for d in DAYS[:2]
        )
        assert len(lines) == result["found"] == expected > 3
        assert result["version"] == platform.new.manifest["version"]
        assert result["against"] == platform.old.manifest["version"]
        best = sorted(lines, key=lambda line: -line["score"])[:3]
        assert [f["score"] for f in result["findings"]] == [f["score"] for f in best]

    @pytest.mark.usefixtures("here")
    def test_a_file_is_compared_with_the_champion_or_any_release_or_nothing(
        self, platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "candidate.tar"
        file.write_bytes(pack(platform.old))
        champion, same = (b.manifest["version"] for b in (platform.new, platform.old))
        found = {
            against: self.hunted(capsys, str(file), against=against)
            for against in ("champion", f"{DETECTOR}@{same}", "nothing")
        }
        by_itself, alone = found[f"{DETECTOR}@{same}"], found["nothing"]
        assert found["champion"]["against"] == champion
        assert (by_itself["found"], by_itself["known"]) == (0, by_itself["alerts"])
        assert (alone["against"], alone["found"]) == (None, alone["alerts"])

    def hunted(
        self, capsys: pytest.CaptureFixture[str], bundle: str, **options: str
    ) -> dict[str, Any]:
        hunt(bundle, DAYS[0], DAYS[1], **options, as_json=True)  # type: ignore[arg-type]
        return json.loads(capsys.readouterr().out)

    def test_people_get_a_table_with_reasons_and_progress(self, platform: Platform) -> None:
        result = platform.command.run("hunt", DETECTOR, *self.SPAN)
        assert result.code == 0, result.err
        assert f"findings of {DETECTOR} {platform.new.manifest['version']}" in result.out
        assert "failures=" in result.out
        assert "further alerts are known to" in result.out
        assert re.search(rf"{DAYS[1]} \(2 of 2\): \d+ units, \d+ alerts, \d+ findings", result.err)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((DETECTOR, "monday", DAYS[0]), "--from monday: write YYYY-MM-DD"),
            ((DETECTOR, DAYS[0], "friday"), "--to friday: write YYYY-MM-DD"),
            ((DETECTOR, DAYS[1], DAYS[0]), "exchange them"),
            ((DETECTOR, DAYS[0], DAYS[2]), "no events of sshd on 2026-03-04;"),
            (("missing.tar", *DAYS[:2]), "missing.tar: cannot be read"),
            ((f"{DETECTOR}@0123456789ab", *DAYS[:2]), "0123456789ab was not published"),
        ],
    )
    @pytest.mark.usefixtures("here")
    def test_what_cannot_be_is_refused_with_the_remedy(
        self, arguments: tuple[str, str, str], said: str
    ) -> None:
        with pytest.raises(WhetstoneError, match=re.escape(said)):
            hunt(*arguments)

    def test_a_file_that_exists_is_not_written_over(
        self, platform: Platform, tmp_path: Path
    ) -> None:
        out = tmp_path / "found.jsonl"
        out.write_text("precious")
        said = platform.command.refused("hunt", DETECTOR, *self.SPAN, "--out", out)
        assert "exists; remove it or name another file" in " ".join(said.split())
        assert out.read_text() == "precious"

    def test_after_ctrl_c_the_file_has_whole_days(
        self, platform: Platform, lake: Lake, new: Bundle, tmp_path: Path
    ) -> None:
        many = self._many_days(lake, tmp_path)
        file, out = tmp_path / "new.tar", tmp_path / "found.jsonl"
        file.write_bytes(pack(new))
        process = Command(tmp_path, ROOT / "catalog").start(
            "hunt", file, "--from", many[0], "--to", many[-1], "--out", out
        )
        read_until(process, f"{many[1]} ")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        whole = hunted(Hunt(lake, BundleScorer(new), None), DAYS[:1])[0].count
        assert len(lines) % whole == 0
        assert 2 * whole <= len(lines) < len(many) * whole

    def _many_days(self, lake: Lake, home: Path) -> list[str]:
        """More days than can be hunted through before a signal arrives: one, many times."""
        days = [(date(2026, 1, 1) + timedelta(n)).isoformat() for n in range(1000)]
        whole = lake.directory(Place("parsed", "sshd", DAYS[0]))
        (home / "lake" / "parsed" / "sshd").mkdir(parents=True)
        for day in days:
            shutil.copytree(whole, home / "lake" / "parsed" / "sshd" / f"day={day}")
        return days
