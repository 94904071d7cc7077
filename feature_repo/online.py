"""The online store: the latest windows of slow views, written for scorers and read for bundles."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

import pandas as pd
import pyarrow as pa
from feast import FeatureStore

from whetstone.catalog.slow import Slow
from whetstone.releases.online import Online, key_of, write_online
from whetstone.scoring.feast_values import entity_key, field_of
from whetstone.scoring.slow import ARROW_TYPES
from whetstone.settings import settings
from whetstone.sql import identifier

_ROWS_A_CALL = 10_000


def write_latest(store: FeatureStore, slow: Slow, windows: pa.Table) -> None:
    """Write windows to the online store; of an entity the latest that was ever written stays.

    Args:
        store: from `feature_repo.store.open_store`, after `apply`.
        slow: whose definitions made them.
        windows: a row an entity: `slow.keys`, `event_timestamp` and the features.
    """
    store.refresh_registry()
    rows = windows.select([*slow.keys, "event_timestamp", *slow.features])
    for at in range(0, rows.num_rows, _ROWS_A_CALL):
        # Arrow's types, because NumPy's have no NULL: integers would become floats.
        frame = rows.slice(at, _ROWS_A_CALL).to_pandas(types_mapper=pd.ArrowDtype)
        store.write_to_online_store(slow.online, df=frame)


def forget(store: FeatureStore, slow: Slow, entities: pa.Table) -> None:
    """Remove entities from the online store: what is gone from the lake is known nowhere.

    Feast itself can only remove a view as a whole.

    Args:
        store: as `write_latest`.
        slow: the view.
        entities: columns `slow.keys`.
    """
    rows = entities.select(list(slow.keys)).to_pylist()
    if not rows:
        return
    keys = [entity_key(row, slow.keys) for row in rows]
    project, online = store.project, store.config.online_config
    if online["type"] == "sqlite":
        with closing(sqlite3.connect(online["path"], timeout=30)) as database, database:
            table = identifier(f"{project}_{slow.online}")
            database.executemany(f"DELETE FROM {table} WHERE entity_key = ?", [(k,) for k in keys])
        return
    import redis

    fields = [f"_ts:{slow.online}", *(field_of(slow.online, name) for name in slow.features)]
    with redis.Redis.from_url(settings().online_store) as client:
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.hdel(key + project.encode(), *fields)
        pipe.execute()


def export(store: FeatureStore, entities: Sequence[tuple[Slow, pa.Table]]) -> Online:
    """What the online store knows of entities, for the bundle of a detector.

    Args:
        store: as `write_latest`.
        entities: of each of the detector's slow views the entities, columns `slow.keys`.
    """
    store.refresh_registry()
    kinds = {
        name: ARROW_TYPES[kind]
        for slow, _ in entities
        for name, kind in zip(slow.names, slow.types, strict=True)
    }
    schema = pa.schema(
        [("key", pa.binary(16)), ("event_timestamp", pa.timestamp("us")), *kinds.items()]
    )
    parts = [
        pa.table({name: part.get(name, [None] * len(part["key"])) for name in schema.names}, schema)
        for slow, keys in entities
        for part in _read(store, slow, keys)
    ]
    return Online(write_online(pa.concat_tables([schema.empty_table(), *parts])))


def _read(store: FeatureStore, slow: Slow, entities: pa.Table) -> Iterator[dict[str, list[object]]]:
    """The known windows of entities as columns, some at a time."""
    references = [f"{slow.online}:{feature}" for feature in slow.features]
    for at in range(0, entities.num_rows, _ROWS_A_CALL):
        rows = entities.slice(at, _ROWS_A_CALL).select(list(slow.keys)).to_pylist()
        answer = store.get_online_features(references, rows).to_dict(include_event_timestamps=True)
        # All features of a window have its end; 0 means that nothing is known.
        ends = answer[f"{slow.features[0]}__ts"]
        known = [i for i, end in enumerate(ends) if end]
        yield {
            "key": [key_of(slow.online, list(rows[i].values())) for i in known],
            "event_timestamp": [ends[i] * 1_000_000 for i in known],
            **{
                name: [answer[feature][i] for i in known]
                for feature, name in zip(slow.features, slow.names, strict=True)
            },
        }
