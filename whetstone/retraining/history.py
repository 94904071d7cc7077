"""What the drift of a detector was, day by day, as the manifests of `drift/<detector>` have it."""

import json
import os
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from whetstone.lake import Lake
from whetstone.retraining.policy import LOOK_BACK, DriftDay


def drift_history(lake: Lake, detector: str, today: date) -> list[DriftDay]:
    """The days that the policy of a detector looks at, ascending.

    Days that were made before signals were kept are left out.
    """
    directory = f"{lake.root}/drift/{detector}"
    try:
        names = os.listdir(directory)  # noqa: PTH208 (of every detector, every few seconds)
    except FileNotFoundError:
        return []
    first, last = f"day={today - LOOK_BACK}", f"day={today}"
    found: list[DriftDay] = []
    for name in sorted(name for name in names if first <= name < last):
        path = f"{directory}/{name}/manifest.json"
        try:
            status = os.stat(path)  # noqa: PTH116
            told = _told(path, status.st_mtime_ns, status.st_ino)
            day = date.fromisoformat(name.removeprefix("day="))
        except (FileNotFoundError, ValueError):
            continue
        if told is not None:
            found.append(DriftDay(day, *told))
    return found


@lru_cache(maxsize=100_000)
def _told(path: str, _modified: int, _inode: int) -> tuple[str, Mapping[str, str]] | None:
    with open(path, "rb") as file:  # noqa: PTH123
        manifest = json.loads(file.read())
    signals = manifest["facts"].get("signals")
    if signals is None:
        return None
    release = next((v for k, v in manifest["inputs"].items() if k.startswith("release/")), "")
    return release, {name: told["verdict"] for name, told in signals.items()}
