"""Edited definitions come into force without a restart.

The catalog is looked at every two seconds. Valid definitions are loaded anew by the code server,
which Dagster's webserver and daemon both follow; invalid ones are reported with file and line
while the running definitions go on.
"""

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from whetstone.errors import WhetstoneError
from workbench.console import Output

LOOK_SECONDS = 2.0
LOCATION = "whetstone"
_RELOAD_TIMEOUT = 300.0

_RELOAD = """
mutation Reload($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) {
    __typename
    ... on WorkspaceLocationEntry {
      locationOrLoadError { __typename ... on PythonError { message } }
    }
    ... on ReloadNotSupported { message }
    ... on RepositoryLocationNotFound { message }
    ... on UnauthorizedError { message }
    ... on PythonError { message }
  }
}
"""
_STATE = """
{
  workspaceOrError {
    ... on Workspace {
      locationEntries {
        loadStatus locationOrLoadError { __typename ... on PythonError { message } }
      }
    }
  }
}
"""

Snapshot = Mapping[Path, tuple[int, int]]


class CatalogWatch:
    """Compares the catalog's files, and the first day that has landed, with those of the last look.

    Partitions begin with the first day that has landed, so an earlier one calls for a reload too.

    Args:
        directory: the catalog.
        first_day: the first day that has landed.
        validate: checks the whole catalog; says in a few words what it holds, or raises
            `CatalogError`.
        reload: makes the platform load it anew; raises `WhetstoneError` where it could not.
        output: where the outcome is printed.
    """

    def __init__(
        self,
        directory: Path,
        first_day: Callable[[], str],
        validate: Callable[[], str],
        reload: Callable[[], None],
        output: Output,
    ) -> None:
        self._directory = directory
        self._first_day = first_day
        self._seen_day = first_day()
        self._validate = validate
        self._reload = reload
        self._output = output
        self._seen = snapshot(directory)

    def look(self) -> None:
        """React to what changed since the last look."""
        # Taken before the files are read: an edit in between shows up in the next look.
        now = snapshot(self._directory)
        changed = sorted(
            path for path in self._seen.keys() | now.keys() if self._seen.get(path) != now.get(path)
        )
        day = self._first_day()
        if not changed and day == self._seen_day:
            return
        self._seen, self._seen_day = now, day
        try:
            summary = self._validate()
            self._reload()
        except WhetstoneError as error:
            self._output.say(f"catalog not reloaded, the running definitions stay: {error}", "red")
        else:
            names = ", ".join(str(path.relative_to(self._directory)) for path in changed[:5])
            names = names or f"days from {day} on"
            more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
            self._output.say(f"catalog reloaded: {names}{more} ({summary})", "green")

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # The next edit deserves another look.
                self._output.say(f"catalog not reloaded: {error!r}", "red")


def snapshot(directory: Path) -> Snapshot:
    """Modification time and size of every definition below a directory."""
    found: dict[Path, tuple[int, int]] = {}
    for path in directory.rglob("*.textproto"):
        try:
            state = path.stat()
        except FileNotFoundError:  # An editor replaced it this very moment.
            continue
        found[path] = (state.st_mtime_ns, state.st_size)
    return found


def reload_definitions(port: int) -> None:
    """Make the Dagster at a port load its definitions anew, and wait until it has.

    Raises:
        WhetstoneError: they do not load, or Dagster does not answer.
    """
    answer = _graphql(port, _RELOAD, {"location": LOCATION}, _RELOAD_TIMEOUT)
    result = answer["reloadRepositoryLocation"]
    error = result.get("locationOrLoadError", result)
    if "message" in error:
        raise WhetstoneError(f"Dagster could not load them: {error['message'].strip()}")


def definitions_loaded(port: int) -> bool:
    """Whether the Dagster at a port is done with loading its definitions, well or not."""
    try:
        return any(entry["loadStatus"] == "LOADED" for entry in _locations(port))
    except WhetstoneError:
        return False


def load_error(port: int) -> str:
    """Why the Dagster at a port could not load its definitions, in a line; empty if it could."""
    try:
        errors = [entry["locationOrLoadError"] or {} for entry in _locations(port)]
    except WhetstoneError as error:
        return str(error)
    return " ".join(error.get("message", "").partition("\n")[0] for error in errors)


def answers(port: int, path: str, host: str = "127.0.0.1") -> bool:
    """Whether something at a port of this machine answers a request for a path with success."""
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < http.client.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _locations(port: int) -> list[Any]:
    return _graphql(port, _STATE, {}, timeout=5.0)["workspaceOrError"].get("locationEntries", [])


def _graphql(port: int, query: str, variables: Mapping[str, str], timeout: float) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    body = json.dumps({"query": query, "variables": variables})
    try:
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WhetstoneError(f"Dagster does not answer on port {port}: {error}") from error
    finally:
        connection.close()
    if answer.get("errors"):
        raise WhetstoneError(f"Dagster refused a request: {answer['errors'][0]['message']}")
    return answer["data"]
