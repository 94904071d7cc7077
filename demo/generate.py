"""Write the raw logs of the demo, and the truth about them.

What `generate` does, in this order:

1. Output that is complete and was made with the same parameters by the same code is used as it is.
2. Everything is written beside the output, into `.<name>.partial`; what an interrupted run left
   there is thrown away. Only one process at a time writes; a second one waits and then uses the
   first one's output.
3. The complete folder takes the place of the old one by renaming.

    out/production/<environment>/<source>/<YYYY-MM-DD>/<file>
    out/contributions/<dataset>/<name>/{<file>, labels.csv, contribution.json}
    out/truth.csv  out/manifest.json
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from demo import hdfs, labs, sshd, suricata_flow
from demo.truth import GroundTruth, TruthRow, read_truth, truth_of, write_truth
from demo.world import Record, Site, broken
from whetstone.errors import InputError

# Of the lines in production, this many cannot be parsed.
BROKEN_SHARE = 0.001
_FILES = {"sshd": "auth.log", "suricata_flow": "eve.json", "hdfs": "hdfs.log"}


def generate(
    out: Path,
    seed: int = 7,
    days: int = 14,
    *,
    until: date,
    environments: Sequence[str] = ("berlin", "lisbon", "oslo"),
    scale: float = 1.0,
) -> GroundTruth:
    """Make sure that `out` holds the logs of `days` days up to and including `until`.

    The same arguments give the same bytes. A day of an environment depends on `seed`, `until` and
    `scale` only, not on `days` or the other environments. The last seven days are those in which
    what changes in the demo has changed.

    Args:
        out: A folder that this function made before, or that is empty or does not exist.
        seed: Of all chance.
        days: At least 1.
        until: The last day.
        environments: Sites; `oslo` gets a vulnerability scanner, `lisbon` new software.
        scale: Volume; 1 is about 6,000 lines an environment and day.

    Raises:
        InputError: An argument is out of range, or `out` holds something else.
    """
    if days < 1 or not 0 < scale <= 100 or not environments:
        raise InputError(f"days {days}, scale {scale}: at least one day, scale in (0, 100]")
    if any(not name or name != Path(name).name for name in environments):
        raise InputError(f"environments {list(environments)}: names that can be folders")
    parameters = {
        "seed": seed,
        "days": days,
        "until": until.isoformat(),
        "environments": list(environments),
        "scale": scale,
        "code": _code_digest(),
    }
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out.with_name(f".{out.name}.lock")):
        if _parameters_of(out) != parameters:
            partial = out.with_name(f".{out.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            rows = _write_production(partial, seed, days, until, environments, scale)
            write_truth(partial / "truth.csv", rows)
            _write_contributions(partial, seed, scale)
            (partial / "manifest.json").write_text(json.dumps(parameters, indent=2) + "\n")
            _put_in_place(partial, out)
        return GroundTruth(out, read_truth(out / "truth.csv"))


def _write_production(
    out: Path, seed: int, days: int, until: date, environments: Sequence[str], scale: float
) -> list[TruthRow]:
    rows: list[TruthRow] = []
    for name in environments:
        site = Site(seed, name, change=until - timedelta(days=6))
        for day in (until - timedelta(days=ago) for ago in reversed(range(days))):
            for source, records in _day(site, day, scale):
                rows += truth_of(name, source, day, records)
                path = out / "production" / name / source / day.isoformat() / _FILES[source]
                rng = site.stream("broken", source, day)
                _write_log(path, broken(rng, records, BROKEN_SHARE))
    return rows


def _day(site: Site, day: date, scale: float) -> Iterator[tuple[str, list[Record]]]:
    yield "sshd", sshd.records(site, day, sshd.production(site, day, scale))
    flows = suricata_flow.production(site, day, scale)
    yield "suricata_flow", suricata_flow.records(site, day, flows)
    yield "hdfs", hdfs.records(site, day, hdfs.production(site, day, scale))


def _write_contributions(out: Path, seed: int, scale: float) -> None:
    for contribution in labs.contributions(seed, scale):
        folder = out / "contributions" / contribution.dataset / contribution.name
        _write_log(folder / contribution.file, contribution.records)
        (folder / "labels.csv").write_text(contribution.labels())
        (folder / "contribution.json").write_text(contribution.description())


def _write_log(path: Path, records: Sequence[Record]) -> None:
    path.parent.mkdir(parents=True)
    text = "".join(f"{record.raw}\n" for record in records)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def _code_digest() -> str:
    """Changes with the code that generates, so that old output is not taken for new."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _parameters_of(out: Path) -> dict[str, Any] | None:
    """The parameters with which `out` was generated; None if it is not there yet."""
    try:
        return json.loads((out / "manifest.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out} holds something else: name an empty or new folder") from None
        return None
    except ValueError as error:
        raise InputError(f"{out / 'manifest.json'}: {error}; remove {out}") from error


def _put_in_place(partial: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
