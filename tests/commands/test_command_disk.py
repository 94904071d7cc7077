"""A full disk: a clear error, and nothing that was accepted is lost."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import Command

from tests.assets.installation import DAYS, Installation

MEGABYTE = 1 << 20
BERLIN = ("--source", "sshd", "--environment", "berlin", "--day", DAYS[-1])


@dataclass(frozen=True)
class Disk:
    """A disk of six megabytes.

    Attributes:
        inside: its directory, as a program behind `prefix` sees it.
        outside: the same directory, as the test sees it.
    """

    inside: Path
    outside: Path
    prefix: Sequence[str]

    def fill(self) -> None:
        """Leave no room."""
        with (self.outside / "ballast").open("wb") as file:
            while True:
                try:
                    file.write(os.urandom(4096))
                    file.flush()
                except OSError:
                    return

    def free(self) -> None:
        """Leave all the room there is."""
        (self.outside / "ballast").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small file system in a mount namespace of its own, which ends with the test."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    script = f"mount -t tmpfs -o size=6m none {mounted} && echo ready && exec cat"
    # Without root, a user namespace of one's own is root enough to mount memory.
    unshare = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user"))]
    holder = subprocess.Popen(
        [*unshare, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    enter = ["nsenter", "--target", str(holder.pid), "--mount", *user, "--"]
    yield Disk(mounted, Path(f"/proc/{holder.pid}/root{mounted}"), enter)
    holder.communicate()


@pytest.fixture
def small(disk: Disk, fresh: Command) -> Command:
    """The command with its home on the small disk."""
    return Command(disk.inside / "home", fresh.catalog, disk.prefix)


def log_of(tmp_path: Path, size: int) -> Path:
    path = tmp_path / f"{size}.log"
    path.write_bytes(b"Mar 10 11:59:01 gw sshd[1]: Connection closed by 10.0.0.1\n" * (size // 58))
    return path


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


def test_a_file_that_does_not_fit_is_refused_and_the_landed_ones_stay(
    small: Command, disk: Disk, tmp_path: Path
) -> None:
    fits, too_large = log_of(tmp_path, MEGABYTE), log_of(tmp_path, 8 * MEGABYTE)
    small.good("land", fits, *BERLIN)
    said = small.refused("land", too_large, *BERLIN)
    assert "No space left" in said
    assert "free space" in said
    landing = disk.outside / "home" / "landing"
    assert files_in(landing) == [fits.name]
    assert next(landing.rglob(fits.name)).read_bytes() == fits.read_bytes()
    other = log_of(tmp_path, 2 * MEGABYTE)
    assert small.good("land", other, *BERLIN)["landed"][0]["new"]


def test_a_contribution_is_accepted_whole_or_not_at_all(
    small: Command, disk: Disk, tmp_path: Path
) -> None:
    raw = tmp_path / "hdfs.log"
    line = "081109 203615 148 INFO dfs.DataNode: Deleting block blk_{} file /a\n"
    raw.write_text("".join(line.format(n) for n in range(120_000)))
    labels = tmp_path / "labels.csv"
    labels.write_text("unit,label\nblk_1,anomaly\n*,normal\n")
    said = small.refused("contribute", "hdfs_blocks", raw, "--labels", labels, "--by", "ada")
    assert "No space left" in said
    assert files_in(disk.outside / "home") == []


def test_a_verdict_is_kept_or_refused_and_earlier_ones_stay(
    small: Command, disk: Disk, settled: Installation
) -> None:
    (disk.outside / "home").mkdir()
    shutil.copy(settled.directory / "home" / "cases.db", disk.outside / "home")
    first, second, *_ = (one["alert"] for one in small.good("alerts", "--limit", 5)["alerts"])
    small.good("verdict", first, "true_positive", "--by", "ada")
    disk.fill()
    said = small.refused("verdict", second, "false_positive", "--by", "ada", "--note", "n" * 9000)
    assert "full" in said or "No space left" in said
    disk.free()
    judged = small.good("alerts", "--state", "judged")["alerts"]
    assert [one["alert"] for one in judged] == [first]
    small.good("verdict", second, "false_positive", "--by", "ada")
    assert len(small.good("alerts", "--state", "judged")["alerts"]) == 2


def test_a_demo_that_does_not_fit_says_so(small: Command) -> None:
    said = small.run("demo", "--days", 3)
    assert said.code == 1
    assert said.out == ""
    assert "No space left" in said.err
