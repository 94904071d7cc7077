"""Every source of the catalog on the real files of its format: what parses, what does not and why.

    python -m benchmarks.sources --data ../shared/data --write docs/sources.md --json

`FILES` says which files hold records of which source. Records that a source does not accept (those
of the other sources in a mixed file) are skipped and not counted against it. What is written has no
speed in it: it changes when definitions or files do, and a test holds it against both. The last
line on stdout is a JSON object: a row a source with `lines_per_second` (one process, reading and
unpacking included), and the rejects by reason.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.catalog_pb2 import Format, Source
from whetstone.engine import open_engine
from whetstone.parsing import RawFile, parse_files
from whetstone.settings import PROJECT_ROOT, settings

# Clocks without a year get that of the last such day before it.
_DAY = "2026-03-01"
_ENVIRONMENT = "trial"
_LINUX = ("loghub_2k/Linux/Linux_2k.log.gz",)
_OTRF = ("otrf/*.jsonl.gz",)
_EVE = ("suricata/*.json*",)

# Glob patterns below the directory of real files, by source.
FILES: Mapping[str, Sequence[str]] = {
    "adfa_ld": ("adfa_ld/adfa_ld_*.tsv.gz",),
    "apache_access": ("web/*access*.log.gz",),
    "apache_error": ("loghub_2k/Apache/Apache_2k.log.gz",),
    "argus": ("argus/*.binetflow.gz",),
    "auditd": ("otrf/linux_*.log.gz",),
    "bgl": ("raw_logs/BGL_*.log.gz", "loghub_2k/BGL/BGL_2k.log.gz"),
    "dga_domains": ("dga/domains_hosts_*.csv.gz",),
    "elasticsearch": ("elk_export/elastic_*.jsonl.gz",),
    "hadoop": ("loghub_2k/Hadoop/Hadoop_2k.log.gz",),
    "hadoop_keys": ("sequences/hadoop_*.csv.gz",),
    "hdfs": ("hdfs/raw/*.log.gz", "loghub_2k/HDFS/HDFS_2k.log.gz"),
    "hdfs_keys": ("hdfs/deeplog_keys/*.txt.gz",),
    "healthapp": ("raw_logs/HealthApp_*.log.gz",),
    "http_parameters": ("web/httpparams_*.csv.gz",),
    "journald": ("elk_export/journal_*.jsonl.gz",),
    "lanl_auth": ("lanl/auth_day*.txt.gz",),
    "linux_syslog": (*_LINUX, "loghub_2k/OpenSSH/OpenSSH_2k.log.gz"),
    "sshd": ("loghub_2k/OpenSSH/OpenSSH_2k.log.gz", *_LINUX),
    "suricata_alert": _EVE,
    "suricata_anomaly": _EVE,
    "suricata_dns": _EVE,
    "suricata_fileinfo": _EVE,
    "suricata_flow": _EVE,
    "suricata_http": _EVE,
    "suricata_tls": _EVE,
    "sysmon": _OTRF,
    "nsl_kdd": ("nsl_kdd/KDDT*.txt.gz",),
    "openstack_keys": ("sequences/openstack_*.csv.gz",),
    "wazuh": ("elk_export/wazuh_*.jsonl.gz",),
    "web_urls": ("web/urls_*.csv.gz",),
    "windows_cbs": ("loghub_2k/Windows/Windows_2k.log.gz",),
    "windows_security": _OTRF,
    **{
        f"zeek_{log}": (f"zeek/*/{log}.log.gz",)
        for log in (
            *("conn", "dns", "files", "http", "kerberos", "notice"),
            *("rdp", "smtp", "ssh", "ssl", "weird"),
        )
    },
    "zookeeper": ("loghub_2k/Zookeeper/Zookeeper_2k.log.gz",),
}


@dataclass
class Trial:
    """What a source made of its real files."""

    source: Source
    patterns: Sequence[str]
    files: int = 0
    records: int = 0
    parsed: int = 0
    skipped: int = 0
    rejects: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """Share of the source's own records that parsed."""
        return self.parsed / max(self.records - self.skipped, 1)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    catalog = load_catalog(PROJECT_ROOT / "catalog")
    trials: list[Trial] = []
    for trial in try_all(catalog, options.data):
        trials.append(trial)
        _say(
            f"{trial.source.name}: {trial.parsed} of {trial.records - trial.skipped}"
            f" records, {_speed(trial)} records/s"
        )
    if options.write:
        options.write.write_text(document(catalog, trials), encoding="utf-8")
    rows = [_row(trial) for trial in trials]
    worst = min((trial.share for trial in trials), default=0.0)
    result = {
        "sources": rows,
        "tried_on_samples": _without_files(catalog),
        "lowest_share_parsed": round(worst, 6),
    }
    print(json.dumps(result, indent=None if options.json else 2))


def try_all(catalog: Catalog, data: Path) -> Iterator[Trial]:
    """Parse all real files, a source at a time."""
    with open_engine() as connection:
        for name, patterns in FILES.items():
            yield _try(connection, catalog.sources[name], patterns, data)


def document(catalog: Catalog, trials: Sequence[Trial]) -> str:
    """The page that says what was tried and what came of it."""
    real = [
        f"| {_name(t.source)} | {_listed(t.patterns)} | {t.files} | {t.records:,} | {t.skipped:,}"
        f" | {t.parsed:,} | {_reasons(t.rejects)} | {t.share:.2%} |"
        for t in trials
    ]
    samples = [
        f"| {_name(catalog.sources[name])} | {len(catalog.sources[name].samples)} |"
        for name in _without_files(catalog)
    ]
    return "\n".join(
        (
            "# Sources",
            "",
            f"The catalog has {len(catalog.sources)} sources. Written by"
            " `python -m benchmarks.sources --write docs/sources.md`; a test holds it against the"
            " definitions and the files.",
            "",
            "## Tried on real files",
            "",
            "Files are named below the directory of real logs (`WHETSTONE_DATA`). Skipped are the"
            " records of other sources in mixed files; the last column is the share of the rest.",
            "",
            "| source | format | where | files | records | skipped | parsed | rejects | share |",
            "|---|---|---|---:|---:|---:|---:|---|---:|",
            *real,
            "",
            "## Tried on samples",
            "",
            "There is no real file of these: their definitions carry records made after the"
            " format's documentation, which must parse.",
            "",
            "| source | format | samples |",
            "|---|---|---:|",
            *samples,
            "",
        )
    )


def _try(
    connection: duckdb.DuckDBPyConnection, source: Source, patterns: Sequence[str], data: Path
) -> Trial:
    paths = [path for pattern in patterns for path in sorted(data.glob(pattern))]
    files = [RawFile(path, _ENVIRONMENT, str(path.relative_to(data))) for path in paths]
    trial = Trial(source, patterns, len(files))
    began = time.monotonic()
    parsed = parse_files(connection, source, files, _DAY, settings().max_line_bytes)
    trial.seconds = time.monotonic() - began
    trial.records, trial.parsed, trial.skipped = parsed.lines, parsed.events, parsed.skipped
    trial.rejects.update(parsed.rejects)
    return trial


def _without_files(catalog: Catalog) -> list[str]:
    return sorted(catalog.sources.keys() - FILES.keys())


def _row(trial: Trial) -> dict[str, object]:
    return {
        "source": trial.source.name,
        "format": Format.Name(trial.source.format),
        "files": trial.files,
        "records": trial.records,
        "parsed": trial.parsed,
        "skipped": trial.skipped,
        "rejects": dict(trial.rejects),
        "share_parsed": round(trial.share, 6),
        "lines_per_second": _speed(trial),
    }


def _speed(trial: Trial) -> int:
    return round(trial.records / trial.seconds)


def _name(source: Source) -> str:
    link = f"[{source.name}](../catalog/sources/{source.name}.textproto)"
    return f"{link}: {source.display_name} | {Format.Name(source.format)}"


def _listed(patterns: Sequence[str]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in patterns)


def _reasons(rejects: Mapping[str, int]) -> str:
    listed = [f"{reason}: {count:,}" for reason, count in sorted(rejects.items())]
    return "; ".join(listed).replace("|", "\\|") or "none"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.sources", description=__doc__)
    parser.add_argument("--data", type=Path, default=PROJECT_ROOT.parent / "shared" / "data")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="the table, as Markdown")
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
