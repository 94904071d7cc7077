"""What is wrong with how a golden dataset renews itself: expiry and the benign refresh (pure)."""

from collections.abc import Iterator

from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.catalog.units import seconds_of

_LEAST_SECONDS = 86400
_MOST_DAYS, _MOST_UNITS = 90, 100_000


def golden_problems(dataset: GoldenDataset) -> Iterator[tuple[str, str]]:
    """Each problem with its field."""
    if dataset.expires_after:
        seconds = seconds_of(dataset.expires_after)
        if seconds is None:
            yield "expires_after", f"{dataset.expires_after!r} is no duration; write one like 730d"
        elif seconds < _LEAST_SECONDS:
            yield "expires_after", "is at least 1d: examples of a day belong together"
    if not 0 <= dataset.max_contributor_share <= 1:
        yield "max_contributor_share", "lies between 0 and 1; leave it out for 0.1"
    if not dataset.HasField("refresh"):
        return
    for name, most in (("units", _MOST_UNITS), ("days", _MOST_DAYS)):
        if not 1 <= getattr(dataset.refresh, name) <= most:
            yield f"refresh.{name}", f"lies between 1 and {most:,}; leave refresh out to have none"
    if dataset.holdout.WhichOneof("by") == "time":
        yield (
            "refresh",
            "all of production is later than what a holdout in time keeps apart: hold out by group"
            " or leave refresh out",
        )
