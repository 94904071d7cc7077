"""Where a page of the queue ended, as text that a client sends back."""

import base64
import json
import math
from dataclasses import dataclass

from whetstone.errors import InputError


@dataclass(frozen=True)
class Place:
    """A place in the order of the queue: behind this risk and name."""

    risk: float
    name: tuple[str, ...]


def cursor(risk: float, *name: str) -> str:
    """The place as text for an address."""
    return base64.urlsafe_b64encode(json.dumps([risk, *name]).encode()).decode().rstrip("=")


def place_of(after: str | None, names: int) -> Place | None:
    """The place of a cursor whose name has so many parts; None: the beginning.

    Raises:
        InputError: it is no such cursor.
    """
    if after is None:
        return None
    try:
        padded = after.encode() + b"=" * (-len(after) % 4)
        risk, *name = json.loads(base64.urlsafe_b64decode(padded))
        fits = len(name) == names and all(isinstance(part, str) for part in name)
        if fits and isinstance(risk, float) and math.isfinite(risk):
            return Place(risk, tuple(name))
    except (ValueError, TypeError, RecursionError):
        pass
    raise InputError("after: not the end of a page of this queue; begin again without it")
