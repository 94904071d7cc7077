"""The platform's web application: the API today, the analysts' page beside it.

A router a concern; each gets the desk with `triage.desk.OfDesk`, and who asks with
`triage.access.needs`. Whatever it is, every request passes `triage.access.Guard` first.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Protocol

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from triage.access import Entrance, Guard, Tokens, not_forged, refused
from triage.access.guard import UNAVAILABLE, unavailable
from triage.api import methods_of, problem, router
from triage.desk import Desk, OfDesk
from triage.exchange.delivery import webhook_sender
from triage.intake.running import Runner
from triage.pages import Statics, pages
from triage.pages.rendering import is_part, page
from whetstone.errors import InputError, StorageError

_SHOWN_ERRORS = 10
_PLAIN = frozenset({"/health", "/openapi.json"})


def triage_app(desk: Desk, tokens: Tokens | None = None, is_local: bool = True) -> FastAPI:
    """The application.

    Args:
        desk: the case store, and where the rest of the platform lies.
        tokens: of scorers.
        is_local: whether only this machine reaches the server, where nobody logs in as long as
            there are neither people nor tokens.
    """
    # The pages of documentation would load scripts from elsewhere; /openapi.json says it all.
    app = FastAPI(
        title="Whetstone",
        version="1",
        docs_url=None,
        redoc_url=None,
        # Such a redirection would lead to whatever host and scheme the request names.
        redirect_slashes=False,
        lifespan=_with_workers,
        dependencies=[Depends(not_forged)],
    )
    app.state.desk = desk
    app.state.entrance = Entrance(desk.database, desk.settings, tokens, is_local)
    app.state.workers = [Runner(desk), webhook_sender(desk)]
    app.include_router(router)
    app.include_router(pages)
    app.mount("/static", Statics(), name="static")
    app.add_api_route("/health", _health, methods=["GET"])
    app.add_middleware(Guard, entrance=app.state.entrance)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(RequestValidationError, _wrong)
    app.add_exception_handler(InputError, _unusable)
    app.add_exception_handler(StorageError, _not_stored)
    app.add_exception_handler(DBAPIError, _no_database)
    return app


class Worker(Protocol):
    """A thread of the server, for what takes longer than a request may."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End, within moments."""
        ...


@asynccontextmanager
async def _with_workers(app: FastAPI) -> AsyncIterator[None]:
    workers: list[Worker] = app.state.workers
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        await run_in_threadpool(worker.stop)


def _health(desk: OfDesk) -> JSONResponse:
    """Whether the case store can be reached."""
    desk.cases.record_counts()
    return JSONResponse({"status": "ok"})


def _told(request: Request, status: int, error: str) -> Response:
    """Why a request was not served, to programs and to people."""
    if request.url.path.startswith("/api/") or request.url.path in _PLAIN:
        return refused(status, error)
    template = "parts/problem.html" if is_part(request) else "problem.html"
    return page(request, template, {"title": HTTPStatus(status).phrase, "error": error}, status)


def _not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _told(request, error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := methods_of(request)):
        # The router knows but one of the routes that share the path.
        response.headers["allow"] = methods
    return response


def _wrong(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [problem(each) for each in error.errors()]
    more = f" (and {len(found) - _SHOWN_ERRORS} more)" if len(found) > _SHOWN_ERRORS else ""
    told = "; ".join(found[:_SHOWN_ERRORS]) + more
    return _told(request, HTTPStatus.UNPROCESSABLE_ENTITY, told)


def _unusable(request: Request, error: Exception) -> Response:
    return _told(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _not_stored(request: Request, error: Exception) -> Response:
    return _told(request, HTTPStatus.INSUFFICIENT_STORAGE, str(error))


def _no_database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    plain = unavailable(error)
    response = _told(request, plain.status_code, UNAVAILABLE)
    response.headers["retry-after"] = plain.headers["retry-after"]
    return response
