"""Hostile strings through every text field of every call that changes something, and back out: as answers, lists, letters, the audit trail."""

import copy
import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

import pytest
from sqlmodel import col, select

from dcctl import occasions
from dcctl.cli import deciding, output
from dcctl.cli.talk import CONTROLS, clean
from dcctl.store import Letter, Request
from tests.hostile import corpus
from tests.integration.api.stack import Api
from tests.integration.api.test_each_call_is_witnessed import CALLS, Call, Route, ask, reviewed
from tests.unit.test_hostile import tags

STRINGS = [text for text in corpus() if len(text) < 100_000]
#: Of each field so many strings, always others: all of them come by.
EACH = 3
FORMULA = re.compile(r"[=+\-@]")
Place = tuple[str | int, ...]
_strings = cycle(STRINGS)
_serial = count(1)
#: What goes into no field of its own: what is asked about must be there for the field to be reached at all.
NEEDED = frozenset({"kind", "verdict", "role", "mode", "apiVersion"})


def texts(document: Any, place: Place = ()) -> Iterator[Place]:
    """Where there is text in a body."""
    if isinstance(document, dict):
        for key, below in document.items():
            yield from texts(below, (*place, key))
    elif isinstance(document, list):
        for at, below in enumerate(document):
            yield from texts(below, (*place, at))
    elif isinstance(document, str) and place and place[-1] not in NEEDED:
        yield place


def with_text(document: Any, place: Place, text: str) -> Any:
    changed = copy.deepcopy(document)
    inside = changed
    for part in place[:-1]:
        inside = inside[part]
    inside[place[-1]] = text
    return changed


def more_of(route: Route, body: Any) -> Any:
    """With the optional texts that a person may add."""
    if route[1] == "/v1/requests" and body:
        return {**body, "spec": {**body["spec"], "members": ["sante-agent"], "tags": ["x"]}}
    optional = {"/v1/requests/{number}/withdraw": {"reason": "x"}, "/v1/requests/{number}/answer": {"accept": True, "reason": "x", "digest": "x"},
                "/v1/maintenance": {"on": False, "reason": "x"}}  # fmt: skip
    return optional.get(route[1], body)


def harmless(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What the answer becomes on a terminal and in a spreadsheet."""
    if answer.get("error"):
        told = clean(answer["error"]["message"], keep="\n\t") + clean(answer["error"]["next"], keep="\n\t")
        assert not CONTROLS.search(told.replace("\n", "").replace("\t", ""))
        return
    columns = {key: key for key in answer}
    for form in ("table", "value", "json", "csv"):
        output.thing(answer, columns, form=form)
        shown = capsys.readouterr().out
        assert not CONTROLS.search(shown.replace("\n", "")), (form, repr(shown[:200]))
        if form == "json":
            assert json.loads(shown)
        if form == "csv":
            cells = next(row for at, row in enumerate(csv.reader(io.StringIO(shown, newline=""))) if at == 1)
            assert len(cells) == len(columns)
            assert not [cell for cell, key in zip(cells, columns, strict=True) if isinstance(answer[key], str) and FORMULA.match(cell)]


@pytest.mark.parametrize("route", sorted(CALLS), ids=" ".join)
def test_every_text_field_of_every_call_takes_them_as_text_or_refuses_them(
    standing: Api, route: Route, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """Each field takes a few; all of them in each: tests/chaos."""
    through(standing, route, EACH, capsys)


def through(standing: Api, route: Route, each: int, capsys: pytest.CaptureFixture[str]) -> None:
    """So many strings through each text field of the call."""
    method, _ = route
    call = CALLS[route](standing)
    body = more_of(route, call.body)
    for place in texts(body):
        for _ in range(each):
            text = next(_strings)
            answer = ask(standing, method, Call(path=call.path, person=call.person, body=with_text(body, place, text), keyed=True, query=call.query))
            assert answer.status < 500 or answer.code in ("DCCTL-401", "DCCTL-402"), (place, text[:80], answer.body)  # no Keystone is here
            assert b"\x1b" not in json.dumps(answer.body).encode()
            harmless(answer.body, capsys)
            if answer.status < 400:
                call = CALLS[route](standing)
                body = more_of(route, call.body)


def test_all_of_them_come_back_as_they_were_said_in_a_story_a_list_and_the_trail(standing: Api, capsys: pytest.CaptureFixture[str]) -> None:
    number = reviewed(standing)
    kept = []
    for text in STRINGS[::3]:
        answer = ask(standing, "POST", Call(path=f"/v1/requests/{number}/comments", person="operator", body={"text": text}, keyed=True))
        if answer.status == 200:
            kept.append(text.strip())
    assert len(kept) > 250

    shown = standing("GET", f"/v1/requests/{number}").body
    assert [one["text"] for one in shown["story"] if one["kind"] == "commented"] == kept
    harmless(shown, capsys)
    output.fields([("Story", deciding.story(shown["story"]))])
    told = capsys.readouterr().out
    assert not CONTROLS.search(told.replace("\n", ""))
    events = standing("GET", "/v1/audit", "auditor", action="request:comment", limit=1000).body["items"]
    for form in ("table", "csv"):
        output.listing({"items": events}, {key: key for key in events[0]}, form=form)
        assert not CONTROLS.search(capsys.readouterr().out.replace("\n", ""))
    for event in events[:50]:
        harmless(standing("GET", f"/v1/audit/events/{event['number']}", "auditor").body, capsys)


def test_letters_that_came_of_them_have_no_tag_and_no_line_of_theirs(standing: Api) -> None:
    standing("POST", "/v1/administrations/min-sante/contacts", "sante-lead", {"address": "dsi@sante.bj"})
    for text in STRINGS[::9]:
        number = reviewed(standing)
        with standing.app.reading() as session:
            digest = session.get_one(Request, number).digest
        body = {"verdict": "refuse", "reason": text, "digest": digest}
        if standing("POST", f"/v1/requests/{number}/decisions", "sante-lead", body).status != 200:
            standing("POST", f"/v1/requests/{number}/withdraw", "sante-agent", {})

    with standing.app.reading() as session:
        found = session.exec(select(Letter).where(Letter.occasion == "refused").order_by(col(Letter.id))).all()
    assert len(found) > 80
    plain = occasions.write("min-sante", "fr", [("refused", {**found[0].params, "reason": "x"})])
    for letter in found:
        written = occasions.write(letter.administration, letter.lang, [(letter.occasion, letter.params)])
        assert tags(written.html) == tags(plain.html), repr(letter.params["reason"][:80])
        assert len(written.text.splitlines()) == len(plain.text.splitlines())
        assert not CONTROLS.search((written.subject + written.text + written.html).replace("\n", ""))
