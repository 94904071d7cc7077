"""What the platform prints: one line an event, prefixed by the process that it comes from."""

import re

from rich.console import Console
from rich.text import Text

_COLOURS = {
    "whetstone": "bold",
    "code": "magenta",
    "dagster": "cyan",
    "daemon": "blue",
    "dashboards": "green",
    "reports": "yellow",
}
_WIDTH = max(map(len, _COLOURS))

# Colours of a child would break ours; other control characters may come from log text, and log
# text must not be able to drive somebody's terminal.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DAGSTER_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} - dagster[\w.-]* - (?P<level>[A-Z]+) - (?P<text>.*)"
)
# job - run id - process id - step - EVENT_TYPE - message, the middle ones where they apply.
_RUN_LINE = re.compile(
    r"^\S+ - (?P<run>[0-9a-f]{8})-[0-9a-f-]{27} - (?:\d+ - )?"
    r"(?P<step>.*? - )?(?P<event>[A-Z]+_[A-Z_]+) - (?P<text>.*)"
)
# What an asset says while it is made: job - run id - step - text.
_STEP_LINE = re.compile(r"^\S+ - (?P<run>[0-9a-f]{8})-[0-9a-f-]{27} - \S+ - (?P<text>.*)")
_RUN_EVENTS_TO_SHOW = ("RUN_START", "RUN_SUCCESS", "STEP_SUCCESS")

# Lines that say nothing to the person who started the platform: what starts and stops as it should,
# ticks that did nothing, warnings to the authors of other projects.
_NOISE = re.compile(
    r"^$|(Beta|Preview|Supersession)Warning|Received LocationStateChangeEventType"
    r"|(Start(ing|ed)|Shutting down) Dagster code |Code (proxy )?server was interrupted"
    r"|Received interrupt, shutting down|Daemon threads shut down|Serving dagster-webserver on"
    r"|Instance is configured with the following daemons|No cursor for event type"
    r"|^Checking for new runs for sensor|^Collected \d+ runs for monitoring|^Checking run [0-9a-f]"
    r"|^Priority sorting and checking|^Launched \d+ runs|^(Creating|Launching) (new )?run for "
    r"|nanobind: |^ - leaked |^ - \.\.\. skipped|^See https://nanobind"
    r"|^Checking \d+ assets/checks|refetching asset records|^Adding \d+ asset evaluations"
    r"|^Tick produced 0 runs|^Submitting 0 runs|^Finished auto-materialization tick"
    r"|^INFO: +(Started|Waiting|Application|Uvicorn|Shutting|Finished)"
    r'|^INFO: +\S+ - "(GET|HEAD) |^fatal: (Needed a single revision|not a git repository)'
)


class Output:
    """Prints for all threads of the supervisor; coloured where a person looks on."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._muted: set[str] = set()

    def say(self, text: str, style: str = "") -> None:
        """A line of the supervisor itself."""
        self._print("whetstone", text, style)

    def relay(self, name: str, line: str) -> None:
        """A line that the process `name` wrote, unless it is noise or continues noise."""
        text = readable(line)
        continues = line[:1].isspace()
        if text is None or (continues and name in self._muted):
            self._muted.add(name)
        else:
            self._muted.discard(name)
            self._print(name, text, "red" if text.startswith(("ERROR", "CRITICAL")) else "")

    def block(self, lines: list[str]) -> None:
        """Lines that belong together, without a prefix."""
        self._console.print(Text("\n" + "\n".join(lines) + "\n"), soft_wrap=True)

    def _print(self, name: str, text: str, style: str) -> None:
        prefix = Text(f"{name:<{_WIDTH}} | ", style=_COLOURS.get(name, ""))
        self._console.print(prefix + Text(text, style=style), soft_wrap=True)


def readable(line: str) -> str | None:
    """A child's line without control characters and Dagster's preamble; None where it is noise."""
    text = _ESCAPES.sub("", line).rstrip()
    dagster = _DAGSTER_LINE.match(text)
    if dagster:
        level, text = dagster["level"], dagster["text"]
        run = _RUN_LINE.match(text)
        if run:
            if level == "DEBUG" and run["event"] not in _RUN_EVENTS_TO_SHOW:
                return None
            text = f"run {run['run']}: {run['text']}"
        elif step := _STEP_LINE.match(text):
            text = f"run {step['run']}: {step['text']}"
        elif level == "DEBUG":
            return None
        if level in ("WARNING", "ERROR", "CRITICAL"):
            text = f"{level} {text}"
    return None if _NOISE.search(text) else text
