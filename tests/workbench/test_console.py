"""What of a process's output reaches the person at the terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from workbench.console import Output, readable

STAMP = "2026-11-21 05:20:38 +0000 - dagster"
RUN = "2cf3b046-e568-474a-a1bb-2b3142e6a242"


def relayed(*lines: str) -> list[str]:
    printed = io.StringIO()
    output = Output(Console(file=printed, width=40))
    for line in lines:
        output.relay("daemon", line + "\n")
    return printed.getvalue().splitlines()


def test_a_line_carries_the_name_of_its_process_and_is_never_broken() -> None:
    assert relayed("x" * 200) == [f"{'daemon':<10} | " + "x" * 200]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            f"{STAMP}.daemon.SensorDaemon - INFO - Sensor s skipped: 3 assets wait for runs",
            "Sensor s skipped: 3 assets wait for runs",
        ),
        (
            f"{STAMP} - INFO - jobs - {RUN} - parse - parsed/sshd: 1 of 14",
            "run 2cf3b046: parsed/sshd: 1 of 14",
        ),
        (f"{STAMP}.daemon - ERROR - Sensor failed", "ERROR Sensor failed"),
        (
            f'{STAMP} - DEBUG - jobs - {RUN} - 17 - parse - STEP_SUCCESS - Finished "parse"',
            'run 2cf3b046: Finished "parse"',
        ),
        (
            f"{STAMP} - ERROR - jobs - {RUN} - 17 - parse - STEP_FAILURE - It broke",
            "ERROR run 2cf3b046: It broke",
        ),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("  File 'x.py', line 3", "  File 'x.py', line 3"),
    ],
)
def test_what_matters_is_shown_without_the_preamble(line: str, shown: str) -> None:
    assert readable(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"{STAMP} - DEBUG - jobs - {RUN} - 17 - parse - STEP_INPUT - Got input",
        f"{STAMP}.daemon - INFO - Submitting 0 runs for evaluation 4 for s in whetstone",
        "x.py:100: SupersessionWarning: Function `dev` is superseded",
        "INFO:     Uvicorn running on http://127.0.0.1:8000",
    ],
)
def test_what_does_not_matter_is_left_out(line: str) -> None:
    assert readable(line) is None


def test_the_rest_of_a_left_out_warning_is_left_out_too() -> None:
    lines = relayed("x.py:1: BetaWarning: soon", "  call(this)", "  and(that)", "after", "  kept")

    assert [line.partition("| ")[2] for line in lines] == ["after", "  kept"]


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_log_text_cannot_drive_the_terminal(text: str) -> None:
    shown = readable("\x1b[31m" + text + "\x1b]0;title\x07") or ""

    assert not [c for c in shown if c != "\t" and c != "\n" and (c < " " or "\x7f" <= c <= "\x9f")]
