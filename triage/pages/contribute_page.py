"""`/contribute`: labelled raw files for golden datasets, looked at before anybody accepts them."""

from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from triage.access import EVERYWHERE, Permission, Principal, needs
from triage.definitions import definitions
from triage.desk import Desk, OfDesk
from triage.intake.uploads import KEPT, Upload, Uploads
from triage.pages.rendering import is_part, page
from whetstone.errors import InputError

router = APIRouter()
Contributor = Annotated[Principal, needs(Permission.CONTRIBUTE)]
UploadId = Annotated[str, Path(max_length=32)]


@router.get("/contribute")
def contribute_page(request: Request, desk: OfDesk, principal: Contributor) -> Response:
    """What was offered, and a form to offer more."""
    return _listed(request, desk, principal)


@router.post("/contribute")
def upload(
    request: Request,
    desk: OfDesk,
    principal: Contributor,
    raw: UploadFile,
    labels: UploadFile,
    dataset: Annotated[str, Form(max_length=200)],
    day: Annotated[date | None, Form()] = None,
    note: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Keep the files and have them looked at."""
    try:
        upload_id = Uploads(desk).receive(
            dataset,
            (raw.filename or "", raw.file),
            labels.file,
            day=day or datetime.now(UTC).date(),
            note=note,
            by=principal.name,
        )
    except InputError as error:
        return _listed(request, desk, principal, str(error))
    return RedirectResponse(f"/contribute/{upload_id}", HTTPStatus.SEE_OTHER)


@router.get("/contribute/{upload_id}")
def upload_page(
    request: Request, desk: OfDesk, principal: Contributor, upload_id: UploadId
) -> Response:
    """What an upload would bring; as a part for htmx while that is not known yet."""
    found = _own(desk, principal, upload_id)
    template = "parts/upload.html" if is_part(request) else "upload.html"
    return page(request, template, {"upload": found, "kept": KEPT})


@router.post("/contribute/{upload_id}/accept")
def accept(desk: OfDesk, principal: Contributor, upload_id: UploadId) -> Response:
    """Make it part of the golden dataset."""
    _own(desk, principal, upload_id)
    accepted = Uploads(desk).accept(upload_id)
    desk.trail.append(
        principal.name,
        "contribute",
        accepted.note or "accepted after its preview",
        {"dataset": accepted.dataset, "contribution": accepted.contribution},
    )
    return RedirectResponse(f"/contribute/{upload_id}", HTTPStatus.SEE_OTHER)


@router.post("/contribute/{upload_id}/discard")
def discard(desk: OfDesk, principal: Contributor, upload_id: UploadId) -> Response:
    """Forget it."""
    _own(desk, principal, upload_id)
    Uploads(desk).discard(upload_id)
    return RedirectResponse("/contribute", HTTPStatus.SEE_OTHER)


def _listed(request: Request, desk: Desk, principal: Principal, problem: str = "") -> Response:
    everybody = principal.may(Permission.MANAGE, EVERYWHERE)
    values = {
        "datasets": sorted(definitions(desk.settings).golden_datasets.values(), key=_title),
        "uploads": Uploads(desk).listed(None if everybody else principal.name),
        "problem": problem,
        "kept": KEPT,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return page(request, "contribute.html", values, status)


def _own(desk: Desk, principal: Principal, upload_id: str) -> Upload:
    """The upload, if it is theirs: raw logs are nobody else's to see before they are accepted.

    They are of no environment, so that only who manages all of them may do it for somebody.
    """
    found = Uploads(desk).upload(upload_id)
    theirs = found is not None and found.job.by == principal.name
    if found is None or not (theirs or principal.may(Permission.MANAGE, EVERYWHERE)):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such upload")
    return found


def _title(dataset: object) -> str:
    return str(getattr(dataset, "display_name", "")).lower()
