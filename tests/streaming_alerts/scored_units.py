"""Small models whose scores a test can tell beforehand, and units as they score."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from google.protobuf import text_format
from onnx import helper

from detectors.graphs import assemble
from whetstone.catalog.catalog_pb2 import Definitions
from whetstone.releases import Bundle, stamp
from whetstone.scoring.calibration import CALIBRATION, Calibration
from whetstone.scoring.encoding.rows import Rows
from whetstone.scoring.onnx import GraphInput
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.alerting.alerts import Alerting
from whetstone.streaming.flow import Line, Scored
from whetstone.streaming.outputs.entries import Entry

ENVIRONMENT = "berlin"
START = datetime.fromisoformat("2026-11-21T12:00:00")  # UTC, naive as all instants
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00")
THRESHOLD = 10.0
UNITS = {
    "window": 'window { entity: "src_ip" every: "5m" }',
    "session": 'session { key: "src_ip" }',
    "event": 'event { entity: "src_ip" entity: "raw_line" }',
    "line": 'event { entity: "raw_line" }',
}
_DEFINITIONS = """
sources {{
  name: "sshd" format: LINE
  pattern: "(?P<time>\\\\S+) (?P<ip>\\\\S+) (?P<user>\\\\S+) (?P<weight>\\\\d+)"
  fields {{ name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1::TIMESTAMP" }}
  fields {{
    name: "src_ip" data_type: "VARCHAR" index: "ip" definition: "$1" personal_data: ADDRESS
  }}
  fields {{
    name: "user" data_type: "VARCHAR" index: "user" definition: "$1" personal_data: USER
  }}
  fields {{ name: "weight" data_type: "DOUBLE" index: "weight" definition: "$1::DOUBLE" }}
  event_time: "event_time" max_reject_rate: 0.1
}}
feature_views {{
  name: "view" source: "sshd" {unit}
  features {{ name: "a" data_type: "DOUBLE" definition: "{a}" }}
  features {{ name: "b" data_type: "VARCHAR" definition: "{b}" }}
}}
golden_datasets {{ name: "golden" feature_view: "view" technique: "T1568.002" }}
detectors {{
  name: "{name}" display_name: "Guessed passwords" golden_dataset: "golden"
  features: "a" features: "b" early: {early}
}}
"""


@cache
def model(
    unit: str = "window", name: str = "guessing", early: bool = False, version: int = 1
) -> BundleScorer:
    """A model whose score is its feature `a`; from 10 on it is an alert.

    Of the benign units, 1 in 1,000 scores 10 or more.
    """
    single = unit in ("event", "line")
    definitions = _DEFINITIONS.format(
        unit=UNITS[unit],
        name=name,
        early=str(early and not single).lower(),
        a="weight" if single else "sum(weight)",
        b="user" if single else "max(user)",
    )
    rows = Rows(("a", "b"), {"b": ("root",)})
    nodes = [
        helper.make_node("Gather", ["features", "first"], ["score"], axis=1),
    ]
    graph = assemble(
        "first",
        [GraphInput(rows)],
        nodes,
        {"first": np.array(0)},
        baselines={"a": 1.0, "b": None},
    )
    calibration = Calibration(n=999, scores=(1.0, 10.0), reached=(500, 1))
    manifest = {
        "detector": name,
        "seed": version,
        CALIBRATION: json.loads(json.dumps(calibration.to_dict())),
    }
    return BundleScorer(
        stamp(
            Bundle(
                graph=graph,
                threshold=THRESHOLD,
                definitions=text_format.Parse(definitions, Definitions()),
                feature_names=("a", "b"),
                manifest=manifest,
                model_card="",
            )
        )
    )


def at(minutes: float = 0, seconds: float = 0) -> datetime:
    return START + timedelta(minutes=minutes, seconds=seconds)


def micros(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


def unit(
    ip: str = "192.0.2.1",
    score: float = 20,
    start: datetime = START,
    events: int = 4,
    minutes: float = 5,
    line: int | None = None,
    user: str = "root",
) -> dict[str, Any]:
    """A row of units; with a line's number that of an event."""
    end = start if line is not None else start + timedelta(minutes=minutes)
    return {
        "environment": ENVIRONMENT,
        "src_ip": ip,
        "raw_line": line or 0,
        "unit": ip if line is None else f"{ip}|{line}",
        "unit_start": start,
        "event_timestamp": end,
        "a": float(score),
        "b": user,
        "_events": 1 if line is not None else events,
        "_last_event": start + timedelta(seconds=events),
    }


_TYPES = {"unit_start": pa.timestamp("us"), "event_timestamp": pa.timestamp("us")}
_TYPES |= {"_last_event": pa.timestamp("us"), "_events": pa.int64(), "raw_line": pa.int64()}
_COLUMNS = pa.schema(
    [
        pa.field(name, _TYPES.get(name, pa.float64() if name == "a" else pa.string()))
        for name in unit()
    ]
)


def scored(
    scorer: BundleScorer,
    rows: Sequence[dict[str, Any]],
    *,
    final: bool = True,
    shadow: bool = False,
    watermark: datetime | None = None,
    lines: Callable[[int], list[Line]] | None = None,
) -> Scored:
    """Rows as a model scores them; the watermark is where the last of them ends."""
    table = pa.Table.from_pylist(list(rows), _COLUMNS)
    units = scorer.score_units(table)
    for extra in ("_events", "_last_event"):
        units = units.append_column(extra, table[extra])
    counts = [row["_events"] for row in rows]

    def evidence(row: int) -> list[Line]:
        return [Line("wire", n, 2**62 + n) for n in range(1, counts[row] + 1)]

    latest = max((row["event_timestamp"] for row in rows), default=START)
    passed = micros(watermark or (latest if final else START))
    return Scored(scorer, units, final, shadow, 0.0, lines or evidence, passed)


def bodies(entries: Sequence[Entry], kind: str = "alert") -> list[dict[str, Any]]:
    """The `whetstone` objects of records of a kind."""
    return [e.record["whetstone"] for e in entries if e.record["whetstone"]["kind"] == kind]


def taken(alerting: Alerting, *all_scored: Scored) -> list[Entry]:
    return [entry for each in all_scored for entry in alerting.take(each)]
