"""Numbers that the parts of a scorer keep, read when somebody asks for its metrics."""

from whetstone.streaming.engine import Engine
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.inputs.buffer import Buffer
from whetstone.streaming.outputs.deliver import Deliveries
from whetstone.streaming.outputs.journal import Journal
from whetstone.streaming.serving.models import ModelSource
from whetstone.streaming.serving.releases import Change, Releases


def watch(
    metrics: Metrics,
    engine: Engine,
    buffer: Buffer,
    journal: Journal,
    deliveries: Deliveries,
    source: ModelSource,
) -> None:
    """Have them read before each answer."""
    asked = 0

    def read(metrics: Metrics) -> None:
        nonlocal asked
        if isinstance(source, Releases) and source.polls.polls > asked:
            asked = source.polls.polls
            metrics.polled(source.polls.expires, source.polls.error or None)
        _read_units(metrics, engine)
        _read_inputs(metrics, buffer)
        metrics.journal(journal.last - journal.first + 1, journal.size)
        _read_outputs(metrics, deliveries)

    metrics.before_reading(read)


def note_change(metrics: Metrics, change: Change) -> None:
    """A model came into service, or went out of it."""
    if change.role == "withdrawn":
        metrics.retired(change.detector, shadow=False)
        metrics.retired(change.detector, shadow=True)
    elif change.role != "predecessor":
        shadow = change.role == "challenger"
        if change.scorer is None:
            metrics.retired(change.detector, shadow)
        else:
            metrics.serving(change.detector, shadow, change.scorer.version)


def _read_units(metrics: Metrics, engine: Engine) -> None:
    for view in list(engine.views.values()):
        metrics.state(view.name, view.units, view.nbytes)
    for source, events in list(engine.counts.late.items()):
        metrics.late(source, events)
    for source, events in list(engine.counts.ahead.items()):
        metrics.ahead(source, events)
    for view, units in list(engine.counts.evicted.items()):
        metrics.evicted(view, units)
    for source, messages in list(engine.counts.unknown_templates.items()):
        metrics.unknown_templates(source, messages)


def _read_inputs(metrics: Metrics, buffer: Buffer) -> None:
    for state in buffer.states():
        metrics.lag(state.name, state.lag_bytes, state.lag_seconds)
        metrics.input_state(state.name, state.error)
        for reason, lines in state.dropped.items():
            metrics.dropped_in_all(state.source, reason, lines)


def _read_outputs(metrics: Metrics, deliveries: Deliveries) -> None:
    for one in deliveries.deliveries:
        dropped = one.dropped + one.refused
        metrics.delivery(one.name, one.delivered, one.behind, dropped, one.retries)
        metrics.output_state(one.name, one.error or None)
