"""What holds of the planner in any graph, after any history."""

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planner_world import EDITS, World, edit, worlds

from whetstone.lineage import Follow

_SOME = settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
_EVENTS = st.one_of(
    EDITS,
    EDITS,
    st.tuples(st.just("look")),
    st.tuples(st.just("steps"), st.integers(0, 2), st.integers(1, 4)),
    st.tuples(st.just("finish")),
    st.tuples(st.just("kill"), st.integers(0, 2)),
    st.tuples(st.just("time")),
)
# What happens in a platform that was up to date, or that has just been installed.
_HISTORY = st.builds(
    lambda settled, events: [("settle",), *events] if settled else events,
    st.booleans(),
    st.lists(_EVENTS, min_size=5, max_size=30),
)


def live_through(world: World, history: Sequence[tuple]) -> None:
    """Edits, looks, runs that go on in parallel, failures and killed processes, as they come."""
    for event in history:
        match event:
            case ("settle",):
                world.settle()
            case ("look",):
                world.start(world.look())
            case ("steps", number, count):
                for _ in range(count):
                    if world.running:
                        world.step(number)
            case ("finish",):
                while world.running:
                    world.step(0)
            case ("kill", number) if world.running:
                world.kill(number)
            case ("kill", _):
                world.start(world.look())
            case ("time",):
                world.pass_time()
            case _:
                edit(world, event)


def recover(world: World) -> None:
    """Nothing fails any more, and what had failed is tried again."""
    world.failing.clear()
    world.pass_time()
    world.settle()


@_SOME
@given(worlds(content_only=True), _HISTORY)
def test_whatever_happened_everything_ends_as_if_made_from_nothing(world, history):
    live_through(world, history)
    recover(world)
    assert world.contents() == world.scratch()


@_SOME
@given(worlds(content_only=False), _HISTORY)
def test_every_history_settles_and_a_second_look_starts_nothing(world, history):
    live_through(world, history)
    recover(world)
    count = len(world.made)
    assert world.settle() == 1
    assert len(world.made) == count


@_SOME
@given(worlds(content_only=False), st.lists(st.lists(EDITS, max_size=3), max_size=5))
def test_nothing_is_made_again_from_the_same_inputs_and_definitions(world, phases):
    world.settle()
    for edits in phases:
        for change in edits:
            edit(world, change)
        world.settle()
    for key, before, after in world.made:
        if before is not None:
            was, now = (before.code_version, before.inputs), (after.code_version, after.inputs)
            assert was != now, f"{key} was made twice from the same"


@_SOME
@given(worlds(content_only=False), st.lists(st.lists(EDITS, max_size=3), max_size=5))
def test_what_fails_is_tried_once_on_the_same_evidence(world, phases):
    world.settle()
    for edits in phases:
        for change in edits:
            edit(world, change)
        world.settle()
    # Between two identical failures something else must have been in force.
    latest: dict = {}
    for key, evidence in world.failed:
        assert latest.get(key) != evidence, f"{key} failed twice on the same"
        latest[key] = evidence


@_SOME
@given(worlds(content_only=False), _HISTORY)
def test_history_keeps_what_was_in_service_and_presence_is_not_content(world, history):
    live_through(world, history)
    recover(world)
    graph = world.graph
    made_before = dict(world.ledger.manifests)
    newest = {asset: max(world.ledger.days(asset), default=None) for asset in graph.nodes}
    # A change of every root but those with days: nothing that follows it loosely is made again.
    edit(world, ("root", "verdicts/v", None, 7))
    world.settle()
    changed = {
        key[0] for key, was in made_before.items() if world.ledger.made(*key).version != was.version
    }
    changed.add("verdicts/v")
    for (asset, day), was in made_before.items():
        node = graph.nodes[asset]
        strict = [
            i
            for i in node.inputs
            if i.follow is Follow.CONTENT or (i.follow is Follow.LATEST and day == newest[asset])
        ]
        appeared = any(i.asset not in was.inputs for i in node.inputs)
        if not appeared and not any(i.asset in changed for i in strict):
            assert world.ledger.made(asset, day) == was, f"{asset} {day} was made again"


@_SOME
@given(worlds(content_only=False), _HISTORY)
def test_a_run_has_parents_before_children_and_only_days_that_are_wanted(world, history):
    for event in [*history, ("look",)]:
        live_through(world, [event])
        decided = world.look()
        graph = world.graph
        busy = {
            (asset, day)
            for run, _ in world.running
            for asset in run.assets
            for day in (run.days if graph.nodes[asset].daily else (None,))
        }
        started = set()
        made_by = {
            (asset, day): number
            for number, run in enumerate(decided.runs)
            for asset in run.assets
            for day in (run.days if graph.nodes[asset].daily else (None,))
        }
        for run in decided.runs:
            dates = [date.fromisoformat(day) for day in run.days]
            assert dates == [dates[0] + timedelta(n) for n in range(len(dates))]
            for number, asset in enumerate(run.assets):
                later = set(run.assets[number:])
                assert not later.intersection(i.asset for i in graph.nodes[asset].inputs)
                for day in run.days if graph.nodes[asset].daily else (None,):
                    assert (asset, day) not in started, "two runs make the same"
                    started.add((asset, day))
                    assert _is_stale(world, asset, day), f"{asset} {day} is not stale"
        assert not started & busy, "what is being made is not started again"
        for asset, day in started:
            for source in graph.nodes[asset].inputs:
                elsewhere = busy | {k for k, n in made_by.items() if n != made_by[asset, day]}
                feeding = {
                    (name, at)
                    for name, at in elsewhere
                    if name == source.asset and (at is None or day in (at, None))
                }
                assert not feeding, f"{asset} {day} does not wait for {feeding}"


def _is_stale(world: World, asset: str, day: str | None) -> bool:
    """Never made, or made by other definitions or from other content than there is now."""
    made = world.ledger.made(asset, day)
    node = world.graph.nodes[asset]
    if made is None or made.code_version != node.code_version:
        return True
    for source in node.inputs:
        key = (source.asset, day if world.graph.is_daily(source.asset) else None)
        if source.asset not in world.graph.nodes:
            version = world.root_versions.versions.get(source.asset, {}).get(key[1])
        elif key[1] is None and world.graph.is_daily(source.asset):
            return True  # A hash of all days: which days it was made from is not recorded.
        else:
            there = world.ledger.made(*key)
            version = there.version if there else None
        if source.follow in (Follow.CONTENT, Follow.LATEST) and made.inputs.get(
            source.asset
        ) not in (version,):
            return True
        if source.follow is Follow.PRESENCE and version and source.asset not in made.inputs:
            return True
    return False
