"""Small logs of a web server, labelled, contributed and built into a golden dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from google.protobuf import text_format

from whetstone.catalog.catalog_pb2 import FeatureView, GoldenDataset, Source
from whetstone.contributions import Contribution, contribute
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.golden import Golden, JudgedUnit, build_golden
from whetstone.landing import land, landed_files
from whetstone.parsing import parse_files

SOURCE = text_format.Parse(
    r"""name: "web" format: LINE event_time: "event_time"
    pattern: "^(?P<time>\\S+) (?P<ip>\\S+) (?P<session>\\S+) (?P<size>\\d+)$"
    fields { name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1" }
    fields { name: "ip" data_type: "VARCHAR" index: "ip" definition: "$1" }
    fields { name: "session" data_type: "VARCHAR" index: "session" definition: "nullif($1, '-')" }
    fields { name: "size" data_type: "BIGINT" index: "size" definition: "$1" }""",
    Source(),
)
_AGGREGATES = """
    features { name: "requests" data_type: "BIGINT" definition: "count(*)" }
    features { name: "bytes" data_type: "BIGINT" definition: "sum(size)" }"""
VIEWS = {
    "window": f'name: "w" source: "web" window {{ entity: "ip" every: "5m" }} {_AGGREGATES}',
    "session": f'name: "s" source: "web" session {{ key: "session" }} {_AGGREGATES}',
    "event": """name: "e" source: "web" event { entity: "ip" entity: "session" }
        features { name: "bytes" data_type: "BIGINT" definition: "size" }""",
}
BY_GROUP = 'group { keys: "%s" test_share: 0.3 validation_share: 0.2 }'
BY_TIME = 'time { validation_from: "2026-03-01T12:00:00" test_from: "2026-03-01T18:00:00Z" }'
MIDNIGHT = datetime.fromisoformat("2026-03-01")
MAX_LINE_BYTES = 1 << 20


def view_of(kind: str) -> FeatureView:
    return text_format.Parse(VIEWS[kind], FeatureView())


def dataset_of(kind: str = "window", holdout: str = "") -> GoldenDataset:
    group = BY_GROUP % ("session" if kind == "session" else "ip")
    return text_format.Parse(
        f"""name: "web_scan" feature_view: "{kind[0]}"
        classes {{ name: "scan" aliases: "Attack" aliases: "1" positive: true }}
        classes {{ name: "benign" aliases: "normal" aliases: "0" }}
        holdout {{ {holdout or group} }}""",
        GoldenDataset(),
    )


def at(minutes: float) -> datetime:
    """The instant so many minutes after the world's midnight."""
    return MIDNIGHT + timedelta(minutes=minutes)


def line(minutes: float, ip: str = "10.0.0.1", session: str = "-", size: int = 1) -> str:
    return f"{at(minutes).isoformat()} {ip} {session} {size}\n"


@dataclass
class World:
    """A landing area, contributions and a lake of one test."""

    root: Path
    kind: str = "window"
    holdout: str = ""

    @property
    def view(self) -> FeatureView:
        return view_of(self.kind)

    @property
    def dataset(self) -> GoldenDataset:
        return dataset_of(self.kind, self.holdout)

    def contribute(self, lines: Sequence[str], labels: str, who: str = "ana") -> Contribution:
        self.root.mkdir(parents=True, exist_ok=True)
        raw, table = self.root / "raw.log", self.root / "l.csv"
        raw.write_text("".join(lines))
        table.write_text(labels)
        place = self.root / "contributions"
        day = date.fromisoformat("2026-03-01")
        return contribute(place, "web_scan", "web", raw, table, contributor=who, day=day)[0]

    def land(self, lines: Sequence[str], day: str = "2026-03-01") -> None:
        """Let production parse raw lines of a day and keep the units that it made of them."""
        self.root.mkdir(parents=True, exist_ok=True)
        file = self.root / f"{day}.log"
        file.write_text("".join(lines))
        landing, lake = self.root / "landing", self.root / "lake"
        lake.mkdir(exist_ok=True)
        land(landing, file, "oslo", "web", date.fromisoformat(day))
        with open_engine(lake) as engine:
            files = landed_files(landing, "web", day)
            parse_files(engine, SOURCE, files, day, MAX_LINE_BYTES)
            engine.execute(f"COPY events TO '{lake}/events-{day}.parquet'")
            units = features_sql(self.view, "events")
            engine.execute(f"COPY ({units}) TO '{lake}/units-{day}.parquet'")

    def produced(self) -> list[dict[str, Any]]:
        """The units of production with their features, of all days."""
        return self._read(f"FROM '{self.root}/lake/units-*.parquet'")

    def judge(self, unit: dict[str, Any], positive: bool, verdict: str = "7") -> JudgedUnit:
        names = {"session": ("session",), "window": ("ip",), "event": ("ip", "session")}
        return JudgedUnit(
            origin=f"verdict:{verdict}",
            contributor="cem",
            environment=unit["environment"],
            entity=tuple(unit[name] for name in names[self.kind]),
            unit_start=unit["unit_start"],
            event_timestamp=unit["event_timestamp"],
            positive=positive,
        )

    def build(self, accepted: Sequence[Contribution], judged: Sequence[JudgedUnit] = ()) -> "Built":
        lake = self.root / "lake"
        landed = lake.is_dir()
        lake.mkdir(parents=True, exist_ok=True)
        production = f"SELECT * FROM read_parquet('{lake}/events-*.parquet')" if landed else None
        with open_engine(lake) as engine:
            golden = build_golden(
                engine,
                SOURCE,
                self.view,
                self.dataset,
                accepted,
                judged,
                production,
                MAX_LINE_BYTES,
            )
            examples = engine.sql("FROM examples").to_arrow_table().to_pylist()
            features = engine.sql(
                f"FROM ({features_sql(self.view, 'golden_events')}) SEMI JOIN examples"
                " USING (environment, unit, event_timestamp) ORDER BY ALL"
            )
            events = engine.sql("FROM golden_events").to_arrow_table()
            return Built(golden, examples, features.to_arrow_table().to_pylist(), events)

    def _read(self, select: str) -> list[dict[str, Any]]:
        with open_engine(self.root / "lake") as engine:
            return engine.sql(f"{select} ORDER BY ALL").to_arrow_table().to_pylist()


@dataclass(frozen=True)
class Built:
    golden: Golden
    examples: list[dict[str, Any]]
    features: list[dict[str, Any]]
    events: pa.Table = field(compare=False)

    def labels(self) -> dict[str, str]:
        """The label of each unit, by name and time of day of its start."""
        return {f"{e['unit']} {e['unit_start']:%H:%M}": e["label"] for e in self.examples}
