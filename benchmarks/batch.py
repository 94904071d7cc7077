"""The day's batch, from raw lines to scores, beside drain3 + pandas + scikit-learn.

    python -m benchmarks.batch --lines 1000000 --peer drain3 --json

N raw HDFS lines are generated from real ones by varying block ids and times; whole copies follow
each other, so every block keeps its life. Then the product's own functions land the file, parse it
to Parquet, mine templates from a sample and give every message its own, compute sessions, train PCA
on a sample of them, export it, and score all. `--eve M` parses M Suricata events as well. Each
contender runs in a process of its own; generating is not counted, training is. The last line on
stdout is a JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.batch_lines import write_eve, write_hdfs

_DAY = "2008-11-09"
_EVE_DAY = "2023-11-01"
_ENVIRONMENT = "oslo"
_LANDING = "landing"
_BASE_LINES = 1_000_000
_TRAINING_UNITS = 50_000
_TRAINING_LINES = 200_000
_ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark; `--contender` is how it starts its own processes."""
    options = _parser().parse_args(arguments)
    if options.contender:
        print(json.dumps(_CONTENDERS[options.contender](options.directory)))
        return
    with tempfile.TemporaryDirectory(prefix="batch-", dir=options.directory) as directory:
        result = _measure(options, Path(directory))
    print(json.dumps(result, indent=None if options.json else 2))


def _measure(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    base = _measured("ours", min(options.lines, _BASE_LINES), options, directory)
    if options.lines > _BASE_LINES:
        ours = _measured("ours", options.lines, options, directory)
    else:
        ours = base
    result = {"lines": options.lines, "cores": os.cpu_count(), **ours}
    result["microseconds_per_line"] = {
        str(each["lines"]): round(each["seconds"] / each["lines"] * 1e6, 3) for each in (base, ours)
    }
    if options.peer:
        peer = _measured(options.peer, base["lines"], options, directory)
        result |= {
            "peer": options.peer,
            "peer_lines": peer["lines"],
            "peer_seconds": peer["seconds"],
            "peer_peak_rss_mb": peer["peak_rss_mb"],
            "peer_stages": peer["stages"],
            "ratio": round(peer["seconds"] / base["seconds"], 2),
        }
    if options.eve:
        result["eve"] = _measured("eve", options.eve, options, directory)
    return result


def _measured(
    contender: str, lines: int, options: argparse.Namespace, directory: Path
) -> dict[str, Any]:
    """Generate the raw file, run a contender on it in a process of its own, watch its memory."""
    raw = directory / "raw.log"
    _say(f"{contender}: generating {lines:,} lines")
    (write_eve if contender == "eve" else write_hdfs)(options.data, raw, lines)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.batch"]
    command += ["--contender", contender, "--directory", str(directory)]
    environment = os.environ | {"WHETSTONE_HOME": str(directory / "home")}
    with (
        subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=environment
        ) as process,
        _watching_memory(process.pid) as peak,
    ):
        said, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{contender} failed")
    measured = json.loads(said.splitlines()[-1])
    # The peer reads the raw file where it lies.
    seconds = round(sum(measured["stages"].values()) - measured["stages"].get(_LANDING, 0), 3)
    return {
        **measured,
        "seconds": seconds,
        "lines_per_second": round(measured["lines"] / seconds),
        "peak_rss_mb": round(peak[0] / (1 << 20)),
    }


@contextmanager
def _watching_memory(pid: int) -> Generator[list[int]]:
    """The largest resident memory of a process and all its children while it runs, in bytes."""
    peak = [0]
    ended = threading.Event()
    root = psutil.Process(pid)

    def watch() -> None:
        while not ended.wait(0.02):
            try:
                family = [root, *root.children(recursive=True)]
                peak[0] = max(peak[0], sum(each.memory_info().rss for each in family))
            except psutil.NoSuchProcess:
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


class _Stages:
    """Wall and processor seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Generator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = round(time.perf_counter() - wall, 3)
        self.cpu_seconds[name] = round(time.process_time() - cpu, 3)
        _say(f"  {name}: {self.seconds[name]:.2f} s, {self.cpu_seconds[name]:.2f} s of processors")


def _ours(directory: Path) -> dict[str, Any]:
    import whetstone.scoring.run  # noqa: F401
    from detectors import family_of
    from whetstone.catalog import load_catalog
    from whetstone.engines import chosen_engine
    from whetstone.lake import Lake, Place
    from whetstone.settings import settings

    catalog = load_catalog(_ROOT / "catalog")
    source, view = catalog.sources["hdfs"], catalog.feature_views["hdfs_block"]
    detector = catalog.detectors["hdfs_block_pca"]
    family_of(detector)  # loads scikit-learn; imports are not counted, the peer's are not either
    lake = Lake(settings().lake)
    stage = _Stages()
    with stage(_LANDING):
        files = _landed(directory, source.name, _DAY)
    parsed = _parsed(lake, source, files, _DAY, stage)
    events = lake.part(Place("parsed", source.name, _DAY))
    with stage("mining"):
        dictionary = _dictionary(lake, source, events)
    with stage("templates"):
        unknown = _templates(lake, source, events, dictionary)
    place = Place("features", view.name, _DAY)
    with stage("sessions"), lake.stage(place) as staged:
        content = chosen_engine(settings(), lake.root).features(view, events, staged)
        _commit(staged, content)
    with stage("training"):
        scorer = _trained(catalog, detector, lake.part(place))
    with stage("scores"):
        scored, alerts = _scored(lake, scorer, events, Place("scores", detector.name, _DAY))
    return {
        "lines": parsed.lines,
        "events": parsed.events,
        "rejects": sum(parsed.rejects.values()),
        "templates": len(dictionary.templates),
        "unknown_templates": unknown,
        "sessions": content.rows,
        "scored": scored,
        "alerts": alerts,
        "stages": stage.seconds,
        "cpu_seconds": stage.cpu_seconds,
    }


def _landed(directory: Path, source: str, day: str) -> list[Any]:
    from datetime import date

    from whetstone.landing import land, landed_files
    from whetstone.settings import settings

    raw = directory / "raw.log"
    land(settings().landing, raw, _ENVIRONMENT, source, date.fromisoformat(day))
    raw.unlink()  # one copy of it on the disk is enough
    return landed_files(settings().landing, source, day)


def _parsed(lake: Any, source: Any, files: list[Any], day: str, stage: _Stages) -> Any:
    from whetstone.engines import chosen_engine
    from whetstone.lake import Place
    from whetstone.settings import settings

    places = Place("parsed", source.name, day), Place("rejects", source.name, day)
    with stage("parsing"), lake.stage(places[0]) as events, lake.stage(places[1]) as rejects:
        made = chosen_engine(settings(), lake.root).parse(source, files, day, events, rejects)
        _commit(rejects, made.rejects)
        _commit(events, made.events)
    for file in files:
        file.path.unlink()
    return made.parsed


def _commit(staged: Any, content: Any) -> None:
    from whetstone.lake import Manifest

    staged.commit(Manifest("benchmark", {}, content.version, content.rows))


def _dictionary(lake: Any, source: Any, events: Path) -> Any:
    """Templates mined from the first messages; in production the dictionary stands still too."""
    from whetstone.engine import open_engine
    from whetstone.parsing.templates import mine

    first = f"(FROM read_parquet('{events}') LIMIT {_TRAINING_LINES})"
    with open_engine(lake.root) as connection:
        return mine(connection, first, source.message)


def _templates(lake: Any, source: Any, events: Path, dictionary: Any) -> int:
    """Give every message its template; returns how many have none."""
    from whetstone.engine import open_engine
    from whetstone.lake import Place
    from whetstone.parsing.templates import Templating, with_templates

    templating = Templating(source.message, dictionary)
    with (
        open_engine(lake.root) as connection,
        lake.stage(Place("template_counts", source.name, _DAY)) as staged,
    ):
        templated = with_templates(connection, f"read_parquet('{events}')", templating)
        with staged.writer(connection) as writer:
            counts = (
                "SELECT template, count(*) AS messages, min(event_time) AS first,"
                f" max(event_time) AS last FROM {templated.relation} GROUP BY template"
            )
            writer.append(connection.sql(counts).to_arrow_table())
        _commit(staged, writer.content)
    return templated.unknown


def _trained(catalog: Any, detector: Any, units: Path) -> Any:
    """PCA on the first units, exported and bundled as a release is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from detectors import family_of
    from detectors.interface import Examples, Training
    from whetstone.releases import Bundle, stamp
    from whetstone.scoring.run import BundleScorer

    names = tuple(detector.features)
    first = next(pq.ParquetFile(units).iter_batches(_TRAINING_UNITS, columns=list(names)))
    examples = Examples(pa.Table.from_batches([first]), None)
    model = family_of(detector).fit(examples, Training(detector.seed))
    return BundleScorer(
        stamp(
            Bundle(
                graph=model.export(),
                threshold=model.threshold(detector.operating_point.significance),
                definitions=catalog.needed_by(detector),
                feature_names=names,
                manifest={"detector": detector.name},
                model_card="",
            )
        )
    )


def _scored(lake: Any, scorer: Any, events: Path, place: Any) -> tuple[int, int]:
    from whetstone.engine import only_row, open_engine

    relation = f"read_parquet('{events}')"
    with open_engine(lake.root) as connection, lake.stage(place) as staged:
        connection.register("scored", scorer.score_events(connection, relation))
        connection.execute("CREATE TEMP TABLE scores AS FROM scored")
        (alerts,) = only_row(connection, "SELECT count(*) FROM scores WHERE is_alert")
        content = staged.write(connection, "scores")
        _commit(staged, content)
    return content.rows, alerts


def _eve(directory: Path) -> dict[str, Any]:
    from whetstone.catalog import load_catalog
    from whetstone.lake import Lake
    from whetstone.settings import settings

    source = load_catalog(_ROOT / "catalog").sources["suricata_flow"]
    files = _landed(directory, source.name, _EVE_DAY)
    stage = _Stages()
    parsed = _parsed(Lake(settings().lake), source, files, _EVE_DAY, stage)
    return {
        "lines": parsed.lines,
        "events": parsed.events,
        "rejects": sum(parsed.rejects.values()),
        "stages": stage.seconds,
        "cpu_seconds": stage.cpu_seconds,
    }


def _drain3(directory: Path) -> dict[str, Any]:
    """The same steps as one writes them with drain3, pandas and scikit-learn."""
    import re

    import numpy as np
    import pandas as pd
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig
    from sklearn.decomposition import PCA

    raw = directory / "raw.log"
    stage = _Stages()
    header = re.compile(r"^(\d{6} \d{6}) (\d+) ([A-Z]+) ([^ :]+): (.*)$")
    block = re.compile(r"blk_-?\d+")
    address = re.compile(r"src: /((?:\d{1,3}\.){3}\d{1,3})")
    with stage("parsing"):
        rows: list[tuple[str, ...]] = []
        with raw.open(encoding="utf-8") as file:
            for line in file:
                if found := header.match(line):
                    named = block.search(found[5])
                    came = address.search(found[5])
                    ends = (named[0] if named else None, came[1] if came else None)
                    rows.append((*found.groups(), *ends))
        columns = ["time", "thread", "level", "component", "content", "block", "src_ip"]
        table = pd.DataFrame(rows, columns=columns)
        del rows
        table["thread"] = table["thread"].astype("int64")
        table["time"] = pd.to_datetime(table["time"], format="%y%m%d %H%M%S")
    with stage("templates"):
        config = TemplateMinerConfig()
        config.masking_instructions = [
            MaskingInstruction(r"blk_-?\d+", "BLOCK"),
            MaskingInstruction(r"\d+\.\d+\.\d+\.\d+(:\d+)?", "ADDRESS"),
            MaskingInstruction(r"\b\d+\b", "NUMBER"),
        ]
        miner = TemplateMiner(config=config)
        table["template"] = [miner.add_log_message(text)["cluster_id"] for text in table["content"]]
        table.to_parquet(directory / "peer.parquet")
    with stage("sessions"):
        counts = pd.crosstab(table["block"], table["template"])
        counts.to_parquet(directory / "peer-sessions.parquet")
    with stage("scores"):
        features = np.log1p(counts.to_numpy(np.float64))
        model = PCA(0.95).fit(features[:_TRAINING_UNITS])
        left = features - model.inverse_transform(model.transform(features))
        scores = pd.DataFrame({"block": counts.index, "score": (left**2).sum(axis=1)})
        scores.to_parquet(directory / "peer-scores.parquet")
    return {
        "lines": len(table),
        "templates": len(miner.drain.clusters),
        "sessions": len(counts),
        "stages": stage.seconds,
        "cpu_seconds": stage.cpu_seconds,
    }


_CONTENDERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "ours": _ours,
    "drain3": _drain3,
    "eve": _eve,
}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.batch", description=__doc__)
    parser.add_argument("--lines", type=int, default=_BASE_LINES)
    parser.add_argument("--peer", choices=["drain3"], help=f"on {_BASE_LINES:,} lines at most")
    parser.add_argument("--eve", type=int, default=0, metavar="EVENTS")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("WHETSTONE_DATA", _ROOT.parent / "shared/data")),
        help="public logs; default: WHETSTONE_DATA or ../shared/data",
    )
    parser.add_argument("--directory", type=Path, help="where to write; default: the system's")
    parser.add_argument("--json", action="store_true", help="on one line")
    parser.add_argument("--contender", choices=_CONTENDERS, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
