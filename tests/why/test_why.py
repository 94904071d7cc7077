"""`whetstone why`: why an asset was made when it was, and why it is not being made now."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from why_worlds import TODAY, WhyWorld, why_world

from triage import CaseStore
from whetstone.errors import InputError
from whetstone.lake import Place
from whetstone.ledger import attempting, evidence_of
from workbench.why import named, read_why, show_why

MODEL, GOLDEN = "model/ssh_bruteforce_gb", "golden/ssh_bruteforce"
DAY = TODAY.isoformat()


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> WhyWorld:
    world = why_world(tmp_path_factory.mktemp("settled"))
    world.facts["evaluation/ssh_bruteforce_gb"] = {"gate": "passed"}
    world.settle()
    return world


@pytest.fixture
def world(settled: WhyWorld, tmp_path: Path) -> Iterator[WhyWorld]:
    shutil.copytree(settled.directory, tmp_path / "world")
    yield WhyWorld(tmp_path / "world", dict(settled.facts))


def texts(answer: dict) -> list[str]:
    return [reason["text"] for reason in answer["reasons"]]


def test_what_was_never_made_before_says_so(settled: WhyWorld) -> None:
    answer = settled.why(MODEL)

    assert texts(answer) == ["made for the first time"]
    assert answer["state"] == "fresh"
    assert answer["because"] == ["every input is what it was made from"]


def test_a_feature_that_was_edited_is_named_with_what_it_was_and_is(world: WhyWorld) -> None:
    world.edit(
        "features/sshd_source_5m.textproto",
        "count(DISTINCT src_port)",
        "count(DISTINCT src_port) + 1",
    )
    features, model = world.why("golden_features/ssh_bruteforce"), world.why(MODEL)
    world.settle()

    told = texts(world.why(MODEL))
    assert (features["state"], features["because"]) == ("about to run", ["its definitions changed"])
    assert (model["state"], model["because"]) == (
        "waits",
        ["waits for training_set/ssh_bruteforce_gb"],
    )
    assert (
        "feature source_ports of sshd_source_5m changed: BIGINT count(DISTINCT src_port)"
        " → BIGINT count(DISTINCT src_port) + 1"
    ) in told
    assert not any("feature failures" in text for text in told)


def test_words_for_people_are_no_reason(world: WhyWorld) -> None:
    world.edit("detectors/ssh_bruteforce_gb.textproto", "SSH brute force", "guessing")

    assert world.why(MODEL)["state"] == "fresh"


def test_a_contribution_is_named_with_who_gave_it(world: WhyWorld) -> None:
    identity = world.contribute("more golden\n", "grace", "from the honeypot")
    world.settle()

    told = texts(world.why(MODEL))

    line = next(text for text in told if identity in text)
    assert "by grace: golden.log (from the honeypot)" in line
    assert not any("by ada" in text for text in told)
    levels = {reason["text"]: reason["level"] for reason in world.why(MODEL)["reasons"]}
    (golden,) = (text for text in levels if text.startswith("contributions/ssh_bruteforce changed"))
    assert levels[line] == levels[golden] + 1


def test_a_landed_file_is_named_with_its_environment(tmp_path: Path) -> None:
    world = why_world(tmp_path)
    world.settle()
    world.land("second\n", name="later.log")
    assert world.why("features/sshd_source_5m")["state"] == "waits"
    assert world.why("features/sshd_source_5m")["because"] == ["waits for parsed/sshd"]
    world.settle()

    told = texts(world.why("features/sshd_source_5m", DAY))

    assert any(text.endswith("later.log landed from berlin") for text in told)
    assert not any("auth.log" in text for text in told)


def test_an_edited_field_is_named_in_what_is_parsed_anew(world: WhyWorld) -> None:
    world.edit("sources/sshd.textproto", "contains(lower($1), 'invalid user')", "$1 LIKE 'x%'")
    world.settle()

    (field,) = texts(world.why("parsed/sshd"))
    assert field.startswith("field unknown_user of source sshd changed: BOOLEAN contains(lower($1)")


def test_a_trigger_is_named_with_who_called(world: WhyWorld) -> None:
    from triage.triggers import person_trigger

    with closing(CaseStore(world.settings.case_store)) as cases:
        cases.add_triggers([person_trigger("ssh_bruteforce_gb", "ada", "new botnet")])
    golden = world.why("golden/ssh_bruteforce")
    assert golden["because"] == ["triggers/ssh_bruteforce_gb changed"]
    world.settle()

    assert any("person by ada: new botnet" in text for text in texts(world.why(MODEL)))


def test_a_failed_gate_keeps_the_release_and_says_why(world: WhyWorld) -> None:
    world.facts["evaluation/ssh_bruteforce_gb"] = {
        "gate": "failed",
        "reasons": ["Average precision is below"],
    }
    world.contribute("worse\n", "mallory")
    world.settle()

    release = world.why("release/ssh_bruteforce_gb")
    assert release["state"] == "held"
    assert release["because"] == ["the gate of evaluation/ssh_bruteforce_gb failed"]
    evaluation = world.why("evaluation/ssh_bruteforce_gb")
    assert evaluation["because"][:2] == ["its gate failed", "Average precision is below"]


def test_a_pause_holds_with_its_reason(world: WhyWorld) -> None:
    with closing(CaseStore(world.settings.case_store)) as cases:
        cases.pause("ssh_bruteforce_gb", "ada", "change freeze")
    world.contribute("more\n", "grace")
    world.settle()

    answer = world.why(MODEL)
    assert answer["state"] == "held"
    assert "change freeze" in answer["because"][0]


def test_what_failed_is_held_with_the_error(world: WhyWorld) -> None:
    world.contribute("more\n", "grace")
    node = world.open().graph.nodes[GOLDEN]
    run = world.why(GOLDEN)
    now = {each["asset"]: each["now"] for each in run["inputs"] if each["now"]}
    with (
        pytest.raises(ValueError),
        attempting(
            world.lake, Place("golden", "ssh_bruteforce"), evidence_of(node.code_version, now)
        ),
    ):
        raise ValueError("the disk is full")

    answer = world.why(GOLDEN)
    assert run["state"] == "about to run"
    assert answer["state"] == "held"
    assert "the disk is full" in answer["because"][0]


def test_what_has_nothing_to_be_made_from_says_what_is_missing(tmp_path: Path) -> None:
    world = why_world(tmp_path)
    shutil.rmtree(world.settings.contributions)
    world.settle()

    assert world.why(GOLDEN)["because"] == ["contributions/ssh_bruteforce does not exist"]
    assert world.why(MODEL)["state"] in ("held", "nothing to make it from")


def test_days_that_have_passed_keep_the_release_of_their_time(world: WhyWorld) -> None:
    yesterday = TODAY - timedelta(1)
    world.land("yesterday\n", day=yesterday)
    world.settle()
    world.contribute("more\n", "grace")
    world.settle()

    answer = world.why("scores/ssh_bruteforce_gb", yesterday.isoformat())
    assert answer["state"] == "fresh"
    assert answer["because"][1:] == [
        "release/ssh_bruteforce_gb has changed: days that have passed keep what was in service then"
    ]
    assert answer["days"] == {"fresh": 2}


def test_a_name_alone_means_all_assets_of_that_name(
    settled: WhyWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read_why(settled.settings, "ssh_bruteforce_gb", None, downstream=False)
    show_why(found)

    assets = {answer["asset"] for answer in found["answers"]}
    assert {MODEL, "release/ssh_bruteforce_gb", "triggers/ssh_bruteforce_gb"} <= assets
    assert "scores/ssh_bruteforce_gb" in capsys.readouterr().out


def test_a_typing_error_gets_suggestions(settled: WhyWorld) -> None:
    with pytest.raises(InputError, match=r"did you mean .*model/ssh_bruteforce_gb"):
        named(settled.open().graph, "model/ssh_brutforce_gb")
    with pytest.raises(InputError, match=r"has no day 2020-01-01; there are"):
        settled.why("parsed/sshd", "2020-01-01")


def test_a_root_tells_what_has_come(settled: WhyWorld) -> None:
    (line,) = texts(settled.why("contributions/ssh_bruteforce"))

    assert "by ada: golden.log (from the lab)" in line


def test_downstream_says_what_a_change_would_run_again_and_when(settled: WhyWorld) -> None:
    found = read_why(settled.settings, "release/ssh_bruteforce_gb", None, downstream=True)

    (answer,) = found["answers"]
    reached = {each["asset"]: each["when"] for each in answer["downstream"]}
    assert reached["scores/ssh_bruteforce_gb"] == "its newest day only"
    assert MODEL not in reached


def test_every_answer_is_printed_whole(world: WhyWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.contribute("more\n", "grace", "note \x1b[31m")
    world.settle()
    show_why(read_why(world.settings, MODEL, None, downstream=True))

    out = capsys.readouterr().out
    assert "by grace" in out and "now: fresh" in out and "\x1b[31m" not in out
    assert f"{datetime.now(UTC):%Y-%m-%d}" in out
