"""A scorer at work: inputs in, alerts out, checkpoints in between.

Workflow:
  1. The state directory is locked; the checkpoint says where inputs, units and alerts were.
  2. A thread an input fills the buffer; one thread parses; this one scores; one a release
     repository polls it; one an output delivers.
  3. A batch's alerts are on disk in the journal before the next batch is scored. Every few seconds
     a checkpoint is taken between two batches and written beside the next ones.
  4. After a kill the inputs go on from the checkpoint. What follows from the lines since then comes
     out again, and the journal drops what it holds already.
"""

# pyarrow ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

import faulthandler
import signal
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whetstone import console
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import InputError
from whetstone.parsing.run import Protection
from whetstone.releases.files import only_one
from whetstone.scoring.slow import SlowFeatures
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.alerting.recent import Recent
from whetstone.streaming.checkpoint import Checkpoints
from whetstone.streaming.engine import Bounds, Engine
from whetstone.streaming.flow import Input, Scored
from whetstone.streaming.health.canary import Canaries, Canary
from whetstone.streaming.health.canary import Plan as CanaryPlan
from whetstone.streaming.health.heartbeat import Heartbeats
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.health.silence import Silence, Watched
from whetstone.streaming.health.troubles import Troubles
from whetstone.streaming.health.watching import note_change, watch
from whetstone.streaming.inputs.buffer import Buffer, Policy
from whetstone.streaming.inputs.framing import Framer
from whetstone.streaming.intake import Intake, Work, today
from whetstone.streaming.outputs.deliver import Deliveries
from whetstone.streaming.outputs.entries import Entry
from whetstone.streaming.outputs.journal import Journal
from whetstone.streaming.outputs.output import Output
from whetstone.streaming.serving.models import Models, ModelSource

THREAD = "scoring"
_IDLE_SECONDS = 1.0
_DRAIN_SECONDS = 20.0
_END_SECONDS = 60.0
_LOCK_SECONDS = 2.0
_OTHER = "Give each scorer a --state of its own, or end that one"


@dataclass(frozen=True)
class Plan:
    """How a scorer works.

    Attributes:
        state: directory of its own: checkpoint, journal, cursors.
        bounds: of what the engine holds on to.
        limits: of how many alerts go out.
        most_batch_bytes: of raw lines at once.
        batch_seconds: for which a small batch is waited for.
        checkpoint_seconds: between two checkpoints.
        recent_bytes: of raw lines and events that are remembered for alerts.
        buffer_bytes: of raw lines that wait to be parsed.
        when_full: what happens to lines when that is full.
        max_line_bytes: longer records are rejected.
        day: the day on which lines are taken to arrive, ISO; None: today.
        silence: seconds without a line that raise an alarm; None: learned from each live input.
        canaries: events that are put into the stream to see an alert come out.
        canary_seconds: between two of each.
    """

    state: Path
    bounds: Bounds = field(default_factory=Bounds)
    limits: Limits = field(default_factory=Limits)
    most_batch_bytes: int = 8 << 20
    batch_seconds: float = 0.03
    checkpoint_seconds: float = 5.0
    recent_bytes: int = 64 << 20
    buffer_bytes: int = 64 << 20
    when_full: Policy = "block"
    max_line_bytes: int = 1 << 20
    day: str | None = None
    silence: float | None = None
    canaries: tuple[Canary, ...] = ()
    canary_seconds: float = 300.0


class Scorer:
    """Scores the lines of one environment until its inputs end or it is told to stop.

    Args:
        environment: its definition.
        inputs: where lines come from.
        models: where models come from.
        outputs: where alerts go.
        plan: see there.
        metrics: where everything is counted.
        protection: what is done to personal data; None: nothing.
        slow: where slow features are looked up; None: in each bundle's export.
        say: told what an operator has to know, a line each.
    """

    def __init__(
        self,
        environment: Environment,
        inputs: Sequence[Input],
        models: ModelSource,
        outputs: Sequence[Output],
        plan: Plan,
        metrics: Metrics,
        protection: Protection | None = None,
        slow: SlowFeatures | None = None,
        say: Callable[[str], None] = console.say,
    ) -> None:
        self._environment, self._plan, self._metrics, self._say = environment, plan, metrics, say
        self._inputs = {one.name: one for one in inputs}
        if len(self._inputs) < len(inputs):
            raise InputError("an input is given twice: name each file, socket or topic once")
        self._source = models
        self._models = Models()
        self._outputs = outputs
        self._stopping = False
        self._engine = Engine(
            environment.name,
            {name: one.source for name, one in self._inputs.items()},
            plan.bounds,
            environment.time_zone or "UTC",
            protection,
            slow,
        )
        self._recent = Recent(plan.recent_bytes, raw=protection is None)
        self._alerting = Alerting(
            environment.name,
            plan.limits,
            self._recent,
            canary=lambda line: line.number < 0,
            version=metrics.version,
        )
        self._reached: dict[str, dict[str, Any]] = {}
        self._heard: dict[str, tuple[float, int | None]] = {}
        self._ended: set[str] = set()

    def stop(self) -> None:
        """Have `run` end soon, in order; safe from a signal handler."""
        # No Event: a second signal would wait for the lock that the first one's handler holds.
        self._stopping = True

    def run(self) -> None:
        """Score.

        Raises:
            WhetstoneError: it cannot begin, or not go on; what was said is on disk.
        """
        with ExitStack() as stack:
            state = self._plan.state
            stack.enter_context(only_one(state / "lock", "scoring", _LOCK_SECONDS, _OTHER))
            stack.enter_context(self._engine)
            self._checkpoints = Checkpoints(state / "checkpoint")
            kept = self._checkpoints.load()
            known = kept.state if kept else {}
            self._journal = Journal(state / "journal", since=known.get("journal", 0))
            stack.callback(self._journal.close)
            deliveries = Deliveries(self._journal, self._outputs, state / "outputs")
            self._change_models()
            framers = self._restored(known, kept.views if kept else {})
            self._buffer = Buffer(
                list(self._inputs.values()), self._plan.buffer_bytes, self._plan.when_full
            )
            self._writer = stack.enter_context(ThreadPoolExecutor(1, "checkpoint"))
            self._writing: Future[None] | None = None
            watch(
                self._metrics, self._engine, self._buffer, self._journal, deliveries, self._source
            )
            intake = Intake(
                self._engine,
                self._buffer,
                framers,
                self._recent,
                self._metrics,
                self._plan.most_batch_bytes,
                self._plan.batch_seconds,
                lambda: self._plan.day or today(),
                {name for name, one in self._inputs.items() if one.finite},
            )
            heartbeats = Heartbeats(self._outputs, self._metrics)
            troubles = Troubles(self._buffer, deliveries, self._say)
            deliveries.start()
            heartbeats.start()
            self._buffer.start({name: of["position"] for name, of in self._reached.items()})
            intake.start()
            try:
                self._loop(intake, troubles)
                # Not after an error: what was amid a batch would count as done.
                self._checkpoint(wait=True)
            finally:
                intake.stop()
                self._buffer.stop()
                heartbeats.stop()
                if not deliveries.stop(_DRAIN_SECONDS):
                    self._say("some alerts are not delivered yet; they will be after a restart")
                self._metrics.ended(THREAD)

    def _loop(self, intake: Intake, troubles: Troubles) -> None:
        live = {name: one for name, one in self._inputs.items() if not one.finite}
        silence = Silence(
            self._environment.name,
            {name: Watched(one.source, self._plan.silence) for name, one in live.items()},
            self._metrics,
        )
        canaries = self._new_canaries()
        due = time.monotonic() + self._plan.checkpoint_seconds
        while not self._stopping and len(self._ended) < len(self._inputs):
            self._metrics.beat(THREAD)
            self._change_models()
            work = intake.next(wait=0.1)
            if work is None:
                entries = self._told(self._engine.settle(time.monotonic()))
            else:
                entries = self._work(work)
                if work.heard:
                    silence.heard(work.parsed.input)
            entries += self._pass_time()
            self._journal.append([*entries, *silence.check(), *canaries.tick()])
            canaries.saw(entries)
            if work is not None:
                self._metrics.latency(time.monotonic() - work.parsed.arrived, len(entries))
            if time.monotonic() >= due:
                self._checkpoint()
                troubles.look()
                due = time.monotonic() + self._plan.checkpoint_seconds
        if len(self._ended) == len(self._inputs):
            self._journal.append(self._alerting.finish())

    def _work(self, work: Work) -> list[Entry]:
        """One batch: its events into units, what is due scored, its alerts into the journal."""
        began = time.monotonic()
        parsed = work.parsed
        # Other definitions of the source saw the same lines.
        events = next(iter(parsed.events.values()), None)
        if events is not None:
            self._recent.add_events(parsed.source, parsed.input, events.table)
        entries = self._told(self._engine.work(parsed))
        if work.ended:
            self._ended.add(parsed.input)
            entries += self._told(self._engine.finish(parsed.input, parsed.arrived))
        now = time.monotonic()
        self._reached[parsed.input] = {"position": work.position, "framer": work.framer}
        self._heard[parsed.input] = (now, self._engine.newest(parsed.input))
        if events is not None:
            self._metrics.parsed(parsed.source, events.table.num_rows, dict(events.rejects))
            self._metrics.batch(now - began, events.table.num_rows)
            self._metrics.watermark(parsed.source, self._engine.watermark(parsed.source) / 1e6)
        return entries

    def _told(self, scored: Iterable[Scored]) -> list[Entry]:
        """What there is to say about units."""
        entries: list[Entry] = []
        for one in scored:
            detector = one.scorer.detector.name
            if one.final:
                self._source.take(one)
                self._metrics.scored(detector, one.shadow, one.units.num_rows)
            if one.silent:
                continue
            said = self._alerting.take(one)
            for entry in said:
                status = entry.record["whetstone"].get("status", "summary")
                self._metrics.alerted(detector, one.shadow, status)
            entries += said
        for scorer, error in self._engine.failures():
            self._source.refuse(scorer, str(error))
        return entries

    def _pass_time(self) -> list[Entry]:
        """The clock of live inputs that are silent goes on as the wall clock does."""
        now = time.monotonic()
        entries: list[Entry] = []
        for name, (heard, newest) in self._heard.items():
            silent = now - heard
            if self._inputs[name].finite or newest is None or silent < _IDLE_SECONDS:
                continue
            at = newest + int(silent * 1e6)
            if at - (self._engine.newest(name) or 0) >= _IDLE_SECONDS * 1e6:
                entries += self._told(self._engine.idle(name, at, now))
        return entries

    def _change_models(self) -> None:
        changes = self._source.changes()
        for change in changes:
            self._models.change(change)
            self._say(f"{change.detector}: {change.role}: {change.reason}")
            note_change(self._metrics, change)
        if changes:
            self._engine.serve(self._models.served())
        reports = self._source.reports()
        if reports:
            self._journal.append([Entry(str(one["event"]["id"]), 1, one) for one in reports])

    def _new_canaries(self) -> Canaries:
        sources = {name: one.source for name, one in self._inputs.items() if not one.finite}
        longest = max((one.seconds for one in self._models.served()), default=0.0)
        plan = CanaryPlan(
            self._plan.canary_seconds,
            longest + self._plan.bounds.lateness / 1e6 + 2 * self._plan.canary_seconds,
            self._environment.time_zone or "UTC",
        )
        return Canaries(
            self._environment.name,
            self._plan.canaries,
            sources,
            self._buffer.put_aside,
            self._metrics,
            plan,
        )

    def _restored(self, known: Mapping[str, Any], views: Mapping[str, Any]) -> dict[str, Framer]:
        """Framers of the inputs, after everything else is as the checkpoint says."""
        if known:
            lost = self._engine.restore(known["engine"], views)
            if lost:
                self._say("open units of releases that are not in service any more are dropped")
            self._alerting.restore(known["alerting"])
            self._reached = {n: at for n, at in known["inputs"].items() if n in self._inputs}
        return {
            name: Framer(
                self._models.source(one.source),
                self._plan.max_line_bytes,
                self._reached.get(name, {}).get("framer"),
                whole_file=getattr(one, "whole_file", False),
            )
            for name, one in self._inputs.items()
        }

    def _checkpoint(self, wait: bool = False) -> None:
        """Take a checkpoint here, between two batches; it is written beside the next ones."""
        if self._writing is not None and (wait or self._writing.done()):
            self._writing.result()
            self._writing = None
        if self._writing is not None:
            return
        views: dict[str, Any] = {}
        for key, view in self._engine.views.items():
            whole = self._checkpoints.is_whole_due(key)
            saved = view.everything() if whole else view.added()
            if saved is not None:
                views[key] = (saved, whole)
        state = {
            "inputs": {name: dict(at) for name, at in self._reached.items()},
            "engine": self._engine.state(),
            "alerting": self._alerting.state(),
            "journal": self._journal.sequence,
        }
        self._writing = self._writer.submit(self._write, state, views)
        if wait:
            self._writing.result()

    def _write(self, state: dict[str, Any], views: Mapping[str, Any]) -> None:
        began = time.monotonic()
        self._checkpoints.save(state, views)
        self._journal.checkpointed(state["journal"])
        self._buffer.commit({name: at["position"] for name, at in state["inputs"].items()})
        self._metrics.checkpoint(time.monotonic() - began, self._checkpoints.nbytes)


@contextmanager
def stopping_on_signals(scorer: Scorer) -> Generator[None]:
    """SIGTERM and SIGINT end the scorer in order; a second SIGINT at once, and nothing is lost.

    Should the end take much longer than it may, the process says where it hangs, and ends.
    """
    asked = False

    def stop(number: int, _frame: object) -> None:
        nonlocal asked
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
        if not asked:
            asked = True
            faulthandler.dump_traceback_later(_END_SECONDS, exit=True)
        scorer.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
