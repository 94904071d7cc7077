"""Exports as the tools that read them see them: ECS lines, STIX bundles, Sigma rules."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import stix2
import yaml
from sigma.backends.test import TextQueryTestBackend
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.rule import SigmaRule

from tests.triage.exchange_cases import DETECTOR, bearer, brute, fill
from tests.triage.scorer_records import DAY, NOON, of_batch
from tests.triage.servers import Served, serving
from triage import Alert
from triage.access import Permission
from triage.exchange.sigma import rule
from triage.exchange.stable import StablePattern
from triage.exchange.stix import bundle
from triage.judging.judgements import Judgements
from triage.records import Decision, Verdict, VerdictValue
from whetstone.catalog import Catalog, load_catalog

HOSTILE = "<script>\u202e\x1b[31m'; DROP TABLE alerts; --\n---\ntitle: mine"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("exports"), workers=False) as served:
        fill(served.cases)
        yield served


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(Path("catalog"))


def lines(api: Served, query: str = "", **headers: str) -> list[dict[str, Any]]:
    answer = api.get(f"/api/exports/ecs{query}", **headers)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_alerts_are_exported_as_the_scorers_write_them(api: Served) -> None:
    found = {line["event"]["id"]: line for line in lines(api)}
    assert set(found) == {"a1", "a2", "a3", "a4", "r1", "r2", "r3"}
    judged, waiting = found["a1"], found["a4"]
    assert judged["rule"]["name"] == "SSH brute force"
    assert judged["threat"]["technique"]["id"] == ["T1110"]
    assert judged["source"]["ip"] == "203.0.113.7"
    assert judged["whetstone"]["verdicts"][0]["value"] == "true_positive"
    assert (judged["event"]["action"], waiting["event"]["action"]) == (
        "alert-closed",
        "alert-opened",
    )
    assert found["r1"]["rule"]["id"] == "brute", "a detector that the catalog does not know"


def test_an_export_is_filtered_and_tells_of_no_other_environment(api: Served) -> None:
    assert {line["event"]["id"] for line in lines(api, "?state=open")} == {"a4", "r2", "r3"}
    assert lines(api, "?first_day=2026-03-03") == []
    oslo = bearer(api, "siem", [Permission.READ], "oslo", "lisbon")
    assert {line["event"]["id"] for line in lines(api, **oslo)} == {"r2", "r3"}
    assert api.get("/api/exports/ecs?environment=berlin", **oslo).status == 403
    trail = (api.home / "audit" / "triage.jsonl").read_text()
    assert '"what": "export"' in trail


def test_an_export_of_more_than_a_page_is_whole(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as served:
        many = [replace(of_batch(f"{n:04}"), score=n / 1000) for n in range(501)]
        served.cases.replace_alerts(DAY, "brute", many)
        assert len({line["event"]["id"] for line in lines(served)}) == 501


def of_type(content: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in content.get("objects", []) if each["type"] == kind]


def test_confirmed_attacks_are_sightings_that_stix2_understands(api: Served) -> None:
    answer = api.get("/api/exports/stix")
    assert answer.headers["Content-Type"] == "application/stix+json"
    content = json.loads(answer.text)
    stix2.parse(content, allow_custom=False)
    assert len(of_type(content, "sighting")) == 3, "what was called harmless is none"
    (identity,) = of_type(content, "identity")
    (technique,) = of_type(content, "attack-pattern")
    assert technique["external_references"][0]["external_id"] == "T1110"
    (address,) = of_type(content, "ipv4-addr")
    assert address["id"] == stix2.IPv4Address(value="203.0.113.7").id
    known = {each["id"] for each in content["objects"]}
    for sighting in of_type(content, "sighting"):
        refs = [sighting["sighting_of_ref"], *sighting["observed_data_refs"]]
        assert {*refs, *sighting["where_sighted_refs"]} <= known
        assert sighting["where_sighted_refs"] == [identity["id"]]
    assert json.loads(api.get("/api/exports/stix").text) == content, "ids follow from content"


def test_a_long_export_of_sightings_has_pages(api: Served) -> None:
    ids: set[str] = set()
    path = "/api/exports/stix?limit=1"
    while path:
        answer = api.get(path)
        ids |= {each["id"] for each in of_type(json.loads(answer.text), "sighting")}
        following = answer.headers["Link"].partition('rel="first", <')[2]
        path = following.partition(">")[0]
    assert len(ids) == 3


def test_accounts_hosts_and_both_kinds_of_addresses_are_observed(catalog: Catalog) -> None:
    def confirmed(detector: str, source: str, entity: dict[str, Any]) -> Decision:
        said = Verdict("v", "x", VerdictValue.TRUE_POSITIVE, "ada", NOON)
        found = replace(
            of_batch("x"), detector=detector, source=source, entity=entity, verdicts=(said,)
        )
        return Decision(found, VerdictValue.TRUE_POSITIVE, ["ada"], ["v"], False)

    content = bundle(
        catalog,
        [
            confirmed(DETECTOR, "sshd", {"src_ip": "2001:db8::1", "user": 'bob"\u202e', "pid": 7}),
            confirmed(DETECTOR, "sshd", {"pid": "7"}),
            confirmed("unknown", "unknown", {"src_ip": "203.0.113.7"}),
        ],
    )
    stix2.parse(content, allow_custom=False)
    (address,), (account,) = of_type(content, "ipv6-addr"), of_type(content, "user-account")
    assert address["id"] == stix2.IPv6Address(value="2001:db8::1").id
    assert account["id"] == stix2.UserAccount(account_login='bob"\u202e').id
    assert "objects" not in bundle(catalog, [])


def rules(api: Served, query: str = "") -> SigmaCollection:
    return SigmaCollection.from_yaml(api.get(f"/api/exports/sigma{query}").text)


def test_a_pattern_that_was_confirmed_often_becomes_a_rule_that_sigma_understands(
    api: Served,
) -> None:
    events, correlation = rules(api).rules
    assert isinstance(events, SigmaRule)
    assert isinstance(correlation, SigmaCorrelationRule)
    assert (events.logsource.product, events.logsource.service) == ("linux", "sshd")
    said = correlation.to_dict()["correlation"]["condition"]
    assert said == {"gte": 12, "field": "user.name"}
    assert str(correlation.tags[0]) == "attack.t1110"
    assert TextQueryTestBackend().convert(rules(api)), "a backend makes a query of it"


def test_a_pattern_that_was_ever_called_harmless_is_no_rule(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as served:
        fill(served.cases)
        assert len(rules(served).rules) == 2
        assert rules(served, "?confirmed=4").rules == []
        assert rules(served, "?environment=oslo").rules == []
        served.cases.give_verdict("a4", "benign_expected", by="eve", verdict_id="no")
        assert rules(served).rules == []
        Judgements(served.cases.database).retract("no", "eve")
        assert len(rules(served).rules) == 2


def pattern(detector: str, *examples: Alert) -> StablePattern:
    return StablePattern("f" * 32, detector, ("berlin",), examples, len(examples))


def example(detector: str, *parts: dict[str, Any]) -> Alert:
    explained = [{"contribution": 1.0, **part} for part in parts]
    return replace(of_batch("x"), detector=detector, explanation=explained)


def documents(catalog: Catalog, found: StablePattern) -> list[dict[str, Any]]:
    made = rule(catalog, found)
    SigmaCollection.from_yaml("---\n".join(json.dumps(each) for each in made))
    return made


def test_texts_become_the_words_that_all_share(catalog: Catalog) -> None:
    found = pattern(
        "web_attacks_ngrams",
        example("web_attacks_ngrams", {"feature": "target", "value": "/a?q=1 UNION select pw"}),
        example("web_attacks_ngrams", {"feature": "target", "value": f"/b UNION SELECT {HOSTILE}"}),
    )
    (made,) = documents(catalog, found)
    (words,) = (v for k, v in made["detection"]["selection"].items() if "contains|all" in k)
    assert words == ["select", "union"]


def test_numbers_become_the_range_of_the_raw_field(catalog: Catalog) -> None:
    flows = "network_scan_iforest"
    found = pattern(
        flows,
        example(flows, {"feature": "log_bytes_to_server", "value": 4.31748811}),
        example(flows, {"feature": "log_bytes_to_server", "value": 4.60517019}),
    )
    (made,) = documents(catalog, found)
    assert made["detection"]["selection"] == {
        "flow.bytes_toserver|gte": 74,
        "flow.bytes_toserver|lte": 99,
    }


def test_what_raw_fields_cannot_say_is_no_rule_but_is_named(api: Served, catalog: Catalog) -> None:
    parts = {"feature": "failure_share", "value": 0.9}
    assert documents(catalog, pattern(DETECTOR, example(DETECTOR, parts))) == []
    assert rule(catalog, pattern("gone", example("gone", parts))) == []
    share = [
        replace(brute(f"s{n}"), explanation=[{"contribution": 1.0, **parts}]) for n in range(3)
    ]
    api.cases.replace_alerts(DAY.replace(day=3), DETECTOR, share)
    for alert in share:
        api.cases.give_verdict(alert.alert_id, "true_positive", by="ada")
    text = api.get("/api/exports/sigma").text
    assert "nothing of it can be said of raw fields" in text
    assert len(list(yaml.safe_load_all(text))) == 2
