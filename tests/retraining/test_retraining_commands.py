"""`whetstone retrain`, `pause`, `resume`, and what `whetstone status` says of them."""

import pytest

from tests.commands.command import Command
from tests.retraining.pretended import NAME, days_up_to_yesterday, pretend
from workbench.retraining import show_retraining

POLICY = """drift { rules { signal: VOLUME days: 1 action: PAGE } }
cadence { cron: "0 3 * * 2" time_zone: "Europe/Oslo" }"""


@pytest.fixture(scope="module")
def whetstone(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command on a small installation in which the volume drifts."""
    world = pretend(tmp_path_factory.mktemp("pretended"), POLICY)
    world.drift_on(days_up_to_yesterday("drift"), "volume")
    world.settle()
    return Command(world.factory.settings.home, world.factory.settings.catalog)


def test_status_tells_what_calls_for_retrainings_and_what_keeps_them_back(
    whetstone: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("retrain", NAME, "--by", "ada", "--reason", "a new bastion")
    paused = whetstone.good(
        "pause", NAME, "--by", "bob", "--reason", "audit", "--until", "2098-01-01"
    )
    assert paused["until"] == "2098-01-01T00:00Z"
    assert whetstone.good(*asked)["new"] is True
    status = whetstone.good("status")
    found = status["retraining"]
    assert [(p["detector"], p["by"], p["reason"]) for p in found["pauses"]] == [
        (NAME, "bob", "audit")
    ]
    assert [(t["kind"], t["by"], t["why"]) for t in found["triggers"]] == [
        ("person", "ada", "a new bastion")
    ]
    assert [(d["detector"], d["action"]) for d in found["drifting"]] == [(NAME, "page")]
    assert [each["detector"] for each in found["next"]] == [NAME]
    assert found["budget_left"] == 20
    assert (
        status["held"][f"model/{NAME}"] == "it is paused by bob until 2098-01-01 00:00 UTC: audit"
    )
    show_retraining(found)
    shown = capsys.readouterr().out
    assert "called for, newest first" in shown
    assert "retrainings left today: 20" in shown
    resumed = whetstone.good("resume", NAME, "--by", "ada")
    assert resumed["paused"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("retrain", "nothing", "--by", "ada", "--reason", "x"), "nothing"),
        (("pause", "--by", "ada", "--reason", "x", "--until", "soon"), "--until soon: write a day"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(
    whetstone: Command, arguments: tuple[str, ...], message: str
) -> None:
    assert message in whetstone.refused(*arguments)
