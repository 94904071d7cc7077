"""Why a model was made, followed to where it began."""

from pathlib import Path

from whetstone.lake import Lake, Manifest, Place
from whetstone.reasons import replaced
from whetstone.root_causes import root_changes


def made(lake: Lake, asset: str, version: str, **inputs: str) -> None:
    layer, name = asset.split("/")
    place = Place(layer, name)
    names = {key.replace("__", "/"): value for key, value in inputs.items()}
    before = replaced(lake.manifest(place), "", names)
    with lake.stage(place) as staged:
        staged.commit(Manifest("", names, version, 1, before=before))


def chain(lake: Lake, verdicts: str, contributions: str = "1") -> None:
    content = f"{verdicts}{contributions}"
    made(lake, "golden/ssh", content, verdicts__ssh=verdicts, contributions__ssh=contributions)
    made(lake, "training_set/gb", content, golden__ssh=content)
    made(lake, "model/gb", content, training_set__gb=content, triggers__gb="0")


def said(lake: Lake) -> list[str] | None:
    roots = root_changes(lake, "model/gb")
    return None if roots is None else [f"{root.what} {root.verb}" for root in roots]


def test_a_chain_is_followed_to_its_beginning(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert said(lake) is None
    chain(lake, "1")
    assert said(lake) == []
    chain(lake, "2")
    assert said(lake) == ["verdicts/ssh changed"]
    chain(lake, "3", "2")
    assert said(lake) == ["contributions/ssh changed", "verdicts/ssh changed"]


def test_what_was_made_anew_since_is_no_cause(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    chain(lake, "1")
    chain(lake, "2")
    made(lake, "golden/ssh", "later", verdicts__ssh="2", contributions__ssh="later")
    assert said(lake) == ["golden/ssh changed"]


def test_a_trigger_is_where_a_chain_begins(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    chain(lake, "1")
    made(lake, "model/gb", "1b", training_set__gb="11", triggers__gb="1")
    assert said(lake) == ["triggers/gb changed"]
