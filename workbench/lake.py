"""`whetstone lake …`: how large the lake is, what it gives up, and how small it packs the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.catalog.units import seconds_of
from whetstone.cli_options import AsJson
from whetstone.errors import InputError
from whetstone.lake import Lake
from whetstone.lake_compaction import compact as pack
from whetstone.lake_compaction import compactable
from whetstone.lake_retention import LAYERS, Due, checked
from whetstone.lake_usage import Usage, over, partitions, usage
from whetstone.settings import Retention, settings

Layers = Annotated[
    list[str] | None,
    typer.Option("--layer", help=f"Only this layer, of {', '.join(LAYERS)}; may be repeated."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
_DAY_SECONDS = 86400
_SHOWN = 20


def status(as_json: AsJson = False) -> None:
    """Say what the lake holds: bytes and days by layer and name, and the limits in force.

    Example: `whetstone lake status`
    """
    limits = checked(settings().retention)
    found = usage(partitions(Lake(settings().lake)))
    by_layer = _by_layer(found)
    too_much = over({layer: row["bytes"] for layer, row in by_layer.items()}, limits)
    layers = [
        {**row, "limit": _limit(limits.get(layer)), "over_bytes": too_much.get(layer, 0)}
        for layer, row in by_layer.items()
    ]
    if as_json:
        console.show_json(
            {
                "bytes": sum(each.bytes for each in found),
                "layers": layers,
                "names": [asdict(each) for each in found],
            }
        )
        return
    console.show_table("layers", [_readable(row) for row in layers])
    largest = sorted(found, key=lambda each: each.bytes, reverse=True)[:_SHOWN]
    console.show_table(
        f"largest {len(largest)} of {len(found)}", [_readable(asdict(each)) for each in largest]
    )


def expire(
    layer: Layers = None,
    older_than: Annotated[
        str | None,
        typer.Option(help="Rows of days before that go, such as 90d; default: by the settings."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give up rows of old days; their manifests stay, so nothing is made again by it.

    Without --older-than, WHETSTONE_RETENTION says what is kept. Raw files are not touched; events
    that alerts are about are kept.

    Examples: `whetstone lake expire --dry-run`,
    `whetstone lake expire --layer parsed --older-than 90d`
    """
    from resources.retention import due_now, expire_now

    limits = _limits(layer or [], older_than)
    lake = Lake(settings().lake)
    chosen = due_now(lake, limits)
    result: dict[str, Any] = {"dry_run": dry_run, "due": _counts(chosen)}
    if not dry_run:
        catalog = load_catalog(settings().catalog)
        result |= asdict(expire_now(settings(), catalog, chosen, console.say))
    if as_json:
        console.show_json(result)
        return
    console.show_table("would expire" if dry_run else "expired", result["due"])
    if not limits:
        console.show("nothing is limited: set WHETSTONE_RETENTION, or give --older-than")
    elif not dry_run:
        console.show(
            f"{result['partitions']} partitions, {result['bytes'] / 1e6:.1f} MB; {result['kept']}"
            " rows are kept, as alerts are about them"
        )


def compact(layer: Layers = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Pack the rows of past days smaller; content and days stay as they are.

    Example: `whetstone lake compact --layer parsed`
    """
    layers = checked(dict.fromkeys(layer or LAYERS, Retention(days=None, gigabytes=None)))
    lake = Lake(settings().lake)
    chosen = compactable(lake, partitions(lake, layers), datetime.now(UTC).date())
    result: dict[str, Any] = {
        "dry_run": dry_run,
        "partitions": len(chosen),
        "bytes": sum(each.rows for each in chosen),
    }
    if not dry_run:
        result |= asdict(pack(lake, chosen, console.say))
    if as_json:
        console.show_json(result)
    else:
        console.show_values("would be packed" if dry_run else "packed", result)


COMMANDS = (status, expire, compact)


def _limits(layers: Sequence[str], older_than: str | None) -> Mapping[str, Retention]:
    if older_than is None:
        limits = settings().retention
        return {name: limits[name] for name in layers if name in limits} if layers else limits
    seconds = seconds_of(older_than)
    if seconds is None or seconds % _DAY_SECONDS:
        raise InputError(f"--older-than {older_than}: write whole days, such as 90d")
    limit = Retention(days=seconds // _DAY_SECONDS, gigabytes=None)
    return dict.fromkeys(layers or LAYERS, limit)


def _counts(chosen: Sequence[Due]) -> list[dict[str, Any]]:
    by_asset: dict[str, list[Due]] = {}
    for each in chosen:
        by_asset.setdefault(each.place.asset, []).append(each)
    return [
        {
            "asset": asset,
            "days": len(found),
            "oldest": found[0].place.day,
            "newest": found[-1].place.day,
            "bytes": sum(each.bytes for each in found),
            "why": found[0].why,
        }
        for asset, found in sorted(by_asset.items())
    ]


def _by_layer(found: Sequence[Usage]) -> dict[str, dict[str, Any]]:
    layers: dict[str, list[Usage]] = {}
    for each in found:
        layers.setdefault(each.layer, []).append(each)
    return {
        layer: {
            "layer": layer,
            "bytes": sum(each.bytes for each in there),
            "names": len(there),
            "partitions": sum(each.partitions for each in there),
            "with_rows": sum(each.with_rows for each in there),
            "oldest": min((each.oldest for each in there if each.oldest), default=""),
            "newest": max((each.newest for each in there), default=""),
        }
        for layer, there in layers.items()
    }


def _limit(limit: Retention | None) -> str:
    if limit is None:
        return ""
    days = [f"{limit.days} days"] if limit.days is not None else []
    return " or ".join([*days, *([f"{limit.gigabytes:g} GB"] if limit.gigabytes else [])])


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in ("bytes", "over_bytes")}
    over_by = f" ({row['over_bytes'] / 1e6:.1f} too many)" if row.get("over_bytes") else ""
    return {**shown, "MB": f"{row['bytes'] / 1e6:.1f}{over_by}"}
