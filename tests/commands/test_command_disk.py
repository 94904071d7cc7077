"""A full disk: a clear error, and nothing that was accepted is lost."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import Command

from tests.assets.installation import DAYS, Installation

MEGABYTE = 1 << 20
BERLIN = ("--source", "sshd", "--environment", "berlin", "--day", DAYS[-1])


@dataclass(frozen=True)
class Disk:
    """A small disk, or where nothing can be mounted, a small limit on each file.

    Attributes:
        inside: its directory, as a program behind `prefix` sees it.
        outside: the same directory, as the test sees it.
        prefix: what stands before a command that shall use it.
        prefix_when_full: the same while it is full.
    """

    inside: Path
    outside: Path
    prefix: Sequence[str]
    prefix_when_full: Sequence[str]

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room for a while."""
        ballast = self.outside / "ballast"
        if self.prefix == self.prefix_when_full:
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(4096)):
                    pass
        yield
        ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Six megabytes in a mount namespace of their own, which ends with the test."""
    directory = tmp_path / "disk"
    directory.mkdir()
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        limits = (["prlimit", f"--fsize={size}", "--"] for size in (MEGABYTE, 4096))
        yield Disk(directory, directory, *limits)
        return
    script = f"mount -t tmpfs -o size=6m none {directory} && echo ready && exec cat"
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    enter = ["nsenter", "--target", str(holder.pid), "--mount", "--"]
    yield Disk(directory, Path(f"/proc/{holder.pid}/root{directory}"), enter, enter)
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
    fits, too_large = log_of(tmp_path, MEGABYTE // 2), log_of(tmp_path, 8 * MEGABYTE)
    small.good("land", fits, *BERLIN)
    said = small.refused("land", too_large, *BERLIN)
    assert str(disk.inside) in said
    assert "free space" in said
    landing = disk.outside / "home" / "landing"
    assert files_in(landing) == [fits.name]
    assert next(landing.rglob(fits.name)).read_bytes() == fits.read_bytes()
    other = log_of(tmp_path, MEGABYTE // 4)
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
    assert "free space" in said
    assert files_in(disk.outside / "home") == []


def test_a_verdict_is_kept_or_refused_and_earlier_ones_stay(
    small: Command, disk: Disk, settled: Installation
) -> None:
    (disk.outside / "home").mkdir()
    shutil.copy(settled.directory / "home" / "cases.db", disk.outside / "home")
    first, second, *_ = (one["alert"] for one in small.good("alerts", "--limit", 5)["alerts"])
    small.good("verdict", first, "true_positive", "--by", "ada")
    full = Command(small.home, small.catalog, disk.prefix_when_full)
    with disk.full():
        said = full.refused("verdict", second, "unsure", "--by", "ada", "--note", "n" * 9000)
    assert "free space" in said
    judged = small.good("alerts", "--state", "judged")["alerts"]
    assert [one["alert"] for one in judged] == [first]
    small.good("verdict", second, "false_positive", "--by", "ada")
    assert len(small.good("alerts", "--state", "judged")["alerts"]) == 2


def test_a_demo_that_does_not_fit_says_so(small: Command) -> None:
    said = small.run("demo", "--days", 3)
    assert said.code == 1
    assert said.out == ""
    assert "free space" in said.err.splitlines()[-1]
