"""What names a view's units and how long they last."""

import re

from whetstone.catalog.catalog_pb2 import FeatureView

_DURATION = re.compile(r"([1-9]\d*)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(duration: str) -> int | None:
    """Seconds of a duration such as "5m"; None when it is not one."""
    found = _DURATION.fullmatch(duration)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def entity_columns(view: FeatureView) -> tuple[str, ...]:
    """The fields that name a view's unit, without the environment."""
    match view.WhichOneof("unit"):
        case "event":
            return tuple(view.event.entity)
        case "window":
            return tuple(view.window.entity)
        case _:
            return (view.session.key,) if view.session.key else ()
