"""The analysts' queue: alerts in groups, ranked by risk.

`patterns`: what an alert looks like, whoever it is about.
`grouping`, `refresh`: groups and patterns are kept in tables of their own; every transaction that
changes alerts or verdicts ends with `refresh`, so what is kept is always what a rebuild would make.
`rebuilding`: all of it anew. `reading`: pages of the queue. `risk`: its order. `views`: what people
keep of it.
"""

from triage.queue.grouping import group_id_of
from triage.queue.patterns import pattern_of
from triage.queue.reading import Queue
from triage.queue.rebuilding import rebuild
from triage.queue.records import Case, CaseDetail, CasePage, Filters, Look, LookPage
from triage.queue.refresh import refresh, weigh
from triage.queue.risk import Risk
from triage.queue.states import (
    FIRES,
    GROWS,
    JUDGED,
    NEWEST_FIRST,
    NO_PROBE,
    STANDING,
    STATES,
    behind,
)
from triage.queue.views import View, Views

__all__ = [
    "FIRES",
    "GROWS",
    "JUDGED",
    "NEWEST_FIRST",
    "NO_PROBE",
    "STANDING",
    "STATES",
    "Case",
    "CaseDetail",
    "CasePage",
    "Filters",
    "Look",
    "LookPage",
    "Queue",
    "Risk",
    "View",
    "Views",
    "behind",
    "group_id_of",
    "pattern_of",
    "rebuild",
    "refresh",
    "weigh",
]
