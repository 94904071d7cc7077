"""Records as CEF: what an analyst's console shows of them, escaped as the format asks."""

import re

from tests.streaming_outputs.records import alert
from whetstone.streaming.outputs.cef import cef


def test_an_alert_says_who_what_and_how_bad() -> None:
    record = alert(7, unit="10.0.0.7", events=12, model_version="v3").record
    record["threat"] = {"technique": {"id": ["T1046", "T1595"]}}
    record["message"] = "12 ports in a minute"
    line = cef(record)
    header, extension = line.rsplit("|", 1)
    assert re.fullmatch(r"CEF:0\|Whetstone\|scorer\|[^|]+\|port_scan\|Port scan\|5", header)
    assert extension == (
        "rt=1767607200250 externalId=alert-7 act=closed src=10.0.0.7"
        " msg=12 ports in a minute cnt=12 cs1Label=environment cs1=berlin"
        " cs3Label=unit cs3=10.0.0.7"
        " cs4Label=modelVersion cs4=v3 cs5Label=technique cs5=T1046,T1595"
        " cfp1Label=score cfp1=7.5 cn1Label=revision cn1=1"
    )


def test_what_has_a_meaning_in_cef_is_escaped() -> None:
    record = alert(1, detector="a|b\\c\nd").record
    record["rule"] = {"name": "x=y|z"}
    record["message"] = "a=b|c\\d\ne\r\nf"
    line = cef(record)
    assert r"|a\|b\\c d|x=y\|z|5|" in line
    assert r"msg=a\=b|c\\d\ne\nf" in line
    assert "\n" not in line


def test_names_may_be_nested_or_dotted_and_times_may_be_missing() -> None:
    line = cef({"source.ip": "10.1.1.1", "@timestamp": "yesterday", "event": {"id": "x"}})
    assert line.endswith("|whetstone|whetstone|5|externalId=x src=10.1.1.1")


def test_the_record_says_how_severe_it_is_and_what_was_withdrawn_is_not() -> None:
    severe = alert(1).record
    severe["event"]["severity"] = 9
    assert "|9|" in cef(severe)
    severe["event"]["severity"] = 73
    assert "|5|" in cef(severe)
    assert "|0|" in cef(alert(1, status="withdrawn").record)


def test_a_notice_that_is_no_alert_has_a_line_too() -> None:
    notice = {"event": {"id": "n", "kind": "event"}, "whetstone": {"kind": "silence"}}
    assert "|silence|silence|5|" in cef({**notice})
    assert "|silence|no line for an hour|" in cef({**notice, "message": "no line for an hour"})
