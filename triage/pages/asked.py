"""What the address of the queue asks for: `/?by=pattern&environment=oslo&first=2026-11-14`."""

from datetime import date
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from triage.access import Permission, Principal
from triage.pages.names import Names
from triage.queue import Filters
from whetstone.errors import InputError

LONGEST = 200
_Text = Annotated[str, Field(max_length=LONGEST)]
# A field of a form that was left empty.
_Day = Annotated[date | None, BeforeValidator(lambda given: given or None)]


class Asked(BaseModel):
    """The filters of a queue, and where in it to begin.

    Attributes:
        by: groups, or patterns, each of which folds the groups that look alike.
        state: open groups, judged ones, those that a rule allows, or all.
        first: only alerts of this day and later (UTC).
        last: only alerts of this day and earlier.
        entity: only those about somebody whose name begins so.
        after: what the page before ended with.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    by: Literal["case", "pattern"] = "case"
    state: Literal["open", "judged", "allowed", "all"] = "open"
    environment: _Text = ""
    technique: _Text = ""
    detector: _Text = ""
    first: _Day = None
    last: _Day = None
    entity: _Text = ""
    pattern: _Text = ""
    after: Annotated[str, Field(max_length=2000)] = ""

    @property
    def narrowed(self) -> bool:
        """Whether it asks for anything but the open queue."""
        return bool(self.model_dump(exclude={"by", "after"}, exclude_defaults=True))

    @property
    def query(self) -> str:
        """What asks the same, from the queue's beginning: the part of its address behind `?`."""
        asked = self.model_copy(update={"after": ""})
        return urlencode(asked.model_dump(mode="json", exclude_defaults=True))

    def address(self, **changes: str) -> str:
        """The address of the queue that asks the same but for `changes`, from its beginning."""
        query = self.model_copy(update=changes).query
        return f"/?{query}" if query else "/"

    def filters(self, principal: Principal, names: Names) -> Filters:
        """What to ask the queue of, for whoever asks."""
        detectors = frozenset([self.detector]) if self.detector else None
        if self.technique:
            looking = names.of(self.technique)
            detectors = looking if detectors is None else looking & detectors
        return Filters(
            environments=principal.environments(Permission.READ),
            environment=self.environment or None,
            detectors=detectors,
            pattern=self.pattern or None,
            entity=self.entity,
            first_day=self.first,
            last_day=self.last,
            state=self.state,
        )


def asked_by(query: str) -> Asked:
    """What a query string asks for.

    Raises:
        InputError: a field has no such value.
    """
    try:
        return Asked.model_validate(dict(parse_qsl(query)))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
