"""`whetstone golden`: what a dataset is worth, and who looked at its test examples."""

from pathlib import Path

from command import Command


def test_show_tells_what_the_report_found_and_where_it_lies(looking: Command) -> None:
    shown = looking.good("golden", "show", "ssh_bruteforce")
    assert shown["dataset"] == "ssh_bruteforce"
    assert shown["verdict"] in ("ok", "warn")
    assert set(shown) >= {"label_noise", "near_duplicates", "ceiling", "conflicts", "stale_share"}
    assert Path(shown["report"]).read_text().startswith("<!DOCTYPE html>")
    table = looking.run("golden", "show", "ssh_bruteforce")
    assert (table.code, "labels that look wrong" in table.out) == (0, True)


def test_vault_tells_who_opened_the_test_examples(looking: Command) -> None:
    told = looking.good("golden", "vault", "ssh_bruteforce")
    assert "golden_report/ssh_bruteforce" in {entry["who"] for entry in told["entries"]}
    assert told["problems"] == []
    assert len(told["head"]) == 64


def test_vault_fails_where_somebody_rewrote_its_log(whetstone: Command) -> None:
    log = whetstone.home / "audit" / "vault.jsonl"
    whole = log.read_text().splitlines(keepends=True)
    log.write_text("".join(whole[1:]))
    told = whetstone.run("golden", "vault", "ssh_bruteforce")
    assert (told.code, "does not follow" in told.out) == (1, True)


def test_a_dataset_that_the_catalog_lacks_is_named(looking: Command) -> None:
    assert "nothing_such" in looking.refused("golden", "show", "nothing_such")
