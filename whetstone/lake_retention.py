"""Retention: which rows the lake gives up, and how they go.

The rows of a day go, its manifest stays, and so does all that was made from them: nothing becomes
stale by it, and nothing is made again from what is gone. What alerts are about is kept (see
`whetstone.lake_kept`). Two steps, so that a process may be killed at any moment: first the
manifests say that the rows have expired, from then on nobody opens them; then the files go. The
next time finishes what was left undone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from whetstone.errors import InputError
from whetstone.lake import Lake, Place
from whetstone.lake_changes import drop_rows, restate, rows_go
from whetstone.lake_kept import Wanted, keep
from whetstone.lake_usage import Partition, age
from whetstone.settings import Retention

LAYERS = ("parsed", "rejects", "features", "scores", "alerts")
"""Layers whose rows may expire: those with days."""
REPORTS = "reports"
"""No layer of the lake: pages of reports and their snapshots (`monitoring.reports_kept`)."""
_SAID_EVERY = 500


@dataclass(frozen=True)
class Due:
    """Rows that are to go, how many bytes they take, and why."""

    place: Place
    bytes: int
    why: str


@dataclass(frozen=True)
class Expired:
    """What went: partitions and their bytes; `kept` rows were copied, as alerts are about them."""

    partitions: int
    bytes: int
    kept: int


def checked(limits: Mapping[str, Retention]) -> Mapping[str, Retention]:
    """Limits that name layers with days; the one of reports is left out.

    Raises:
        InputError: a layer has no rows that could expire.
    """
    for layer in limits:
        if layer not in (*LAYERS, REPORTS):
            raise InputError(
                f"retention of layer {layer!r}: only {', '.join(LAYERS)} have days that can expire,"
                f" and {REPORTS}; mend WHETSTONE_RETENTION or --layer"
            )
    return {layer: each for layer, each in limits.items() if layer != REPORTS}


def due(found: Iterable[Partition], limits: Mapping[str, Retention], today: date) -> list[Due]:
    """The rows that exceed their layer's limits, oldest days first.

    Args:
        found: all partitions of the layers that have limits.
        limits: by layer; whichever bound is met first.
        today: UTC.
    """
    by_layer: dict[str, list[Partition]] = {}
    for each in found:
        if each.rows and each.place.day is not None and each.place.layer in limits:
            by_layer.setdefault(each.place.layer, []).append(each)
    return [
        one for layer, there in by_layer.items() for one in _due_of(there, limits[layer], today)
    ]


def expire(
    lake: Lake,
    chosen: Sequence[Due],
    wanted: Mapping[str, Sequence[Wanted]],
    prepare: Callable[[Place], None],
    now: datetime,
    say: Callable[[str], None],
) -> Expired:
    """Let rows expire.

    Args:
        lake: whose.
        chosen: as `due` tells them.
        wanted: rows that are still needed, by asset, such as `parsed/sshd`.
        prepare: called with each partition before its rows go; makes what outlives them.
        now: UTC.
        say: gets a line of progress now and then.

    Raises:
        StorageError: what has to be kept cannot be written; no row is gone.
    """
    kept = 0
    for number, each in enumerate(chosen, start=1):
        known = lake.manifest(each.place)
        if known is not None and not known.expired_at:
            prepare(each.place)
            asset = each.place.asset
            kept += keep(lake, each.place, wanted[asset]) if asset in wanted else 0
            restate(lake, each.place, known, replace(known, expired_at=_text(now)))
        if number % _SAID_EVERY == 0:
            say(f"{number} of {len(chosen)} partitions marked")
    say("waiting for those who read many days at once")
    with rows_go(lake):
        newest = _newest_days(lake, chosen)
        freed = [drop_rows(lake, each.place, each.place in newest) for each in chosen]
    return Expired(sum(each > 0 for each in freed), sum(freed), kept)


def _due_of(found: Sequence[Partition], limit: Retention, today: date) -> Iterable[Due]:
    left = sum(each.rows + each.beside for each in found)
    cap = None if limit.gigabytes is None else int(limit.gigabytes * 1e9)
    for each in sorted(found, key=_day):
        old = age(_day(each), today)
        if limit.days is not None and old > limit.days:
            why = f"{old} days old, {limit.days} are kept"
        elif cap is not None and left > cap:
            why = f"the layer takes more than {limit.gigabytes:g} GB"
        else:
            continue
        left -= each.rows
        yield Due(each.place, each.rows, why)


def _day(partition: Partition) -> str:
    return partition.place.day or ""


def _newest_days(lake: Lake, chosen: Iterable[Due]) -> set[Place]:
    """The newest day of each thing of which no rows are left: its columns have to stay."""
    found: set[Place] = set()
    for layer, name in {(each.place.layer, each.place.name) for each in chosen}:
        if not lake.days_with_rows(layer, name) and (days := lake.days(layer, name)):
            found.add(Place(layer, name, days[-1]))
    return found


def _text(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")
