"""The server of the platform's web application: `python -m triage.serve --port 8080`.

`whetstone up` runs it. It reads the case store's URL from the settings; beyond this machine it
answers only with tokens, and TLS is the business of a proxy in front of it.
"""

import argparse
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn

from triage.access import LOOPBACK, Tokens
from triage.app import triage_app
from triage.cases import CaseStore
from triage.definitions import definitions
from triage.desk import Desk
from whetstone.errors import CatalogError, InputError, WhetstoneError
from whetstone.settings import settings

_MOST_CONNECTIONS = 200


def serve(host: str, port: int, tokens_file: Path | None) -> None:
    """Answer until told to stop.

    Raises:
        InputError: the token file is wrong, or others could reach the server and nobody could say
            who they are.
    """
    tokens = None if tokens_file is None else Tokens.read(tokens_file)
    settings().home.mkdir(parents=True, exist_ok=True)
    app = triage_app(Desk(CaseStore(settings().case_store), settings()), tokens, host in LOOPBACK)
    if tokens is None and host not in LOOPBACK and not app.state.entrance.takes_logins():
        raise InputError(
            f"WHETSTONE_TRIAGE_HOST={host} is reached from elsewhere: make the first user with"
            " `whetstone users add NAME --role admin`, or set WHETSTONE_TRIAGE_TOKENS"
            " to a file with a line `ENVIRONMENT TOKEN` for each scorer"
        )
    # The first page would wait for it; what is wrong with the catalog the pages say themselves.
    with suppress(CatalogError):
        definitions(settings())
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m triage.serve", description=__doc__)
    parser.add_argument("--host", default=settings().triage_host)
    parser.add_argument("--port", type=int, default=8080)
    chosen = parser.parse_args()
    try:
        serve(chosen.host, chosen.port, settings().triage_tokens)
    except WhetstoneError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    _main()
