"""Ctrl-C ends a command soon, with one line and the status 130, wherever it arrives."""

import signal
import subprocess
import sys

import pytest
from command import end

from tests.commands.command import read_until

COMMAND = """
import logging, signal, sys, time
import duckdb
from whetstone import cli

ENDLESS = "SELECT sum(sqrt(a.range * b.range)) FROM range(10000000) a, range(10000000) b"

{body}

cli.app.command("work")(work)
sys.argv = ["whetstone", "work"]
cli.main()
"""

# Each says "ready" and goes on; without Ctrl-C it would do so for minutes.
BODIES = {
    "in a destructor": """
class Held:
    def __del__(self):
        print("ready", file=sys.stderr, flush=True)
        time.sleep(60)

def work():
    Held()
    time.sleep(300)
""",
    "in a query": """
def work():
    print("ready", file=sys.stderr, flush=True)
    duckdb.sql(ENDLESS).show()
""",
    "in a query whose failure is another": """
def work():
    print("ready", file=sys.stderr, flush=True)
    try:
        duckdb.sql(ENDLESS).show()
    except RuntimeError as error:
        raise ValueError("no rows") from error
""",
    "in a clean-up that logs": """
def work():
    try:
        print("ready", file=sys.stderr, flush=True)
        time.sleep(300)
    except BaseException:
        logging.getLogger("sqlalchemy.pool").error("Exception closing connection", exc_info=True)
        raise
""",
    "in another thread's work": """
from workbench.interruptible import interruptible

def step(check):
    print("ready", file=sys.stderr, flush=True)
    while True:
        check()
        try:
            time.sleep(0.01)
        except BaseException:
            pass

def work():
    interruptible(step)
""",
    "in another thread's work that never asks": """
from workbench.interruptible import interruptible

def step(check):
    print("ready", file=sys.stderr, flush=True)
    time.sleep(300)

def work():
    interruptible(step)
""",
}
DEAF = """
def work():
    while True:
        try:
            print("ready", file=sys.stderr, flush=True)
            time.sleep(300)
        except BaseException:
            print("swallowed", file=sys.stderr, flush=True)
"""
DEAF_THREAD = BODIES["in another thread's work that never asks"]


def start(body: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(body=body)],
        stderr=subprocess.PIPE,
        text=True,
        # Shells start background jobs with interrupts ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    read_until(process, "ready")
    return process


@pytest.mark.parametrize("where", BODIES)
def test_ctrl_c_ends_a_command_with_one_line(where: str) -> None:
    process = start(BODIES[where])
    said = end(process, signal.SIGINT, within=50)
    assert process.returncode == 130, said
    assert said.count("interrupted: what was finished stays") == 1
    assert "Traceback" not in said
    assert "ignored" not in said


def test_a_second_ctrl_c_ends_what_swallows_the_first() -> None:
    process = start(DEAF)
    process.send_signal(signal.SIGINT)
    read_until(process, "swallowed")
    assert "Traceback" not in end(process, signal.SIGINT, within=50)
    assert process.returncode == -signal.SIGINT


def test_a_second_ctrl_c_does_not_wait_for_another_thread() -> None:
    process = start(DEAF_THREAD)
    process.send_signal(signal.SIGINT)
    read_until(process, "stopping")
    said = end(process, signal.SIGINT, within=50)
    assert (process.returncode, said.count("interrupted")) == (130, 1)


def test_a_program_that_ignores_interrupts_is_left_to_do_so() -> None:
    ignoring = "signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + DEAF
    process = start(ignoring)
    process.send_signal(signal.SIGINT)
    end(process, signal.SIGTERM, within=50)
    assert process.returncode == -signal.SIGTERM
