"""Layer `parsed`: raw files to events; rejects are kept beside them."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.columns import event_schema, reject_schema
from assets.factory import Factory, Look, Made, Work
from resources.roots import time_zones
from whetstone.catalog.catalog_pb2 import Source
from whetstone.engines import chosen_engine
from whetstone.lake import Place
from whetstone.landing import landed_files
from whetstone.parsing import Parsed
from whetstone.privacy import KeyStore, Protection

_FRESH_HOURS = 6


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset a source, and its rejects."""
    return [_parsed(factory, source) for source in factory.catalog.sources.values()]


def _parsed(factory: Factory, source: Source) -> dg.AssetsDefinition:
    asset, rejects = f"parsed/{source.name}", f"rejects/{source.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        files = landed_files(
            factory.settings.landing, source.name, work.day, time_zones(factory.catalog)
        )
        lake = work.stores.lake
        beside = Place("rejects", source.name, work.day)
        with lake.stage(work.place) as events, lake.stage(beside) as bad:
            engine = chosen_engine(factory.settings, lake.root)
            keys = KeyStore(factory.settings.privacy_keys)
            protection = Protection(factory.catalog.environments.values(), keys)
            made = engine.parse(source, files, work.day, events, bad, protection)
            parsed = made.parsed
            work.commit(bad, made.rejects.version, made.rejects.rows, parsed.rejects)
            facts = {
                "files": len(files),
                "lines": parsed.lines,
                "skipped": parsed.skipped,
                "rejects": parsed.rejects,
            }
            manifest = work.commit(events, made.events.version, made.events.rows, facts)
        return Made(
            manifest,
            metadata={
                "dagster/row_count": parsed.events,
                "files": len(files),
                "lines": parsed.lines,
                "skipped": parsed.skipped,
                "reject_rate": _reject_rate(parsed),
            },
            checks=[
                _reject_check(key, source, work.day, parsed),
                _freshness_check(key, work.day, made.newest),
            ],
            beside={
                rejects: {
                    "dagster/row_count": sum(parsed.rejects.values()),
                    "reasons": dg.MetadataValue.json(parsed.rejects),
                }
            },
        )

    return factory.asset(
        asset,
        Look(
            description=f"{source.description}\n\nOne row an event.",
            kinds=frozenset({"duckdb", "parquet"}),
            owners=source.owners,
            tags=dict(source.tags),
            columns=event_schema(source),
        ),
        make,
        checks=[
            dg.AssetCheckSpec(
                "reject_rate",
                asset=key,
                description=f"At most {source.max_reject_rate:.2%} of the lines are rejected.",
            ),
            dg.AssetCheckSpec(
                "freshness",
                asset=key,
                description=f"The newest event is of the day's last {_FRESH_HOURS} hours.",
            ),
        ],
        beside={
            rejects: Look(
                description=f"Lines that {source.display_name} could not parse, with the reason.",
                kinds=frozenset({"duckdb", "parquet"}),
                owners=source.owners,
                tags=dict(source.tags),
                columns=reject_schema(),
            )
        },
    )


def _reject_rate(parsed: Parsed) -> float:
    return sum(parsed.rejects.values()) / parsed.lines if parsed.lines else 0.0


def _reject_check(
    key: dg.AssetKey, source: Source, day: str, parsed: Parsed
) -> dg.AssetCheckResult:
    rate = _reject_rate(parsed)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="reject_rate",
        passed=rate <= source.max_reject_rate,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"day": day, "rate": rate, "reasons": dg.MetadataValue.json(parsed.rejects)},
    )


def _freshness_check(key: dg.AssetKey, day: str, newest: datetime | None) -> dg.AssetCheckResult:
    """Whether the source was still speaking when the day (or, today, this hour) ended."""
    end = min(
        datetime.fromisoformat(day) + timedelta(days=1), datetime.now(UTC).replace(tzinfo=None)
    )
    silent = (end - newest).total_seconds() / 3600 if newest else None
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="freshness",
        passed=silent is not None and silent <= _FRESH_HOURS,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "day": day,
            "newest_event": str(newest),
            "silent_hours": silent if newest else "no events",
        },
    )
