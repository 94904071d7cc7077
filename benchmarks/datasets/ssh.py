"""Password guessing against ssh: the OpenSSH log of LogHub, an internet-facing server in 2015.

The log names no attacker. Labels follow from how an address ends, over the whole log, which no
five-minute window sees: who is let in at any time is benign; who is refused ten times and never
let in attacks. Whoever is refused less often and never let in may be either: their windows carry
no label, and how many of them are alerted upon is told apart. That leaves few benign windows, so
days that the demo generates without attackers stand beside them. Training is on labs of the demo
alone: not a line of the real log trains.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.datasets import (
    Dataset,
    Goal,
    Judged,
    Part,
    find,
    join_lines,
    write_labels,
    write_lines,
)
from demo import labs, sshd
from demo.world import Site
from whetstone.catalog import load_catalog
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.parsing import RawFile, parse_files
from whetstone.settings import settings

_LOG = "loghub_2k/OpenSSH/OpenSSH_2k.log*"
_DAY = "2015-12-10"
_REFUSALS = 10
_SEED = 11
_BENIGN_DAYS = 5
_FIRST_DAY = date(2026, 2, 2)
_ORDINARY = sshd.Plan(logins=40, noise=24, forgotten=1)
# What an address is, by its end; and of every refusal of it, how many there were until then.
_KINDS = f"""
    SELECT src_ip, CASE WHEN bool_or(outcome = 'accepted') THEN 'benign'
                        WHEN sum(times) FILTER (WHERE outcome = 'failed') >= {_REFUSALS}
                        THEN 'attack' ELSE 'undecided' END AS kind
    FROM events WHERE src_ip IS NOT NULL AND outcome IS NOT NULL GROUP BY src_ip"""
_REFUSED = f"""
    SELECT src_ip, raw_line AS until,
           sum(times) OVER (PARTITION BY src_ip ORDER BY raw_line) AS refusals
    FROM events WHERE outcome = 'failed' QUALIFY refusals <= {4 * _REFUSALS}"""


def _parts(data: Path, into: Path) -> list[Part]:
    real = join_lines(_files(data), into / "real.log")
    with _events([real]) as connection:
        kinds = connection.execute(f"FROM ({_KINDS}) WHERE kind <> 'undecided'").fetchall()
    parts = [Part(real, write_labels(into / "real.csv", sorted(kinds)), "test", _DAY)]
    for lab in labs.contributions(_SEED, scale=1.0):
        if lab.dataset == "ssh_bruteforce":
            raw = write_lines(into / f"{lab.name}.log", (record.raw for record in lab.records))
            labels = into / f"{lab.name}.csv"
            labels.write_text(lab.labels(), encoding="utf-8")
            parts.append(Part(raw, labels, "train", lab.day.isoformat()))
    site = Site(_SEED + 1, "quiet", lab=True)
    for number in range(_BENIGN_DAYS):
        day = _FIRST_DAY + timedelta(days=number)
        records = sshd.records(site, day, _ORDINARY)
        raw = write_lines(into / f"{day}.log", (record.raw for record in records))
        labels = write_labels(into / f"{day}.csv", [("*", "benign")])
        parts.append(Part(raw, labels, "test", day.isoformat()))
    return parts


def _files(data: Path) -> list[Path]:
    return [path for path in find(data, _LOG) if path.name.endswith((".log", ".log.gz"))]


@contextmanager
def _events(files: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the table `events` of the real log."""
    source = load_catalog(settings().catalog).sources["sshd"]
    raw = [RawFile(path, "real", path.name) for path in files]
    with open_engine() as connection:
        parse_files(connection, source, raw, _DAY, settings().max_line_bytes)
        yield connection


def _measure(judged: Judged) -> Mapping[str, Any]:
    """After how many refusals each address is found; alerts on benign days and on the undecided."""
    found = _found_after(judged)
    attackers = {ip: after for ip, kind, after in found if kind == "attack"}
    undecided = [after for _, kind, after in found if kind == "undecided"]
    within = [after is not None and after <= _REFUSALS for after in attackers.values()]
    test = judged.examples["test"]
    false_alarms = int((judged.alerts & ~judged.positive).sum())
    return {
        "attackers": len(attackers),
        "attackers_found_within_10_share": float(np.mean(within)),
        "refusals_until_found": attackers,
        "undecided_addresses": len(undecided),
        "undecided_addresses_found": sum(after is not None for after in undecided),
        "benign_windows": int((~judged.positive).sum()),
        "benign_days": len({at.date() for at in test["unit_start"].to_pylist()}) - 1,
        "false_alarms": false_alarms,
        "no_false_alarm": float(false_alarms == 0),
    }


def _found_after(judged: Judged) -> list[tuple[str, str, int | None]]:
    """Of each address that was refused: address, kind, and the refusals until the first alert.

    Windows are scored as they stand after each refusal, as a stream would: with all lines of the
    address up to then. A beginning of its lines is an environment, named by its refusals.
    """
    view = load_catalog(settings().catalog).feature_views["sshd_source_5m"]
    with _events(_files(judged.data)) as connection:
        connection.execute(
            f"""CREATE TEMP TABLE beginnings AS
                SELECT events.* REPLACE (refusals::VARCHAR AS environment)
                FROM events JOIN ({_REFUSED}) AS refused
                ON events.src_ip = refused.src_ip AND raw_line <= until"""
        )
        units = connection.sql(features_sql(view, "beginnings")).to_arrow_table()
        scores = judged.trained.model.score(units)
        alert = pa.array(scores >= judged.trained.threshold)
        connection.register("alerts", units.append_column("alert", alert))
        return connection.execute(
            f"""SELECT src_ip, kind, min(environment::BIGINT) FILTER (WHERE alert)
                FROM alerts JOIN ({_KINDS}) USING (src_ip) GROUP BY ALL ORDER BY ALL"""
        ).fetchall()


DATASET = Dataset(
    golden="ssh_bruteforce",
    detectors=("ssh_bruteforce_gb",),
    parts=_parts,
    protocol="Trained on labs that the demo generates; tested on the real log, labelled by how each"
    " address ends, and on five generated days without attackers.",
    published_split=True,
    goals=(Goal("attackers_found_within_10_share", 1.0), Goal("no_false_alarm", 1.0)),
    measure=_measure,
)
