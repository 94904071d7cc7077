"""From pseudonyms back to what they stand for, with the key."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from whetstone.catalog.catalog_pb2 import ADDRESS, HOST, USER, Source
from whetstone.engine import open_engine
from whetstone.lake import Lake
from whetstone.lake_changes import rows_stay
from whetstone.lake_kept import production
from whetstone.privacy.keys import Key, KeyStore
from whetstone.privacy.treatment import undo_any
from whetstone.sql import identifier, literal


@dataclass(frozen=True)
class Occurrence:
    """Where a pseudonym was seen: the alert's environment, entity and time, naive UTC."""

    environment: str
    entity: Mapping[str, str]
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Original:
    """What a field's pseudonym stands for; `value` is None without the key.

    Names prove their key; an address fits any, so several keys give several candidates.
    """

    field: str
    pseudonym: str
    value: str | None
    key_id: str


def key_ids_of(lake: Lake, source: Source, seen: Occurrence, keys: KeyStore) -> list[str]:
    """The ids of the keys that the events behind an occurrence bear.

    The lake says it; where the events are gone, all keys of the days in question are candidates.
    """
    same = " AND ".join(
        f"{identifier(name)}::VARCHAR = {literal(value)}" for name, value in seen.entity.items()
    )
    with open_engine(lake.root) as connection, rows_stay(lake):
        events = production(connection, lake, source)
        if events is not None:
            rows = connection.execute(
                f"""SELECT DISTINCT key_id FROM ({events})
                    WHERE environment = $1 AND event_time BETWEEN $2 AND $3
                      AND key_id IS NOT NULL AND {same or "true"} ORDER BY ALL""",
                [seen.environment, seen.start, seen.end],
            ).fetchall()
            if rows:
                return [key_id for (key_id,) in rows]
    days = {f"{at:%Y-%m-%d}" for at in (seen.start, seen.end)}
    return [i for i in keys.ids(seen.environment) if i.partition("/")[2][:10] in days]


def originals(
    source: Source, seen: Occurrence, key_ids: list[str], keys: KeyStore
) -> list[Original]:
    """What the personal fields of an occurrence stand for."""
    personal = {f.name for f in source.fields if f.personal_data in (ADDRESS, USER, HOST)}
    found: list[Original] = []
    held: list[Key] = [key for i in key_ids if (key := keys.find(i)) is not None]
    for name, pseudonym in seen.entity.items():
        if name not in personal:
            continue
        values = undo_any(pseudonym, held)
        found += [Original(name, pseudonym, value, key_id) for key_id, value in values.items()]
        if not values:
            found.append(Original(name, pseudonym, None, ""))
    return found
