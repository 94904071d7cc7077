"""A small site with a policy: a source with personal data of every kind, and rows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from google.protobuf import text_format

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Environment, Source
from whetstone.engine import open_engine
from whetstone.landing import land, landed_files
from whetstone.parsing import parse_files
from whetstone.privacy import KeyStore, Protection

SOURCE = text_format.Parse(
    r"""name: "vpn" format: LINE event_time: "event_time" message: "message"
    pattern: "^(?P<time>\\S+) (?P<host>\\S+) (?P<ip>\\S+) (?P<user>\\S+) (?P<message>.*)$"
    fields { name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1" }
    fields { name: "host" data_type: "VARCHAR" index: "host" definition: "$1"
             personal_data: HOST }
    fields { name: "src_ip" data_type: "VARCHAR" index: "ip" definition: "$1"
             personal_data: ADDRESS }
    fields { name: "user" data_type: "VARCHAR" index: "user" definition: "$1"
             personal_data: USER }
    fields { name: "seen" data_type: "VARCHAR[]" index: "ip" definition: "[$1, '10.9.9.9']"
             personal_data: ADDRESS }
    fields { name: "port" data_type: "BIGINT" index: "message"
             definition: "nullif(regexp_extract($1, 'port (\\d+)', 1), '')" }
    fields { name: "url" data_type: "VARCHAR" index: "message"
             definition: "'http://' || $1" personal_data: FREE_TEXT }
    fields { name: "words" data_type: "VARCHAR[]" index: "message"
             definition: "string_split($1, ' ')" personal_data: FREE_TEXT }
    fields { name: "message" data_type: "VARCHAR" index: "message" definition: "$1" }""",
    Source(),
)
PSEUDONYMS = "addresses: PSEUDONYM users: PSEUDONYM hosts: PSEUDONYM"
DAY = "2026-03-01"
MAX_LINE_BYTES = 1 << 20


def line(
    message: str = "opened", time: str = f"{DAY}T10:00:00", host: str = "gate1",
    ip: str = "10.1.2.3", user: str = "ana",
) -> str:  # fmt: skip
    return f"{time} {host} {ip} {user} {message}"


def catalog_of(policies: Mapping[str, str], source: Source = SOURCE) -> Catalog:
    """A catalog whose environments have these policies, as text; empty: none."""
    environments = {
        name: text_format.Parse(
            f'name: "{name}" sources: "{source.name}"'
            + (f" privacy {{ {policy} }}" if policy else ""),
            Environment(),
        )
        for name, policy in policies.items()
    }
    return Catalog({source.name: source}, {}, {}, {}, environments)


@dataclass
class Site:
    """Raw files of environments with policies, and what becomes of them."""

    root: Path
    policies: Mapping[str, str] = field(default_factory=lambda: {"oslo": PSEUDONYMS})

    @property
    def keys(self) -> KeyStore:
        return KeyStore(self.root / "keys")

    @property
    def catalog(self) -> Catalog:
        return catalog_of(self.policies)

    def land(self, lines: Sequence[str], environment: str = "oslo", day: str = DAY) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        file = self.root / f"{environment}-{day}.log"
        file.write_text("".join(f"{each}\n" for each in lines))
        land(self.root / "landing", file, environment, SOURCE.name, date.fromisoformat(day))

    def parse(self, day: str = DAY) -> "Rows":
        """The events and rejects of a day, protected."""
        with open_engine() as engine:
            parse_files(
                engine,
                SOURCE,
                landed_files(self.root / "landing", SOURCE.name, day),
                day,
                MAX_LINE_BYTES,
                Protection(self.catalog.environments.values(), self.keys),
            )
            events, rejects = (
                engine.sql(f"FROM {name} ORDER BY raw_file, raw_line").to_arrow_table()
                for name in ("events", "rejects")
            )
        return Rows(events, rejects)


@dataclass(frozen=True)
class Rows:
    """What was parsed."""

    events: pa.Table
    rejects: pa.Table

    def column(self, name: str) -> list[Any]:
        return self.events[name].to_pylist()

    @property
    def everything(self) -> str:
        """All that is stored, as one text."""
        return str([*self.events.to_pylist(), *self.rejects.to_pylist()])
