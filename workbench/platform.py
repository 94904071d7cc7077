"""`whetstone up`: the whole platform on one machine, as one group of processes.

    code server ---- Dagster webserver (3000)
         \\---------- Dagster daemon
    the analysts' desk (8080)      Evidently dashboards (8000)      report files (3001)

`up` prepares the state directory, starts these processes, prints where they answer, reloads the
definitions when somebody edits the catalog, restarts what dies, and ends everything on Ctrl-C.
The code server is a process of its own because a reload there reaches webserver and daemon alike.
"""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from whetstone.landing import first_landed_day
from whetstone.settings import PROJECT_ROOT, Settings
from workbench.console import Output
from workbench.instance import dagster_home
from workbench.processes import PlatformError, ProcessGroup, Service
from workbench.reload import (
    LOCATION,
    CatalogWatch,
    answers,
    definitions_loaded,
    load_error,
    reload_definitions,
)

HOST = "127.0.0.1"
_STILL_WAITING_SECONDS = 30.0


@dataclass(frozen=True)
class Ports:
    """Where the platform answers, on the loopback address only."""

    dagster: int = 3000
    dashboards: int = 8000
    reports: int = 3001
    triage: int = 8080


@dataclass(frozen=True)
class Platform:
    """What to run.

    Attributes:
        settings: home, catalog and URLs; handed on to every process.
        prepare: puts into home what a first look needs; called before anything starts, on every
            start, so it must find its own work done.
        validate: checks the catalog, see `CatalogWatch`.
        ports: where to answer.
        module: the module of Dagster definitions that the code server loads.
        directory: where that module lies.
    """

    settings: Settings
    prepare: Callable[[], None]
    validate: Callable[[], str]
    ports: Ports = field(default_factory=Ports)
    module: str = "definitions"
    directory: Path = PROJECT_ROOT


def up(platform: Platform, output: Output | None = None) -> None:
    """Run the platform until Ctrl-C, SIGTERM or SIGHUP; returns when all its processes have ended.

    Raises:
        PlatformError: a port is taken, another platform runs on the same home, or a process keeps
            dying. Nothing is left running.
    """
    output = output or Output()
    began = time.monotonic()
    with _until_stopped(output), _only_platform(platform.settings.home):
        _check_ports(platform.ports)
        output.say(f"starting on {platform.settings.home}")
        platform.prepare()
        with tempfile.TemporaryDirectory(prefix="whetstone-") as runtime:
            _run(platform, Path(runtime), output, began)


def _run(platform: Platform, runtime: Path, output: Output, began: float) -> None:
    instance = _prepare_dagster(platform.settings.home, runtime)
    services = _services(platform, runtime, instance)
    environment = _environment(platform, instance)
    watch = CatalogWatch(
        platform.settings.catalog,
        lambda: first_landed_day(platform.settings.landing),
        platform.validate,
        lambda: reload_definitions(platform.ports.dagster),
        output,
    )
    stop = threading.Event()
    with ProcessGroup(services, environment, platform.directory, output) as group:
        try:
            _wait_until_ready(group, output)
            output.block(_ready_block(platform, time.monotonic() - began))
            if error := load_error(platform.ports.dagster):
                output.say(f"the definitions do not load, see above: {error}", "red")
            threading.Thread(target=watch.run, args=(stop,), daemon=True).start()
            while True:
                group.tend()
                time.sleep(0.5)
        finally:
            stop.set()
            output.say("stopping …")


def _wait_until_ready(group: ProcessGroup, output: Output) -> None:
    reminder = time.monotonic() + _STILL_WAITING_SECONDS
    group.tend()
    while group.waiting_for:
        time.sleep(0.1)
        group.tend()
        if time.monotonic() > reminder:
            reminder += _STILL_WAITING_SECONDS
            output.say(f"still waiting for {', '.join(group.waiting_for)}")


def _ready_block(platform: Platform, seconds: float) -> list[str]:
    ports = platform.ports
    return [
        f"  Whetstone is ready after {seconds:.0f} s",
        f"    the analysts' desk      http://{_triage_host(platform)}:{ports.triage}",
        f"    assets, runs, sensors   http://{HOST}:{ports.dagster}",
        f"    drift and quality       http://{HOST}:{ports.dashboards}",
        f"    report files            http://{HOST}:{ports.reports}",
        f"    scorers report to       http://{_triage_host(platform)}:{ports.triage}/api",
        f"    state                   {platform.settings.home}",
        f"    definitions             {platform.settings.catalog}   (edit: reloaded as you save)",
        "  Ctrl-C stops everything.",
    ]


def _services(platform: Platform, runtime: Path, instance: Path) -> list[Service]:
    ports, settings = platform.ports, platform.settings
    scripts = Path(sys.executable).parent
    workspace = str(instance / "workspace.yaml")
    code_socket = runtime / "code.sock"

    def code_answers() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(code_socket)) == 0

    code = [str(scripts / "dagster"), "code-server", "start", "--log-level", "warning"]
    code += ["--socket", str(code_socket), "--module-name", platform.module]
    code += ["--working-directory", str(platform.directory), "--location-name", LOCATION]
    code += ["--use-python-environment-entry-point"]
    webserver = [str(scripts / "dagster-webserver"), "--workspace", workspace]
    webserver += ["--host", HOST, "--port", str(ports.dagster)]
    daemon = [str(scripts / "dagster-daemon"), "run", "--workspace", workspace]
    dashboards = [str(scripts / "evidently"), "ui", "--workspace", str(settings.workspace)]
    dashboards += ["--host", HOST, "--port", str(ports.dashboards)]
    server = Path(__file__).with_name("report_server.py")
    reports = [sys.executable, str(server), str(settings.reports), str(ports.reports)]
    triage = [sys.executable, "-m", "triage.serve", "--port", str(ports.triage)]
    host = _triage_host(platform)
    return [
        Service("code", code, code_answers),
        Service("dashboards", dashboards, lambda: answers(ports.dashboards, "/api/version")),
        Service("reports", reports, lambda: answers(ports.reports, "/")),
        Service("triage", triage, lambda: answers(ports.triage, "/health", host)),
        Service("dagster", webserver, lambda: definitions_loaded(ports.dagster), after=["code"]),
        Service("daemon", daemon, lambda: True, after=["code"]),
    ]


def _triage_host(platform: Platform) -> str:
    """Where this machine reaches the API, which may listen on all its addresses."""
    host = platform.settings.triage_host
    return HOST if host in ("0.0.0.0", "::", "localhost") else host  # noqa: S104


def _environment(platform: Platform, instance: Path) -> dict[str, str]:
    settings, ports = platform.settings, platform.ports
    chosen = settings.model_fields_set
    urls = {
        "reports_url": f"http://{HOST}:{ports.reports}",
        "dashboards_url": f"http://{HOST}:{ports.dashboards}",
    }
    return {
        **os.environ,
        "DAGSTER_HOME": str(instance),
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        # Those of the libraries, to their authors; ours fail the tests.
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
        "WHETSTONE_HOME": str(settings.home),
        "WHETSTONE_CATALOG": str(settings.catalog),
        # Whoever names a URL has put something in front of the port.
        **{f"WHETSTONE_{k.upper()}": url for k, url in urls.items() if k not in chosen},
    }


def _prepare_dagster(home: Path, runtime: Path) -> Path:
    for directory in (home / "reports", home / "evidently"):
        directory.mkdir(parents=True, exist_ok=True)
    directory = dagster_home(home)
    # A socket in a private directory: whoever reaches a code server can run code in it.
    (directory / "workspace.yaml").write_text(
        "load_from:\n"
        f"  - grpc_server: {{socket: {runtime / 'code.sock'}, location_name: {LOCATION}}}\n"
    )
    return directory


def _check_ports(ports: Ports) -> None:
    for name, port in vars(ports).items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise PlatformError(
                    f"port {port} for {name} cannot be used ({_owner(port) or error.strerror}): "
                    f"free it, or choose another with --{name}-port or "
                    f"WHETSTONE_{name.upper()}_PORT"
                ) from error


def _owner(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and getattr(connection.laddr, "port", 0) == port and connection.pid:
                process = psutil.Process(connection.pid)
                return f"taken by {process.name()}, process {process.pid}"
    except psutil.Error:
        # Other people's processes are not ours to look at.
        return ""
    return ""


@contextlib.contextmanager
def _only_platform(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "platform.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise PlatformError(
                f"the platform already runs on {home} (process {lock.read().strip()}): stop it "
                "there with Ctrl-C, or choose another home with WHETSTONE_HOME"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextlib.contextmanager
def _until_stopped(output: Output) -> Iterator[None]:
    stopping = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        stopping.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in stopping}
    try:
        for number in stopping:
            signal.signal(number, signal.default_int_handler)
        yield
    except KeyboardInterrupt:
        output.say("stopped")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
