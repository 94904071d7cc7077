"""What is wrong with the assets of an environment (pure)."""

import math
import re
from collections.abc import Iterator
from ipaddress import ip_network

from whetstone.catalog.catalog_pb2 import Asset, Environment

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LIKE_A_NETWORK = re.compile(r"[0-9a-fA-F:.]+/\d+")
MOST_WEIGHT = 100.0

Found = Iterator[tuple[str, str]]


def asset_problems(environment: Environment) -> Found:
    """What is wrong with `environment.assets`, each problem with its field."""
    seen: set[str] = set()
    for number, asset in enumerate(environment.assets):
        path = f"assets[{number}]"
        if not _NAME.fullmatch(asset.name):
            yield f"{path}.name", "write lower-case letters, digits and _, at most 63"
        if asset.name in seen:
            yield f"{path}.name", f"{asset.name!r} stands twice"
        seen.add(asset.name)
        if not (math.isfinite(asset.weight) and 0 < asset.weight <= MOST_WEIGHT):
            yield (
                f"{path}.weight",
                f"{asset.weight:g}: write a number above 0 and at most {MOST_WEIGHT:g}; what weighs"
                " as much as the rest of the site, 1, need not be written",
            )
        yield from _value_problems(path, asset)


def _value_problems(path: str, asset: Asset) -> Found:
    if not asset.values:
        yield f"{path}.values", "write an address, a network such as 10.1.0.0/16, or a name"
    for number, value in enumerate(asset.values):
        where = f"{path}.values[{number}]"
        if not value.strip("* "):
            yield where, f"{value!r} is everything: write an address, a network or a name"
        elif _LIKE_A_NETWORK.fullmatch(value):
            try:
                ip_network(value)
            except ValueError as error:
                yield where, f"{error}; write a network such as 10.1.0.0/16"
