"""Contributions on their way: uploaded, previewed, then accepted or discarded by somebody.

`home/uploads/<upload_id>/` holds the raw log and the labels until somebody has decided, or for
`KEPT`; nothing of it touches a golden dataset before.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from sqlalchemy import Connection, Row, and_, select, update

from triage import schema
from triage.database import Alone
from triage.definitions import definitions
from triage.desk import Desk
from triage.incoming import now
from triage.intake.jobs import Job, JobKind, JobState, add_job, jobs_by_id
from triage.texts import checked_text
from whetstone.contributions import contribute
from whetstone.errors import InputError

KEPT = timedelta(days=7)
"""How long files wait for a decision."""
_LABELS = "labels.csv"
_LISTED = 50
_U = schema.uploads.c
_J = schema.jobs.c


@dataclass(frozen=True)
class Upload:
    """A raw log with labels that somebody offers.

    Attributes:
        day: the day that the raw log was written on or before.
        decision: `accepted` or `discarded`; None while nobody has decided.
        contribution: id of the contribution that it became.
        job: the preview; `job.found` is a `ContributionPreview` as JSON.
    """

    upload_id: str
    dataset: str
    day: date
    raw_name: str
    note: str
    decision: str | None
    contribution: str | None
    job: Job

    @property
    def can_be_accepted(self) -> bool:
        """Whether its preview is there and nobody has decided."""
        return self.decision is None and self.job.state == JobState.DONE


class Uploads:
    """The uploads of an installation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def receive(
        self,
        dataset: str,
        raw: tuple[str, BinaryIO],
        labels: BinaryIO,
        *,
        day: date,
        note: str,
        by: str,
    ) -> str:
        """Keep the files and hand in the preview; returns the upload's id.

        Args:
            dataset: golden dataset, as in the catalog.
            raw: the raw log's name and content.
            labels: content of the labels' CSV.
            day: the day that the raw log was written on or before.
            note: where it is from.
            by: who contributes it.

        Raises:
            InputError: there is no such dataset, a text is too long, or the disk is full.
        """
        self._expire()
        definitions(self._desk.settings).golden_dataset(dataset)
        checked_text("note", note, 2_000, required=False)
        name = _plain_name(raw[0])
        with self._desk.database.writing() as connection:
            upload_id = add_job(connection, JobKind.UPLOAD, by)
            directory = directory_of(self._desk, upload_id)
            values = {"dataset": dataset, "day": day, "raw_name": name, "note": note}
            connection.execute(schema.uploads.insert(), {"upload_id": upload_id, **values})
            try:
                directory.mkdir(parents=True)
                for file, content in ((name, raw[1]), (_LABELS, labels)):
                    with (directory / file).open("wb") as target:
                        shutil.copyfileobj(content, target)
            except OSError as error:
                shutil.rmtree(directory, ignore_errors=True)
                raise InputError(f"{name}: cannot be kept ({error}); free space, repeat") from error
        return upload_id

    def listed(self, by: str | None) -> list[Upload]:
        """The newest uploads; `by`: of that one only."""
        query = select(schema.uploads).join(schema.jobs).order_by(_J.at.desc()).limit(_LISTED)
        with self._desk.database.reading() as connection:
            return _uploads(connection, query if by is None else query.where(_J.by == by))

    def upload(self, upload_id: str) -> Upload | None:
        """The upload of this id; None: there is none."""
        with self._desk.database.reading() as connection:
            return _find(connection, upload_id)

    def accept(self, upload_id: str) -> Upload:
        """Make it a contribution; to accept it again changes nothing.

        Raises:
            InputError: there is no such upload, its preview failed, or it was discarded.
        """
        catalog = definitions(self._desk.settings)
        directory = directory_of(self._desk, upload_id)
        with self._desk.database.writing(Alone.UPLOADS) as connection:
            upload = _known(connection, upload_id)
            if upload.decision == "accepted":
                return upload
            if not upload.can_be_accepted:
                raise InputError(
                    f"upload {upload_id} cannot be accepted: it is"
                    f" {upload.decision or upload.job.state}; upload it again"
                )
            accepted, _ = contribute(
                self._desk.settings.contributions,
                upload.dataset,
                catalog.source_of(catalog.golden_dataset(upload.dataset)).name,
                directory / upload.raw_name,
                directory / _LABELS,
                contributor=upload.job.by,
                day=upload.day,
                note=upload.note,
            )
            decided = {"decision": "accepted", "contribution": accepted.id}
            upload = _decide(connection, upload_id, decided)
        shutil.rmtree(directory, ignore_errors=True)
        return upload

    def discard(self, upload_id: str) -> Upload:
        """Forget its files; what was accepted stays accepted."""
        with self._desk.database.writing(Alone.UPLOADS) as connection:
            upload = _known(connection, upload_id)
            if not upload.decision:
                upload = _decide(connection, upload_id, {"decision": "discarded"})
        shutil.rmtree(directory_of(self._desk, upload_id), ignore_errors=True)
        return upload

    def _expire(self) -> None:
        old = and_(_U.decision.is_(None), _J.at < now() - KEPT)
        with self._desk.database.reading() as connection:
            query = select(_U.upload_id).join_from(schema.uploads, schema.jobs).where(old)
            ids: Sequence[str] = connection.execute(query).scalars().all()
        for upload_id in ids:
            self.discard(upload_id)


def upload_command(desk: Desk, upload_id: str) -> list[str]:
    """The command that previews an upload."""
    upload = Uploads(desk).upload(upload_id)
    assert upload is not None
    directory = directory_of(desk, upload_id)
    labels, day = str(directory / _LABELS), upload.day.isoformat()
    command = ["contribute", upload.dataset, str(directory / upload.raw_name), "--labels", labels]
    return [*command, "--day", day, "--by", upload.job.by, "--preview", "--json"]


def directory_of(desk: Desk, upload_id: str) -> Path:
    """Where the files of an upload wait."""
    return desk.settings.home / "uploads" / upload_id


def _plain_name(name: str) -> str:
    """A file's name without directories, whatever system and browser it comes from."""
    plain = PureWindowsPath(PurePosixPath(name).name).name.strip().lstrip(".-")
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in plain)[-120:]
    return kept if kept and kept != _LABELS else f"raw-{kept or 'log'}"


def _decide(connection: Connection, upload_id: str, decided: dict[str, Any]) -> Upload:
    connection.execute(update(schema.uploads).where(_U.upload_id == upload_id).values(decided))
    # A preview that goes on is of no use to anybody.
    going = and_(_J.job_id == upload_id, _J.ended.is_(None))
    stopped = {"state": JobState.STOPPED, "ended": now()}
    connection.execute(update(schema.jobs).where(going).values(stopped))
    return _known(connection, upload_id)


def _known(connection: Connection, upload_id: str) -> Upload:
    upload = _find(connection, upload_id)
    if upload is None:
        raise InputError(f"there is no upload {upload_id}")
    return upload


def _find(connection: Connection, upload_id: str) -> Upload | None:
    query = select(schema.uploads).where(_U.upload_id == upload_id)
    return next(iter(_uploads(connection, query)), None)


def _uploads(connection: Connection, query: Any) -> list[Upload]:
    rows: Sequence[Row[Any]] = connection.execute(query).all()
    jobs = jobs_by_id(connection, [row.upload_id for row in rows])
    return [Upload(**row._mapping, job=jobs[row.upload_id]) for row in rows]
