"""Serves the report files on this machine: `python -m workbench.report_server DIRECTORY PORT`.

Dagster's pages cannot show or link files; they can link here. At `/` stands the overview of all
detectors, as soon as there is one. Only regular files below the directory are served, links that
lead out of it are not, and nothing is cached, because a report is written again under the same
name.
"""

import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

_OVERVIEW = "/overview.html"


def report_server(directory: Path, port: int) -> ThreadingHTTPServer:
    """A server bound to the loopback address; call `serve_forever` on it. Port 0 chooses one."""
    return ThreadingHTTPServer(
        ("127.0.0.1", port), partial(_ReportHandler, directory=str(directory.resolve()))
    )


class _ReportHandler(SimpleHTTPRequestHandler):
    def send_head(self) -> BytesIO | BinaryIO | None:
        if not self._is_inside():
            self.send_error(HTTPStatus.NOT_FOUND, "File not found")
            return None
        del self.headers["If-Modified-Since"]
        if self.path == "/" and Path(self.translate_path(_OVERVIEW)).is_file():
            self.path = _OVERVIEW
        return super().send_head()

    def _is_inside(self) -> bool:
        try:
            return Path(self.translate_path(self.path)).resolve().is_relative_to(self.directory)
        except (OSError, ValueError):  # A loop of links; a null byte.
            return False

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests that went well are no event."""


if __name__ == "__main__":
    report_server(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()
