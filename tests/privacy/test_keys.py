"""Keys are made once, are found again, and when they are dropped there is no way back."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from whetstone.errors import InputError, StorageError
from whetstone.privacy.keys import KeyStore

DAY = "2026-03-01"
PROCESS = """
import sys
from pathlib import Path
from whetstone.privacy.keys import KeyStore
store, what = KeyStore(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
if what == "key":
    keys = [store.key("oslo", f"2026-03-{day:02}") for day in range(1, 29)]
elif what == "rotate":
    keys = [store.rotate("oslo", "2026-03-01") for _ in range(5)]
else:
    keys = []
    store.drop("oslo", "2026-03-15")
print(*(f"{key.id}:{key.secret.hex()}" if key else "none" for key in keys))
"""


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys" / "privacy")


def run_together(store: KeyStore, *what: str) -> list[list[str]]:
    """What processes print that do these things at the same moment."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(store.root), each],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in what
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [output.split() for output in outputs]


def test_a_key_is_made_on_first_need_and_found_from_then_on(store: KeyStore) -> None:
    key = store.key("oslo", DAY)
    assert key is not None
    assert key.id == "oslo/2026-03-01"
    assert KeyStore(store.root).key("oslo", DAY) == key
    assert store.find(key.id) == key


def test_every_environment_and_period_has_a_key_of_its_own(store: KeyStore) -> None:
    keys = [
        store.key(environment, period)
        for environment in ("oslo", "lisbon")
        for period in (DAY, "2026-03-02", "2026-03-01T00", "2026-03-01T01")
    ]
    assert len({key.secret for key in keys if key}) == len(keys)


def test_only_the_owner_may_read_a_key(store: KeyStore) -> None:
    store.key("oslo", DAY)
    file = store.root / "oslo" / f"{DAY}.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_rotated_key_serves_from_now_on_and_the_old_one_is_still_found(store: KeyStore) -> None:
    first = store.key("oslo", DAY)
    second = store.rotate("oslo", DAY)
    assert second.id == "oslo/2026-03-01.1"
    assert store.key("oslo", DAY) == second
    assert store.keys("oslo", DAY) == [second, first]
    for _ in range(10):
        last = store.rotate("oslo", DAY)
    assert last.id == "oslo/2026-03-01.11"
    assert store.key("oslo", DAY) == last


def test_a_dropped_key_is_gone_for_ever(store: KeyStore) -> None:
    kept = store.key("oslo", "2026-03-02")
    for period in (DAY, "2026-02-28T23"):
        store.key("oslo", period)
    store.rotate("oslo", DAY)
    elsewhere = store.key("lisbon", DAY)
    dropped = store.drop("oslo", "2026-03-02")
    assert dropped == ["oslo/2026-02-28T23", "oslo/2026-03-01", "oslo/2026-03-01.1"]
    assert store.key("oslo", DAY) is None
    assert store.key("oslo", "2026-01-01") is None
    assert store.find("oslo/2026-03-01.1") is None
    assert store.keys("oslo", DAY) == []
    with pytest.raises(InputError, match="dropped"):
        store.rotate("oslo", DAY)
    assert store.key("oslo", "2026-03-02") == kept
    assert store.key("lisbon", DAY) == elsewhere
    assert [path.name for path in (store.root / "oslo").glob("*.key")] == ["2026-03-02.key"]


def test_an_earlier_drop_does_not_undo_a_later_one(store: KeyStore) -> None:
    store.drop("oslo", "2026-03-02")
    store.drop("oslo", "2026-02-01")
    assert store.key("oslo", DAY) is None


def test_processes_that_need_a_key_at_the_same_moment_get_the_same(store: KeyStore) -> None:
    outputs = run_together(store, *["key"] * 4)
    assert outputs == [outputs[0]] * 4
    assert len(set(outputs[0])) == 28


def test_processes_that_rotate_at_the_same_moment_make_a_key_each(store: KeyStore) -> None:
    made = [key for output in run_together(store, "rotate", "rotate", "rotate") for key in output]
    assert len({key.partition(":")[0] for key in made}) == 15
    assert len({key.partition(":")[2] for key in made}) == 15


def test_no_key_comes_to_life_while_another_process_drops_them(store: KeyStore) -> None:
    run_together(store, "key", "drop", "key")
    left = sorted(path.name for path in (store.root / "oslo").glob("*.key"))
    assert left == [f"2026-03-{day:02}.key" for day in range(15, 29)]


@pytest.mark.parametrize(
    ("environment", "period"),
    [("..", DAY), ("oslo/x", DAY), ("", DAY), ("oslo", "../2026-03-01"), ("oslo", "yesterday")],
)
def test_names_lead_to_no_other_place(store: KeyStore, environment: str, period: str) -> None:
    with pytest.raises(InputError, match="no name of a key"):
        store.key(environment, period)
    assert store.find(f"{environment}/{period}") is None


@pytest.mark.parametrize("content", ["", "00", "zz" * 32])
def test_a_damaged_key_is_said_to_be_so(store: KeyStore, content: str) -> None:
    store.key("oslo", DAY)
    (store.root / "oslo" / f"{DAY}.key").write_text(content)
    with pytest.raises(StorageError, match=f"{DAY}.key"):
        store.key("oslo", DAY)


def test_a_secret_does_not_show_where_a_key_is_printed(store: KeyStore) -> None:
    key = store.key("oslo", DAY)
    assert key is not None
    assert key.secret.hex() not in f"{key} {key!r}"
    assert str(key.secret) not in f"{key!r}"
