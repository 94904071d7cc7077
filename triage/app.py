"""The platform's web application: the API today, the analysts' page beside it.

A router a concern; each gets the desk with `triage.desk.OfDesk`, and who asks with
`triage.access.needs`. Whatever it is, every request passes `triage.access.Guard` first.
"""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from triage.access import Guard, Tokens, refused
from triage.api import problem, router
from triage.desk import Desk, OfDesk
from triage.pages import STATIC, pages
from whetstone.errors import InputError

_SHOWN_ERRORS = 10


def triage_app(desk: Desk, tokens: Tokens | None = None) -> FastAPI:
    """The application.

    Args:
        desk: the case store, and where the rest of the platform lies.
        tokens: who may speak; None: this machine only.
    """
    # The pages of documentation would load scripts from elsewhere; /openapi.json says it all.
    app = FastAPI(title="Whetstone", version="1", docs_url=None, redoc_url=None)
    app.state.desk = desk
    app.include_router(router)
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/health", _health, methods=["GET"])
    app.add_middleware(Guard, tokens=tokens)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(RequestValidationError, _wrong)
    app.add_exception_handler(InputError, _unusable)
    app.add_exception_handler(DBAPIError, _no_database)
    return app


def _health(desk: OfDesk) -> JSONResponse:
    """Whether the case store can be reached."""
    desk.cases.record_counts()
    return JSONResponse({"status": "ok"})


def _not_served(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, str(error.detail))


def _wrong(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [problem(each) for each in error.errors()]
    more = f" (and {len(found) - _SHOWN_ERRORS} more)" if len(found) > _SHOWN_ERRORS else ""
    return refused(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(found[:_SHOWN_ERRORS]) + more)


def _unusable(_: Request, error: Exception) -> JSONResponse:
    return refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _no_database(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError)
    response = refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"the case store cannot be used: {error.orig}; send it again later",
    )
    response.headers["retry-after"] = "5"
    return response
