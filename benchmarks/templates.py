"""Template mining on LogHub-2k with its corrected ground truth: ours, Drain, Brain.

    python -m benchmarks.templates --data ../shared/data --json

One configuration for all systems. The four measures are those of LogHub-2.0 (Jiang et al., ISSTA
2024): GA and PA count lines, FGA and FTA templates. `ours` starts from the raw file, without a
source; the peers get LogHub's own split into headers and content. Drain is drain3 with the
published depth and similarity, bare or behind our masks; Brain likewise. `--without` leaves out one
rule of ours at a time. The last line on stdout is a JSON object.
"""

import argparse
import csv
import functools
import gzip
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa

from benchmarks.brain import brain
from whetstone.parsing import templates_clusters, templates_file
from whetstone.parsing.templates import TemplateDictionary, mask_counts, mine
from whetstone.parsing.templates_file import file_templates, mined_messages
from whetstone.parsing.templates_masks import MASKING

_MAX_LINE_BYTES = 1 << 20
_DAY = "2020-01-01"


@dataclass(frozen=True)
class Measures:
    """Grouping accuracy, its F1, parsing accuracy, F1 of templates."""

    ga: float
    fga: float
    pa: float
    fta: float

    @property
    def rounded(self) -> dict[str, float]:
        """For people and JSON."""
        return {name: round(value, 4) for name, value in self.__dict__.items()}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    systems = {path.name: path for path in sorted((options.data / "loghub_2k").iterdir())}
    truth = {name: structured(path) for name, path in systems.items()}
    contenders: dict[str, Callable[[str], Sequence[str]]] = {
        "ours": lambda name: (
            file_templates(
                systems[name] / f"{name}_2k.log.gz", None, _DAY, _MAX_LINE_BYTES
            ).templates
        ),
        "ours on content": lambda name: mined_messages(truth[name][0]).templates,
        "drain": lambda name: drain(truth[name][0]),
        "drain behind our masks": lambda name: drain(_masked(truth[name][0])),
        "brain": lambda name: brain(truth[name][0]),
        "brain behind our masks": lambda name: brain(_masked(truth[name][0])),
        "our masks alone": lambda name: _masked(truth[name][0]),
    }
    result: dict[str, Any] = {"systems": list(systems), "mean": {}, "by_system": {}}
    for contender, mined in contenders.items():
        measured = {name: measure(truth[name][1], mined(name)) for name in systems}
        result["by_system"][contender] = {name: m.rounded for name, m in measured.items()}
        result["mean"][contender] = mean_of(measured.values()).rounded
        _say(f"{contender:24} " + _text(result["mean"][contender]))
        if contender == "ours":
            for name, measures in measured.items():
                _say(f"  {name:22} " + _text(measures.rounded))
    if options.without:
        result["without"] = _without(truth)
    result["speed"] = _speed(options.data, options.lines)
    print(json.dumps(result, indent=None if options.json else 2))


def measure(truth: Sequence[str], found: Sequence[str]) -> Measures:
    """The measures of LogHub-2.0 over the templates of the same lines in the same order."""
    true_lines, found_lines = _lines(truth), _lines(found)
    right = [t for t, lines in found_lines.items() if true_lines[truth[lines[0]]] == lines]
    exact = [t for t, lines in found_lines.items() if {truth[line] for line in lines} == {t}]
    return Measures(
        ga=sum(len(found_lines[template]) for template in right) / len(truth),
        fga=2 * len(right) / (len(found_lines) + len(true_lines)),
        pa=sum(a == b for a, b in zip(truth, found, strict=True)) / len(truth),
        fta=2 * len(exact) / (len(found_lines) + len(true_lines)),
    )


def mean_of(measures: Any) -> Measures:
    """The mean over systems."""
    return Measures(*map(statistics.fmean, zip(*map(astuple, measures), strict=True)))


def drain(messages: Sequence[str]) -> list[str]:
    """Drain with depth 4 and similarity 0.4, as published; drain3 wrote it."""
    from drain3.drain import Drain

    miner = Drain(depth=4, sim_th=0.4, max_children=100)
    clusters = [miner.add_log_message(message)[0] for message in messages]
    return [cluster.get_template() for cluster in clusters]


def structured(directory: Path) -> tuple[list[str], list[str]]:
    """Content and corrected template of each line."""
    path = directory / f"{directory.name}_2k.log_structured_corrected.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["Content"] for row in rows], [row["EventTemplate"] for row in rows]


def _lines(templates: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for line, template in enumerate(templates):
        found[template].append(line)
    return found


def _masked(messages: Sequence[str]) -> list[str]:
    with duckdb.connect() as connection:
        connection.register("given", pa.table({"n": range(len(messages)), "m": messages}))
        rows = connection.execute(
            f"SELECT {MASKING.mask_sql(MASKING.key_sql('m'))} FROM given ORDER BY n"
        )
        return [mask for (mask,) in rows.fetchall()]


def _without(truth: dict[str, tuple[list[str], list[str]]]) -> dict[str, dict[str, float]]:
    """What each rule is worth: the mean without it, and how many systems it helps and harms."""
    whole = {n: measure(t, mined_messages(m).templates) for n, (m, t) in truth.items()}
    found: dict[str, dict[str, float]] = {}
    for rule, patched in _rules():
        with patched:
            less = {n: measure(t, mined_messages(m).templates) for n, (m, t) in truth.items()}
        gains = [astuple(whole[n])[k] - astuple(less[n])[k] for n in truth for k in (0, 3)]
        found[rule] = {
            **mean_of(less.values()).rounded,
            "helped": sum(max(pair) > 1e-9 for pair in zip(gains[::2], gains[1::2], strict=True)),
            "harmed": sum(min(pair) < -1e-9 for pair in zip(gains[::2], gains[1::2], strict=True)),
        }
        _say(f"without {rule:44} " + _text(found[rule]))
    return found


def _rules() -> Any:
    for field in ("digits", "others"):
        for one in (rules := getattr(MASKING, field)):
            less = replace(MASKING, **{field: tuple(rule for rule in rules if rule is not one)})
            begun = TemplateDictionary(masking=less)
            mined = functools.partial(mine, known=begun)
            name = one if isinstance(one, str) else one[0]
            yield name[:40], mock.patch.object(templates_file, "mine", mined)
    for name in ("_varying_lists", "_varying_digits", "_varying_values", "_varying_chunks"):
        yield name, mock.patch.object(templates_clusters, name, lambda found: None)


def _speed(data: Path, lines: int) -> dict[str, float]:
    """Lines a second of masking and grouping, on real HDFS messages with varied ids."""
    with gzip.open(data / "hdfs/raw/HDFS_sessions_early30pct.log.gz", "rt") as file:
        messages = [line.rstrip("\n").split(": ", 1)[1] for line in file]
    with duckdb.connect() as connection:
        connection.register("real", pa.table({"message": messages}))
        connection.execute(
            f"""CREATE TABLE many AS
                SELECT regexp_replace(message, 'blk_-?\\d', 'blk_' || (n % 10), 'g') AS message
                FROM real, range({-(-lines // len(messages))}) copies(n)"""
        )
        began, cpu_began = time.perf_counter(), time.process_time()
        counts = mask_counts(connection, "many", "message")
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    total = sum(counts.values())
    _say(f"mask and group: {total:,} lines, {len(counts)} masks, {total / seconds:,.0f} lines/s")
    return {
        "lines": total,
        "masks": len(counts),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "lines_per_second": round(total / seconds),
    }


def _text(measures: dict[str, float]) -> str:
    return "  ".join(f"{name.upper()} {value}" for name, value in measures.items())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.templates", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with loghub_2k/, hdfs/")
    parser.add_argument("--lines", type=int, default=2_000_000, help="of the measure of speed")
    parser.add_argument("--without", action="store_true", help="also leave out each rule in turn")
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
