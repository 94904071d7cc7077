"""Dagster's own state below the home: what ran, and why."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from whetstone.errors import WhetstoneError
from whetstone.settings import PROJECT_ROOT


def dagster_home(home: Path) -> Path:
    """The directory of Dagster's instance, made if need be, with the project's `dagster.yaml`."""
    directory = home / "dagster"
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", directory / "dagster.yaml")
    return directory


@contextmanager
def dagster_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that `whetstone up` uses, so that the UI shows what ran here too."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    try:
        directory = dagster_home(home)
        with dg.DagsterInstance.from_config(str(directory)) as instance:
            yield instance
    except OSError as error:
        raise WhetstoneError(f"{home}: Dagster's storage cannot be opened: {error}") from error
