"""Which runs are alive: the process that carries one out holds a lock until it ends.

Dagster does not see that the process of a run was killed: the run counts as started for ever, and
what it was to make would be waited for. A lock is let go by the kernel, whatever happens.
"""

import fcntl
import os
import uuid
from pathlib import Path

import dagster as dg

_RUNNING = "running"
_held: dict[Path, int] = {}


def mark_alive(home: Path, run_id: str) -> None:
    """Tell others that this process carries out a run; one at a time."""
    path = home / _RUNNING / run_id
    if path in _held:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.parent / f".{uuid.uuid4().hex}.tmp"
    lock = os.open(hidden, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    hidden.rename(path)
    for before in list(_held):
        os.close(_held.pop(before))
    _held[path] = lock


def bury_the_dead(home: Path, instance: dg.DagsterInstance) -> list[str]:
    """Record as failed the runs whose processes were killed; returns their ids."""
    dead: list[str] = []
    for path in (home / _RUNNING).glob("[!.]*"):
        if _is_alive(path):
            continue
        run = instance.get_run_by_id(path.name)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "The process that carried it out was killed.")
            dead.append(run.run_id)
        path.unlink(missing_ok=True)
    return dead


def _is_alive(path: Path) -> bool:
    if path in _held:
        return True
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
