"""The shipped catalog with one edit at a time."""

import random
from dataclasses import replace
from pathlib import Path

from google.protobuf.message import Message

from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.families import families_of
from whetstone.column_lineage import FIELD, Column
from whetstone.lineage import build_graph

ROOT = Path(__file__).resolve().parents[2]
# What names other definitions: to edit it makes another catalog, not another meaning.
_NAMES = frozenset(
    (
        *("name", "source", "feature_view", "golden_dataset", "view", "features", "event_time"),
        *("message", "entity", "key", "keys", "sources", "detectors", "by"),
        *("validation_from", "test_from"),
    )
)
_VALID = {"every": "2h", "max_age": "2d", "data_type": "VARCHAR", "expires_after": "9d"}


def shipped() -> Catalog:
    return load_catalog(ROOT / "catalog")


def code_of(catalog: Catalog) -> dict[str, str]:
    """A training code by family."""
    families = {name for d in catalog.detectors.values() for name in families_of(d)}
    return {name: f"code of {name}" for name in families}


def code_versions(catalog: Catalog) -> dict[str, str]:
    graph = build_graph(catalog, code_of(catalog))
    return {asset: node.code_version for asset, node in graph.nodes.items()}


def edited(catalog: Catalog, layer: str, name: str) -> tuple[Catalog, Message]:
    """A catalog with a copy of one definition in it, which may be edited."""
    definitions = dict(getattr(catalog, layer))
    copy = type(definitions[name])()
    copy.CopyFrom(definitions[name])
    definitions[name] = copy
    return replace(catalog, **{layer: definitions}), copy


def edit_column(catalog: Catalog, column: Column) -> Catalog:
    """The catalog with another definition of a field or feature, which reads the same."""
    layer = "sources" if column.kind == FIELD else "feature_views"
    changed, message = edited(catalog, layer, column.owner)
    parts = message.fields if column.kind == FIELD else message.features  # type: ignore[attr-defined]
    (part,) = (each for each in parts if each.name == column.name)
    part.definition = f"coalesce({part.definition}\n, NULL)"
    return changed


def edit_anything(catalog: Catalog, chance: random.Random) -> tuple[Catalog, str]:
    """The catalog with one value of one definition changed; also says which."""
    layer = chance.choice(
        ["sources", "feature_views", "golden_datasets", "detectors", "environments"]
    )
    name = chance.choice(list(getattr(catalog, layer)))
    changed, message = edited(catalog, layer, name)
    leaves = list(_leaves(message, ""))
    if not leaves:
        return changed, f"{layer}/{name}: nothing"
    holder, field, number, path = chance.choice(leaves)
    values = getattr(holder, field)
    value = values if number is None else values[number]
    new = _other(field, value)
    if number is None:
        setattr(holder, field, new)
    else:
        values[number] = new
    return changed, f"{layer}/{name}: {path}"


def _leaves(message: Message, prefix: str):
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if field.name in _NAMES or field.enum_type:
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type:
            for number, inner in enumerate(value if field.is_repeated else [value]):
                yield from _leaves(inner, f"{path}[{number}].")
        elif field.is_repeated:
            yield from ((message, field.name, n, f"{path}[{n}]") for n in range(len(value)))
        else:
            yield message, field.name, None, path


def _other(field: str, value):
    if field == "definition":
        return f"coalesce({value}\n, NULL)"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return _VALID.get(field, f"{value}x")
