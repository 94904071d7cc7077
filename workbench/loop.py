"""Run the graph without a UI: what the sensor would start, in this process."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import dagster as dg

from assets.automation import plan_now, run_tags, selection
from assets.factory import Factory
from assets.platform import definitions
from resources.stores import CaseStoreResource, LakeResource
from whetstone.planning import Run

_LOGGERS = {"loggers": {"progress": {}}}
_INTERRUPTIONS = {"KeyboardInterrupt", dg.DagsterExecutionInterruptedError.__name__}


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
        say: told of each run before it starts, of each asset as it is made, of each failure; it
            may raise KeyboardInterrupt there, to end the loop.
    """

    def __init__(self, factory: Factory, instance: dg.DagsterInstance, say: Callable[[str], None]):
        self._factory = factory
        self._instance = instance
        self._say = say
        progress = dg.Definitions(loggers={"progress": _progress(say)})
        graph = dg.Definitions.merge(definitions(factory), progress)
        self._job = graph.resolve_implicit_global_asset_job_def()
        self._lake = LakeResource(root=str(factory.settings.lake))
        self._cases = CaseStoreResource(url=factory.settings.case_store)
        self._tried: set[str] = set()

    def settle(self) -> list[Finished]:
        """Run until nothing is stale that could be made; returns what ran, in order.

        Raises:
            KeyboardInterrupt: Ctrl-C, or by `say`; what was made until then stays, the rest is
                still stale.
        """
        finished: list[Finished] = []
        while runs := self._stale():
            for run in runs:
                self._tried.add(run.fingerprint)
                finished.append(self._carry_out(run))
        return finished

    def _stale(self) -> list[Run]:
        decided = plan_now(self._factory, self._lake, self._cases)
        return [run for run in decided.runs if run.fingerprint not in self._tried]

    def _carry_out(self, run: Run) -> Finished:
        began = monotonic()
        days = f", {len(run.days)} days" if run.days else ""
        self._say(f"run of {len(run.assets)} assets{days}")
        try:
            result = self._job.execute_in_process(
                instance=self._instance,
                asset_selection=selection(run),
                tags=run_tags(run),
                run_config=_LOGGERS,
                raise_on_error=False,
            )
        except dg.DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error
        if any(_is_interruption(event) for event in result.all_events):
            raise KeyboardInterrupt
        failed = tuple(_asset(e) for e in result.all_events if e.is_step_failure)
        return Finished(run, failed, monotonic() - began)


def _progress(say: Callable[[str], None]) -> dg.LoggerDefinition:
    """Dagster's log, of which people see what was made and what failed."""

    class Progress(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event: dg.DagsterEvent | None = record.__dict__["dagster_meta"]["dagster_event"]
            if event is not None and event.is_step_success:
                say(f"  {_asset(event)}")
            elif event is not None and event.is_step_failure and not _is_interruption(event):
                error = event.step_failure_data.error
                cause = error.cause if error and error.cause else error
                say(f"  FAILED {_asset(event)}: {cause.message.strip() if cause else ''}")

    def logger(_: dg.InitLoggerContext) -> logging.Logger:
        made = logging.Logger("whetstone.progress")
        made.addHandler(Progress())
        return made

    return dg.LoggerDefinition(logger)


def _is_interruption(event: dg.DagsterEvent) -> bool:
    """Dagster books what ends a run as a failure, of the step or, between two, of the run."""
    if event.is_step_failure:
        error = event.step_failure_data.error
    elif event.is_job_failure:
        error = event.job_failure_data.error
    else:
        return False
    return error is not None and error.cls_name in _INTERRUPTIONS


def _asset(event: dg.DagsterEvent) -> str:
    return str(event.step_key).replace("__", "/")
