"""The engines that parse and compute features: DuckDB in this process, or Spark, by setting.

Both run the same definitions and stage the same Parquet, so that a partition's content version
does not tell which of them made it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.lake import Content, Staged
from whetstone.parsing import ParsedDay, Protection, RawFile, parse_into
from whetstone.parsing.templates import Templating, with_templates
from whetstone.settings import Settings
from whetstone.sql import literal


class Engine(Protocol):
    """What turns raw files into events, and events into features of units."""

    def parse(
        self,
        source: Source,
        files: Sequence[RawFile],
        day: str,
        events: Staged,
        rejects: Staged,
        protection: Protection | None = None,
    ) -> ParsedDay:
        """Parse a day's raw files into staged partitions.

        Raises:
            InputError: a file cannot be read at all; bad lines are rejects, not errors.
            EngineError: the engine cannot be reached or failed.
        """
        ...

    def features(
        self, view: FeatureView, events: Path, units: Staged, templating: Templating | None = None
    ) -> Content:
        """Compute the features of a partition of events into a staged partition.

        Args:
            view: the definition.
            events: the partition of events.
            units: gets the units with their features.
            templating: where the events' templates come from; None: no feature reads them.

        Raises:
            EngineError: the engine cannot be reached or failed.
        """
        ...


class DuckDBEngine:
    """DuckDB in this process."""

    def __init__(self, settings: Settings, lake: Path):
        self._limit = settings.max_line_bytes
        self._lake = lake

    def parse(
        self,
        source: Source,
        files: Sequence[RawFile],
        day: str,
        events: Staged,
        rejects: Staged,
        protection: Protection | None = None,
    ) -> ParsedDay:
        """As in `Engine`."""
        with open_engine(self._lake) as connection:
            return parse_into(
                connection, source, files, day, self._limit, events, rejects, protection
            )

    def features(
        self, view: FeatureView, events: Path, units: Staged, templating: Templating | None = None
    ) -> Content:
        """As in `Engine`."""
        relation = f"read_parquet({literal(str(events))})"
        with open_engine(self._lake) as connection:
            if templating is not None:
                relation = with_templates(connection, relation, templating).relation
            connection.execute(f"CREATE TEMP TABLE units AS {features_sql(view, relation)}")
            return units.write(connection, "units")


def chosen_engine(settings: Settings, lake: Path) -> Engine:
    """The engine of the settings, for the lake in a directory."""
    if settings.engine == "spark":
        from whetstone.spark.run import SparkEngine  # takes a second that DuckDB need not wait for

        return SparkEngine(settings, lake)
    return DuckDBEngine(settings, lake)
