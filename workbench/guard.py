"""Ends the platform's processes as soon as their supervisor lets go of them.

The guard leads the process group in which all of them live, and reads a pipe that only the
supervisor can write to. The pipe ends when the supervisor closes it (Ctrl-C), and also when the
supervisor is killed, crashes or runs out of memory: one way out, for the orderly and the
disorderly end. What does not end by itself within the seconds of grace is killed.
"""

import contextlib
import os
import signal
import sys
import time

import psutil


def main(grace: float) -> None:
    """Wait for the end of standard input, then end this process group, oneself included."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and others_in_group(os.getpgrp()):
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


def others_in_group(group: int) -> list[psutil.Process]:
    """Live processes of a group, without its leader."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            alive = process.pid != group and os.getpgid(process.pid) == group
            if alive and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


if __name__ == "__main__":
    main(float(sys.argv[1]))
