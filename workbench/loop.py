"""Run the graph without a UI: what the sensor would start, in this process, until nothing is stale."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import dagster as dg

from assets.automation import plan_now, run_tags, selection
from assets.factory import Factory
from assets.platform import definitions, stores
from resources.stores import CaseStoreResource, LakeResource
from whetstone.errors import WhetstoneError
from whetstone.planning import Run

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Finished:
    """A run that was carried out, the assets that failed in it, and its seconds."""

    run: Run
    failed: tuple[str, ...]
    seconds: float


class Loop:
    """Carries out what is stale.

    Args:
        factory: of the catalog in force.
        instance: where Dagster keeps what ran.
        say: told of each run before it starts, and of each asset as it is made.
    """

    def __init__(self, factory: Factory, instance: dg.DagsterInstance, say: Callable[[str], None]):
        self._factory = factory
        self._instance = instance
        self._say = say
        self._job = definitions(factory).resolve_implicit_global_asset_job_def()
        resources = stores(factory.settings)
        self._lake = resources["lake"]
        self._cases = resources["cases"]
        self._tried: set[str] = set()

    def settle(self) -> list[Finished]:
        """Run until nothing is stale that could be made; returns what ran, in order."""
        finished: list[Finished] = []
        while runs := self._stale():
            for run in runs:
                self._tried.add(run.fingerprint)
                finished.append(self._carry_out(run))
        return finished

    def _stale(self) -> list[Run]:
        assert isinstance(self._lake, LakeResource)
        assert isinstance(self._cases, CaseStoreResource)
        decided = plan_now(self._factory, self._lake, self._cases)
        return [run for run in decided.runs if run.fingerprint not in self._tried]

    def _carry_out(self, run: Run) -> Finished:
        began = monotonic()
        days = f", {len(run.days)} days" if run.days else ""
        self._say(f"run of {len(run.assets)} assets{days}")
        result = self._job.execute_in_process(
            instance=self._instance,
            asset_selection=selection(run),
            tags=run_tags(run),
            run_config=_QUIET,
            raise_on_error=False,
        )
        failed: list[str] = []
        for event in result.all_events:
            if event.is_step_failure:
                failed.append(str(event.step_key).replace("__", "/"))
                error = event.step_failure_data.error
                cause = error.cause if error and error.cause else error
                self._say(f"FAILED {failed[-1]}: {cause.message.strip() if cause else ''}")
        return Finished(run, tuple(failed), monotonic() - began)


@contextmanager
def dagster_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that `whetstone up` uses, so that the UI shows what ran here too."""
    directory = home / "dagster"
    directory.mkdir(parents=True, exist_ok=True)
    logging.getLogger("dagster").setLevel(logging.ERROR)
    try:
        with dg.DagsterInstance.from_config(str(directory)) as instance:
            yield instance
    except OSError as error:
        raise WhetstoneError(f"{directory}: Dagster's storage cannot be opened: {error}") from error
