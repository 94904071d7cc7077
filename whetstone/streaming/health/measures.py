"""Every number that a scorer tells: names and labels are an interface, dashboards hang on them."""

from collections.abc import Callable

from whetstone.streaming.health.instruments import Histogram, Series


class Measures:
    """The instruments by name; each explains itself.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        by_input, by_source, by_view = ("input",), ("source",), ("view",)
        of_model = ("detector", "role")
        self.info = _gauge("info", "1; what runs", "environment", "version")
        self.started = _process("process_start_time_seconds", "When it began, Unix time")
        self.memory = _process("process_resident_memory_bytes", "Memory in use")
        self.cpu = Series(
            "process_cpu_seconds_total", "Processor time, all threads", kind="counter"
        )
        self.lines = _count("input_lines", "Lines read", "input", "source")
        self.bytes = _count("input_bytes", "Bytes read", "input", "source")
        self.dropped = _count("dropped_lines", "Lines dropped unparsed", "source", "reason")
        self.lag_bytes = _gauge("input_lag_bytes", "Bytes that wait to be parsed", *by_input)
        self.lag_seconds = _gauge("input_lag_seconds", "Age of the oldest of them", *by_input)
        self.input_up = _gauge("input_up", "1 if the input can be read", *by_input)
        self.silent = _gauge("input_silent", "1 if silent for longer than usual", *by_input)
        self.silent_seconds = _gauge("input_silent_seconds", "Since the last line", *by_input)
        self.events = _count("events", "Events parsed", *by_source)
        self.rejects = _count("rejects", "Raw lines that could not be parsed", "source", "reason")
        self.unknown = _count("unknown_templates", "Events of an unseen template", *by_source)
        self.late = _count("late_events", "Events dropped as too late", *by_source)
        self.ahead = _count("ahead_events", "Events whose clock is far ahead", *by_source)
        self.watermark = _gauge(
            "watermark_timestamp_seconds", "Event time to which a source is complete", *by_source
        )
        self.open_units = _gauge("open_units", "Windows and sessions that still grow", *by_view)
        self.state_bytes = _gauge("state_bytes", "Memory of open units", *by_view)
        self.evicted = _count("evicted_units", "Open units given up: too many", *by_view)
        self.units = _count("scored_units", "Units scored", *of_model)
        self.alerts = _count("alerts", "Alert records", *of_model, "status")
        self.folded = _count("folded_alerts", "Alert records folded into others", "detector")
        self.latency = Histogram(
            "whetstone_alert_latency_seconds", "From a line's arrival to its alert", clock
        )
        self.quantiles = _gauge(
            "alert_latency_recent_seconds", "The same, of the last one to two minutes", "quantile"
        )
        self.batch = Histogram("whetstone_batch_seconds", "Of a batch, all steps", clock)
        self.batch_events = _gauge("batch_events", "Events in the last batch")
        self.checkpoints = _count("checkpoints", "Checkpoints written")
        self.checkpoint_seconds = _gauge("checkpoint_seconds", "How long the last one took")
        self.checkpoint_bytes = _gauge("checkpoint_bytes", "Size of the last one")
        self.checkpoint_at = _gauge("checkpoint_timestamp_seconds", "When the last was written")
        self.release = _gauge(
            "release_since_timestamp_seconds", "Since when the models serve", *of_model, "version"
        )
        self.polls = _count("release_polls", "Questions to the release repository", "result")
        self.polled_at = _gauge("release_poll_timestamp_seconds", "When it was asked last")
        self.polled_well = _gauge("release_poll_ok_timestamp_seconds", "When it last answered")
        self.expires = _gauge("release_metadata_expires_timestamp_seconds", "Trusted until")
        self.went_back = _count("releases_taken_back", "Models that left bounds", "detector")
        self.journal_records = _gauge("journal_records", "Records kept for outputs")
        self.journal_bytes = _gauge("journal_bytes", "Size of the journal")
        self.delivered = _count("output_delivered_records", "Records taken", "output")
        self.waiting = _gauge("output_waiting_records", "Records not yet taken", "output")
        self.undelivered = _count("output_dropped_records", "Never delivered", "output")
        self.failures = _count("output_failures", "Attempts that failed", "output")
        self.output_up = _gauge("output_up", "1 if the output takes records", "output")
        self.canaries = _count("canaries", "Canary events", "source", "result")

    def text(self) -> str:
        """All numbers in the Prometheus text format."""
        instruments: list[Series | Histogram] = list(vars(self).values())
        return "".join(f"{line}\n" for measured in instruments for line in measured.lines())


def _gauge(name: str, help: str, *labels: str) -> Series:
    return Series(f"whetstone_{name}", help, "gauge", labels)


def _process(name: str, help: str) -> Series:
    # Named as every other program names them.
    return Series(name, help, "gauge")


def _count(name: str, help: str, *labels: str) -> Series:
    return Series(f"whetstone_{name}_total", help, "counter", labels)
