"""`whetstone up` as its user sees it: real Dagster, real Evidently, real signals."""

import http.client
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.workbench.platforms import PATIENCE, RunningPlatform, free_ports, starting_platform
from whetstone.settings import Settings
from workbench.platform import Platform, Ports, up
from workbench.processes import PlatformError


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    with starting_platform(tmp_path_factory.mktemp("platform")) as platform:
        platform.wait_for("Whetstone is ready")
        platform.wait_for("Ctrl-C stops everything")
        yield platform


@pytest.fixture(scope="module")
def not_loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """One whose definitions cannot be imported: nothing else is different."""
    broken = "import no_such_module"
    with starting_platform(tmp_path_factory.mktemp("not-loading"), tiny=broken) as platform:
        platform.wait_for("Whetstone is ready")
        yield platform


def never_started(directory: Path) -> Platform:
    """A platform whose start must be refused before it prepares anything."""

    def prepare() -> None:
        pytest.fail("started all the same")

    settings = Settings(home=directory / "home", catalog=directory / "catalog")
    return Platform(settings, prepare, lambda: "", Ports(*free_ports(4)))


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def test_dagster_dashboards_and_reports_answer_when_it_says_ready(running: RunningPlatform) -> None:
    (running.directory / "home" / "reports" / "report.html").write_text("<p>drift</p>")

    assert running.assets() >= {"first"}
    assert get(running.dashboards, "/api/projects")[0] == 200
    assert get(running.reports, "/report.html") == (200, b"<p>drift</p>")
    assert get(running.triage, "/api/alerts") == (200, b'{"alerts":[],"after":null}')
    assert (running.directory / "prepared").exists()


def test_all_processes_form_one_process_group(running: RunningPlatform) -> None:
    groups = {os.getpgid(process.pid) for process in running.processes()}

    assert len(groups) == 1
    assert groups != {os.getpgid(running.process.pid)}


def test_a_run_launched_in_the_ui_is_queued_by_the_daemon_and_succeeds(
    running: RunningPlatform,
) -> None:
    launched = running.graphql(
        """mutation { launchPipelineExecution(executionParams: {mode: "default", runConfigData: {},
        selector: {repositoryLocationName: "whetstone", repositoryName: "__repository__",
        jobName: "__ASSET_JOB", assetSelection: [{path: ["first"]}]}})
        { ... on LaunchRunSuccess { run { runId } } } }"""
    )
    run_id = launched["launchPipelineExecution"]["run"]["runId"]

    assert run_id[:8] in running.wait_for("Finished execution of run")


def test_an_edited_catalog_is_reloaded_without_a_restart(running: RunningPlatform) -> None:
    running.define("second", 'name: "second"')

    assert "second.textproto (valid)" in running.wait_for("catalog reloaded")
    assert running.assets() >= {"first", "second"}


def test_an_invalid_edit_is_shown_with_its_line_and_changes_nothing(
    running: RunningPlatform,
) -> None:
    before = running.assets()
    running.define("third", "nonsense")

    assert "third.textproto:1: no name" in running.wait_for("catalog not reloaded")
    assert running.assets() == before

    running.define("third", 'name: "third"')
    running.wait_for("catalog reloaded")
    assert running.assets() == before | {"third"}


def test_who_logs_out_does_not_end_what_runs_under_nohup(running: RunningPlatform) -> None:
    os.kill(running.process.pid, signal.SIGHUP)
    running.define("fourth", 'name: "fourth"')

    assert "fourth.textproto (valid)" in running.wait_for("catalog reloaded")
    assert running.process.poll() is None


def test_a_process_that_dies_is_started_again(running: RunningPlatform) -> None:
    server = next(p for p in running.processes() if "report_server.py" in " ".join(p.cmdline()))
    server.kill()

    running.wait_for("reports ended (exit status -9); again in 1 s")
    running.wait_for("reports answers again")
    assert get(running.reports, "/")[0] == 200


def test_a_second_platform_on_the_same_home_is_refused(running: RunningPlatform) -> None:
    with pytest.raises(PlatformError, match=rf"already runs on .*{running.process.pid}"):
        up(never_started(running.directory))


def test_a_taken_port_is_named_with_its_process_before_anything_starts(tmp_path: Path) -> None:
    platform = never_started(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        crowded = replace(platform, ports=replace(platform.ports, dashboards=taken))

        with pytest.raises(PlatformError) as refused:
            up(crowded)

    me = psutil.Process()
    assert f"port {taken} for dashboards" in str(refused.value)
    assert f"taken by {me.name()}, process {me.pid}" in str(refused.value)
    assert "WHETSTONE_DASHBOARDS_PORT" in str(refused.value)


def interrupt(platform: RunningPlatform) -> None:
    """Ctrl-C, as in a terminal: it ends every process and is no error."""
    platform.process.send_signal(signal.SIGINT)

    assert platform.process.wait(PATIENCE) == 0
    platform.wait_for("stopped")
    assert processes_on(platform.directory) == []


def test_ctrl_c_ends_every_process_while_they_start(tmp_path: Path) -> None:
    with starting_platform(tmp_path) as platform:
        platform.wait_for("starting on")
        interrupt(platform)


# The last test of this platform: it ends it.
def test_ctrl_c_ends_every_process_of_a_running_platform(running: RunningPlatform) -> None:
    assert len(running.processes()) >= 6
    interrupt(running)


def test_definitions_that_do_not_load_are_said_so_at_the_start(
    not_loading: RunningPlatform,
) -> None:
    assert "No module named 'no_such_module'" in not_loading.wait_for("definitions do not load")


# The last test of this platform: it ends it.
def test_a_killed_supervisor_leaves_no_orphans(not_loading: RunningPlatform) -> None:
    processes = not_loading.processes()

    not_loading.process.kill()

    assert len(processes) >= 6
    psutil.wait_procs(processes, timeout=15)
    assert processes_on(not_loading.directory) == []


def processes_on(directory: Path) -> list[list[str]]:
    """Command lines of the live processes that name a directory."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(directory) in " ".join(line)]
