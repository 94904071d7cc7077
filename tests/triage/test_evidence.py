"""The evidence of an alert: raw lines, marks in them, its entity's hours, who is behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.triage import evidence_world as world
from triage.definitions import definitions
from triage.evidence.events import events_an_hour
from triage.evidence.identity import Inquiry, look_behind
from triage.evidence.lines import MOST_CHARACTERS, Lines, Origin, lines_of
from triage.evidence.marks import marked, terms
from triage.evidence.place import Place
from triage.evidence.reasons import Reason, reasons_of
from triage.evidence.told import told_events, told_lines
from triage.records import Alert
from whetstone.audit import AuditLog
from whetstone.errors import InputError, NotReadyError
from whetstone.settings import Settings


@dataclass(frozen=True)
class World:
    """An installation, and an alert of each environment on the same five minutes."""

    settings: Settings
    open: Alert
    shut: Alert

    def lines(self, alert: Alert, record: dict[str, Any] | None = None) -> Lines:
        return lines_of(Place(alert, self.settings), record)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> World:
    settings = world.installation(tmp_path_factory.mktemp("home"))
    lines = world.sshd_lines()
    world.store(settings, "sshd", {world.OPEN: lines, world.SHUT: lines})
    world.store(settings, "hdfs", {world.OPEN: world.hdfs_lines()})
    address = world.pseudonym(settings, world.SHUT)
    assert address != world.ATTACKER
    return World(
        settings,
        world.guessing(world.OPEN, world.ATTACKER),
        world.guessing(world.SHUT, address),
    )


def text(lines: Lines) -> list[str]:
    return ["".join(piece.text for piece in line.pieces) for line in lines.shown]


def marks(lines: Lines, kind: str) -> set[str]:
    found = (piece for line in lines.shown for piece in line.pieces if piece.term)
    return {piece.text for piece in found if piece.term and piece.term.kind == kind}


def test_a_batch_alert_shows_the_landed_lines_of_its_unit_and_no_others(site: World) -> None:
    found = site.lines(site.open)
    assert (found.origin, found.total) == (Origin.LANDED, 30)
    assert text(found) == [line for line in world.sshd_lines() if world.ATTACKER in line][:30]
    assert [line.number for line in found.shown][6:9] == [7, 9, 10], "the login stands between"
    assert marks(found, "reason") == {"root"}
    assert marks(found, "subject") == {world.ATTACKER}


def test_where_a_policy_is_in_force_no_raw_line_is_shown_wherever_it_comes_from(
    site: World,
) -> None:
    told = {"lines": [{"input": "tcp:514", "line": 1, "text": f"from {world.ATTACKER}"}]}
    found = site.lines(site.shut, {"whetstone": told})
    assert (found.origin, found.total) == (Origin.PARSED, 30)
    everything = "".join(text(found))
    assert world.ATTACKER not in everything and "root" not in everything
    assert site.shut.unit in everything
    # The same of an environment that nobody has defined.
    assert site.lines(replace(site.open, environment="nowhere"), {"whetstone": told}).shown == []


def test_a_scorers_own_lines_come_first_and_need_no_lake(site: World, tmp_path: Path) -> None:
    told = {"lines": [{"input": "tcp:514", "line": 9, "text": f"root from {world.ATTACKER}"}]}
    no_lake = site.settings.model_copy(update={"home": tmp_path})
    found = lines_of(Place(site.open, no_lake), {"whetstone": told})
    assert (found.origin, text(found)) == (Origin.SCORER, [f"root from {world.ATTACKER}"])
    without_text = {"lines": [{"input": "tcp:514", "line": 9, "hash": "7"}]}
    assert site.lines(site.open, {"whetstone": without_text}).origin == Origin.LANDED


def test_an_element_of_a_sequence_is_found_in_the_line_of_its_event(site: World) -> None:
    found = site.lines(world.deleting())
    assert [line.why.value if line.why else None for line in found.shown] == [
        None,
        None,
        "e11",
        "e21",
    ]
    assert "terminating" in text(found)[2] and "Deleting" in text(found)[3]
    assert marks(found, "subject") == {"blk_77"}


def test_lines_whose_raw_file_is_gone_are_shown_as_parsed(tmp_path: Path) -> None:
    settings = world.installation(tmp_path)
    world.store(settings, "sshd", {world.OPEN: world.sshd_lines()})
    alert = world.guessing(world.OPEN, world.ATTACKER)
    for file in (settings.landing / world.OPEN).rglob("*.log"):
        file.unlink()
    found = lines_of(Place(alert, settings), None)
    assert f"src_ip={world.ATTACKER}" in text(found)[0]
    # What another environment's file says under that name is not this one's.
    assert found.shown[0].where.startswith(f"{world.OPEN}/sshd/{world.DAY}/")


@pytest.mark.parametrize(
    "change",
    [
        {"source": "no_such_source"},
        {"detector": "'; DROP TABLE alerts --", "entity": {'x" OR 1=1 --': "y"}},
        {"entity": {}},
        {"unit": "[erased]"},
        {"entity": {"src_ip": "' OR true --"}},
        {"explanation": [{"feature": "x", "value": ["a"], "contribution": "high", "position": {}}]},
    ],
)
def test_an_alert_that_names_what_is_not_defined_has_less_evidence_and_no_error(
    site: World, change: dict[str, Any]
) -> None:
    alert = replace(site.open, **change)
    found = site.lines(alert)
    assert found.shown == [] or "explanation" in change
    assert events_an_hour(Place(alert, site.settings), world.at("00:00:00"), 24) in (
        None,
        [0] * 24,
        [*[0] * 10, 60, *[0] * 13],
    )
    assert all(isinstance(reason, Reason) for reason in reasons_of(alert))


def test_the_entitys_events_are_counted_by_the_hour(site: World) -> None:
    for alert in (site.open, site.shut):
        hours = events_an_hour(Place(alert, site.settings), world.at("09:30:00"), 3)
        assert hours == [60, 0, 0]


def test_who_is_behind_a_pseudonym_is_told_only_after_the_reason_is_on_record(site: World) -> None:
    catalog, log = definitions(site.settings), AuditLog(site.settings.privacy_audit)
    with pytest.raises(InputError, match="why"):
        look_behind(site.shut, Inquiry("ada", "  "), catalog, site.settings)
    assert log.read().entries == []
    (found,) = look_behind(site.shut, Inquiry("ada", "case 7"), catalog, site.settings)
    assert (found.field, found.value) == ("src_ip", world.ATTACKER)
    (entry,) = log.read().entries
    assert (entry.who, entry.why, entry.details["revealed"]) == ("ada", "case 7", ["src_ip"])
    assert world.ATTACKER not in entry.line
    with pytest.raises(NotReadyError, match="traced back"):
        look_behind(site.open, Inquiry("ada", "curious"), catalog, site.settings)
    assert len(log.read().entries) == 2, "who asks in vain is on record, too"
    hostile = replace(site.shut, entity={'x" = 1 --': "y"})
    with pytest.raises(NotReadyError):
        look_behind(hostile, Inquiry("ada", "case 7"), catalog, site.settings)


def cut(line: str, reasons: Sequence[Reason], one_event: bool = True) -> list[str]:
    return [p.text for p in marked(line, terms(reasons, {}, one_event)) if p.term]


def test_words_are_marked_whole_and_passages_anywhere() -> None:
    assert cut("root rooted ROOT", [Reason("user", "root", 1.0)]) == ["root", "ROOT"]
    assert cut("x=UNION+SELECTx", [Reason("value", "union+sel", 1.0, 0)]) == ["UNION+SEL"]
    assert cut("10.0.0.1 10.0.0.10", [Reason("ip", "10.0.0.1", 1.0)]) == ["10.0.0.1"]
    assert cut("(((", [Reason("value", "(((", 1.0)]) == ["((("]


def test_numbers_are_marked_in_one_events_line_and_counts_are_not() -> None:
    line = "port 4444 len 31"
    assert cut(line, [Reason("port", 4444.0, 1.0)]) == ["4444"]
    assert cut(line, [Reason("failures", 31.0, 1.0)], one_event=False) == []
    assert cut(line, [Reason("port", 4444.0, -1.0)]) == [], "it speaks against an alert"


@pytest.mark.parametrize("line", ["", "a" * 50_000, "\x1b[31m\x00\u202e", "ß\u0130 İstanbul"])
def test_pieces_are_the_whole_line_in_its_order(line: str) -> None:
    wanted = terms([Reason("x", "\x1b[31m", 1.0), Reason("y", "istanbul", 1.0)], {}, True)
    pieces = marked(line, wanted)
    assert "".join(piece.text for piece in pieces) == line
    assert [piece.at for piece in pieces] == sorted({piece.at for piece in pieces})


def test_a_line_of_a_megabyte_is_cut(site: World) -> None:
    told = {"lines": [{"input": "x", "line": 1, "text": "y" * 1_000_000}]}
    (line,) = site.lines(site.open, {"whetstone": told}).shown
    assert (len(line.pieces[0].text), line.left_out) == (MOST_CHARACTERS, 996_000)


@pytest.mark.parametrize(
    "told",
    [None, {}, {"whetstone": {}}, {"whetstone": {"lines": 7, "context": "x"}},
     {"whetstone": {"lines": [1, {"line": "x"}, {"line": {}}], "context": [[], None]}}],
)  # fmt: skip
def test_what_a_scorer_told_may_have_any_shape(told: dict[str, Any] | None) -> None:
    assert told_lines(told) == []
    assert told_events(told) == []
