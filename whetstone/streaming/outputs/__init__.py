"""Where alerts go: `open_output("file:///var/log/whetstone/alerts.jsonl", directory)`."""

import difflib
from pathlib import Path

from whetstone.errors import InputError
from whetstone.streaming.outputs.output import Output, OutputError, Refused
from whetstone.streaming.urls import Url, shown

__all__ = ["SCHEMES", "Output", "OutputError", "Refused", "open_output"]

SCHEMES = {
    "file": "file:///var/log/whetstone/alerts.jsonl",
    "stdout": "stdout:",
    "unix": "unix:///run/collector.sock",
    "syslog+udp": "syslog+udp://127.0.0.1:514",
    "syslog+tcp": "syslog+tcp://siem.example:601",
    "syslog+tls": "syslog+tls://siem.example:6514",
    "http": "http://127.0.0.1:8080/hook",
    "https": "https://soar.example/hooks/whetstone",
    "redis": "redis://127.0.0.1:6379/0/alerts",
    "rediss": "rediss://redis.example:6380/0/alerts",
    "kafka": "kafka://broker:9092/alerts",
    "platform+http": "platform+http://127.0.0.1:8080",
    "platform+https": "platform+https://whetstone.example",
}
"""What an output's URL may begin with, and an example of each."""


def open_output(url: str, directory: Path) -> Output:
    """The output of a URL; connections are made when there is something to send.

    Args:
        url: as the operator wrote it.
        directory: where outputs keep what they must remember.

    Raises:
        InputError: there is no such output, an option is wrong, or its client is not installed.
    """
    scheme = url.partition(":")[0]
    match scheme:
        case "file":
            from whetstone.streaming.outputs import file

            return file.File.at(Url.parse(url, file.OPTIONS, local=True))
        case "stdout":
            from whetstone.streaming.outputs import stdout

            return stdout.Stdout()
        case "unix":
            from whetstone.streaming.outputs import unix

            return unix.Unix.at(Url.parse(url, unix.OPTIONS, local=True))
        case "syslog+udp" | "syslog+tcp" | "syslog+tls":
            from whetstone.streaming.outputs import syslog

            return syslog.Syslog.at(Url.parse(url, syslog.OPTIONS))
        case "http" | "https":
            from whetstone.streaming.outputs import webhook

            return webhook.Webhook.at(url)
        case "redis" | "rediss":
            from whetstone.streaming.outputs import redis

            return redis.Redis.at(Url.parse(url, redis.OPTIONS), directory)
        case "kafka":
            from whetstone.streaming.outputs import kafka

            return kafka.Kafka.at(Url.parse(url, kafka.OPTIONS))
        case "platform+http" | "platform+https":
            from whetstone.streaming.outputs import platform

            return platform.open_platform(url, directory)
        case _:
            raise _unknown(url, scheme)


def _unknown(url: str, scheme: str) -> InputError:
    near = difflib.get_close_matches(scheme, SCHEMES, 1)
    hint = f"did you mean {SCHEMES[near[0]]}?" if near else f"known are {', '.join(SCHEMES)}"
    return InputError(f"{shown(url)}: there is no output {scheme!r}: {hint}")
