"""A small installation to try ideas in: a door's log, whose attackers try many users.

The view counts lines and bytes, which say little; who counts users knows nearly all.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from whetstone.catalog import load_catalog
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.lake import Lake, Manifest, Place
from whetstone.parsing import RawFile, parse_files
from whetstone.settings import Settings

DAY = date(2026, 3, 2)
FILES = {
    "sources/door": """name: "door"
format: KEY_VALUE
event_time: "event_time"
fields { name: "event_time" data_type: "TIMESTAMP" index: "at" definition: "$1" }
fields { name: "src" data_type: "VARCHAR" index: "src" definition: "$1" personal_data: ADDRESS }
fields { name: "user" data_type: "VARCHAR" index: "user" definition: "$1" personal_data: USER }
fields { name: "bytes" data_type: "BIGINT" index: "bytes" definition: "$1" }
fields { name: "told" data_type: "VARCHAR" index: "told" definition: "$1" }
samples: "at=2026-03-02T00:00:01 src=a user=u1 bytes=12 told=no"
""",
    "features/door_5m": """name: "door_5m"
source: "door"
window { entity: "src" every: "5m" }
features { name: "lines" data_type: "BIGINT" definition: "count(*)" }
features { name: "bytes_sum" data_type: "BIGINT" definition: "sum(bytes)" }
""",
    "golden/door_attacks": """name: "door_attacks"
feature_view: "door_5m"
classes { name: "attack" positive: true }
classes { name: "benign" }
holdout { group { keys: "src" test_share: 0.3 validation_share: 0.2 } }
""",
    "detectors/door_gb": """name: "door_gb"
golden_dataset: "door_attacks"
features: "lines"
features: "bytes_sum"
gradient_boosting { iterations: 8 learning_rate: 0.2 max_leaf_nodes: 7 min_samples_leaf: 5 }
operating_point { max_false_positive_rate: 0.05 }
gate { min_average_precision: 0.5 tolerance: 0.01 }
""",
    "detectors/door_words": """name: "door_words"
golden_dataset: "door_attacks"
features: "lines"
isolation_forest { trees: 20 }
operating_point { max_false_positive_rate: 0.05 }
gate { min_average_precision: 0.1 tolerance: 0.01 }
""",
    "environments/berlin": """name: "berlin"
sources: "door"
detectors: "door_gb"
""",
}


@dataclass(frozen=True)
class IdeaWorld:
    directory: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.directory / "home", catalog=self.directory / "catalog")

    def idea(self, text: str, name: str = "proposal") -> Path:
        file = self.directory / f"{name}.textproto"
        file.write_text(text)
        return file

    def of(
        self,
        definition: str,
        data_type: str = "BIGINT",
        detector: str = "door_gb",
        name: str = "proposal",
    ) -> Path:
        """An idea of one feature called `proposed`."""
        return self.idea(
            f'name: "{name}"\nby: "ada"\nfeature_view: "door_5m"\ndetectors: "{detector}"\n'
            f'features {{ name: "proposed" data_type: "{data_type}"\n'
            f'  definition: "{definition}" }}\n'
        )


def catalog_only(directory: Path) -> IdeaWorld:
    """An installation without any data."""
    for name, text in FILES.items():
        file = directory / "catalog" / f"{name}.textproto"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return IdeaWorld(directory)


def idea_world(directory: Path) -> IdeaWorld:
    """An installation with golden examples, a training set and four production days."""
    world = catalog_only(directory)
    catalog = load_catalog(world.settings.catalog)
    source, view = catalog.sources["door"], catalog.feature_views["door_5m"]
    lake = Lake(world.settings.lake)
    chance = random.Random(3)  # noqa: S311
    golden = directory / "golden.log"
    golden.write_text("".join(_lines(chance, DAY, attackers=30, others=90)))
    with open_engine(lake.root) as connection:
        file = RawFile(golden, "contribution-1", "golden.log")
        parse_files(connection, source, [file], DAY.isoformat(), 1 << 20)
        with lake.stage(Place("golden", "door_attacks")) as staged:
            staged.write(connection, "events", "events.parquet")
            staged.commit(Manifest("", {}, "1", 1))
        connection.execute(
            f"""CREATE TEMP TABLE examples AS
                SELECT *, CASE WHEN src LIKE 'bad%' THEN 'attack' ELSE 'benign' END AS label,
                       src LIKE 'bad%' AS positive,
                       CASE WHEN hash(src) % 5 = 0 THEN 'test' ELSE 'train' END AS split
                FROM ({features_sql(view, "events")})"""
        )
        for name in ("door_gb", "door_words"):
            with lake.stage(Place("training_set", name)) as staged:
                staged.write(connection, "examples")
                staged.commit(Manifest("", {}, "1", 1))
        for number in range(4):
            day = DAY + timedelta(number)
            raw = directory / f"{day}.log"
            raw.write_text("".join(_lines(chance, day, attackers=2, others=25)))
            file = RawFile(raw, "berlin", f"berlin/door/{day}/{raw.name}")
            parse_files(connection, source, [file], day.isoformat(), 1 << 20)
            with lake.stage(Place("parsed", "door", day.isoformat())) as staged:
                staged.write(connection, "events")
                staged.commit(Manifest("", {}, "1", 1))
    return world


def _lines(chance: random.Random, day: date, *, attackers: int, others: int) -> list[str]:
    lines: list[tuple[datetime, str]] = []
    for number in range(attackers + others):
        bad = number < attackers
        src = f"{'bad' if bad else 'good'}{number}"
        start = datetime.combine(day, datetime.min.time()) + timedelta(
            minutes=5 * chance.randrange(280)
        )
        for window in range(2):
            own = [f"u{chance.randrange(200)}" for _ in range(9 if bad else 3)]
            for _ in range(chance.randint(6, 20)):
                at = start + timedelta(minutes=5 * window, seconds=chance.randrange(300))
                # A few others share an address, a few attackers are shy.
                user = chance.choice(own if chance.random() < 0.9 else [f"x{chance.random()}"])
                told = "yes" if bad else "no"
                text = f"at={at:%Y-%m-%dT%H:%M:%S} src={src} user={user}"
                lines.append((at, f"{text} bytes={chance.randrange(900)} told={told}\n"))
    return [line for _, line in sorted(lines)]
