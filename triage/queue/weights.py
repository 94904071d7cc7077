"""What things weigh in the queue, as the catalog's environments say."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from triage import schema
from whetstone.catalog.catalog_pb2 import Environment

_T = schema.assets.c


class Weights:
    """Weights of entities, by environment.

    Args:
        assets: by environment, the values of each asset and its weight.
    """

    def __init__(self, assets: Mapping[str, Iterable[tuple[Iterable[str], float]]]) -> None:
        self._assets = {
            name: [(tuple(values), weight) for values, weight in found]
            for name, found in assets.items()
        }

    def of(self, environment: str, values: Iterable[Any]) -> float:
        """The largest weight of an asset that one of these values belongs to; 1: of none."""
        found = [
            weight
            for wanted, weight in self._assets.get(environment, ())
            if any(_is(each, str(value)) for value in values for each in wanted)
        ]
        return max(found, default=1.0)


def stored_weights(connection: Connection) -> Weights:
    """The weights as they were stored last."""
    found: dict[str, list[tuple[list[str], float]]] = defaultdict(list)
    for row in connection.execute(select(schema.assets)):
        found[row.environment].append((row[2], row.weight))
    return Weights(found)


def store_weights(connection: Connection, environments: Mapping[str, Environment]) -> set[str]:
    """Make the stored weights those of the catalog; returns the environments that changed."""
    stored = {tuple(row[:2]): (row[2], row[3]) for row in connection.execute(select(schema.assets))}
    wanted = {
        (name, asset.name): (list(asset.values), asset.weight)
        for name, environment in environments.items()
        for asset in environment.assets
    }
    changed = {
        key[0] for key in stored.keys() | wanted.keys() if stored.get(key) != wanted.get(key)
    }
    if changed:
        connection.execute(delete(schema.assets).where(_T.environment.in_(changed)))
    rows = [
        {"environment": key[0], "name": key[1], "values": values, "weight": weight}
        for key, (values, weight) in wanted.items()
        if key[0] in changed
    ]
    if rows:
        connection.execute(insert(schema.assets), rows)
    return changed


@lru_cache(maxsize=4096)
def _is(wanted: str, value: str) -> bool:
    """Whether a value is the wanted one, lies in the wanted network or fits the wanted name."""
    if "/" in wanted:
        try:
            return ip_address(value) in ip_network(wanted, strict=False)
        except ValueError:
            return value == wanted
    return fnmatchcase(value.lower(), wanted.lower().replace("[", "[[]").replace("?", "[?]"))
