"""`whetstone golden …`: what golden datasets are worth, and who looked at their test examples."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.cli_options import AsJson
from whetstone.errors import NotReadyError
from whetstone.lake import Lake, Place
from whetstone.settings import settings
from whetstone.vault import openings, vault_log

Dataset = Annotated[str, typer.Argument(help="Golden dataset, as in the catalog.")]


def show(dataset: Dataset, as_json: AsJson = False) -> None:
    """Show what the report on a golden dataset found, and where its page lies.

    Example: `whetstone golden show ssh_bruteforce`
    """
    load_catalog(settings().catalog).golden_dataset(dataset)
    lake = Lake(settings().lake)
    made = lake.manifest(Place("golden_report", dataset))
    if made is None or "report" not in made.facts:
        raise NotReadyError(
            f"golden_report/{dataset} has not been made, or there are no examples yet:"
            " `whetstone status` says what it waits for"
        )
    found = {**made.facts, "reuse": asdict(openings(lake, dataset))}
    found["report"] = str(settings().home / made.facts["report"])
    if as_json:
        console.show_json({"dataset": dataset, **found})
        return
    splits = [
        {"split": split, "attacks": signs[0], "benign": signs[1]}
        for split, signs in found["examples"].items()
    ]
    console.show_table(f"{dataset}: {found['verdict']}", splits)
    console.show_table("what was looked at", _rows(found))
    for reason in found["reasons"]:
        console.show(f"- {reason}")
    console.show(f"report: {found['report']}")


def vault(dataset: Dataset, as_json: AsJson = False) -> None:
    """Show who opened the test examples of a golden dataset; exit 1 if the log is not whole.

    Example: `whetstone golden vault ssh_bruteforce`
    """
    load_catalog(settings().catalog).golden_dataset(dataset)
    lake = Lake(settings().lake)
    log = vault_log(lake).read()
    entries = [entry for entry in log.entries if entry.details.get("dataset") == dataset]
    used = openings(lake, dataset)
    if as_json:
        console.show_json(
            {
                "dataset": dataset,
                "entries": [asdict(entry) for entry in entries],
                "decisions": used.decisions,
                "problems": log.problems,
                "head": log.head,
            }
        )
    else:
        rows = [
            {
                "at": entry.at,
                "who": entry.who,
                "purpose": entry.what,
                "why": entry.why,
                "test set": entry.details.get("version", ""),
            }
            for entry in entries
        ]
        console.show_table(f"openings of the test examples of {dataset}", rows)
        console.show(f"{used.decisions} gate decisions on the test examples as they are now")
        console.show(
            "; ".join(log.problems)
            or f"the chain of {len(log.entries)} entries is whole; the last hash is {log.head}"
        )
    if log.problems:
        raise typer.Exit(1)


COMMANDS = (show, vault)


def _rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    noise, near, ceiling = found["label_noise"], found["near_duplicates"], found["ceiling"]
    share = "–" if noise["share"] is None else f"{noise['share']:.2%}"
    bounds = noise["reason"] or f"{noise['low']:.2%} to {noise['high']:.2%}"
    refresh = found["refresh"]
    expired = ", ".join(f"{count} {sign}" for sign, count in found["expired"].items())
    return [
        {"what": "both labels on a unit", "value": found["conflicts"], "remark": ""},
        {"what": "equal raw lines", "value": found["duplicates"], "remark": "left out"},
        {
            "what": "test examples known from training",
            "value": _percent(near["in_training"]),
            "remark": f"of attacks {_percent(near['attacks_in_training'])}",
        },
        {
            "what": "labels that look wrong",
            "value": share,
            "remark": f"{bounds}; {noise['suspects']} suspects",
        },
        {
            "what": "best possible F1 on the test set",
            "value": "–" if ceiling["f1"] is None else f"{ceiling['f1']:.4f}",
            "remark": f"{ceiling['contradictions']} examples equal one of the other label",
        },
        {
            "what": "older than a year",
            "value": _percent(found["stale_share"]),
            "remark": f"newest {found['newest']}",
        },
        {"what": "expired", "value": expired or "–", "remark": "left training"},
        {
            "what": "benign refresh",
            "value": "–" if refresh is None else refresh["taken"],
            "remark": "" if refresh is None else f"of {refresh['drawn']}, up to {refresh['day']}",
        },
        {
            "what": "gate decisions on this test set",
            "value": found["reuse"]["decisions"],
            "remark": "see `whetstone golden vault`",
        },
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
