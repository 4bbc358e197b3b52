"""Who is told what about a request: whoever is waited for, what was proposed, granted, refused, lapsed, or decided in an emergency."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import col, select

from dcctl.errors import DcctlError
from dcctl.schemas import AnswerIn, ContactIn, RequestIn
from dcctl.store import Letter
from dcctl.workflow import contacts, expiry, requests, resubmitting, waiting
from dcctl.workflow.app import App
from tests.integration.workflow.conftest import AGENT, JUSTICE_LEAD, LEAD, person, with_agency
from tests.integration.workflow.test_answering import envelope, later
from tests.integration.workflow.test_deciding import OPERATOR, TWO, publish, say
from tests.integration.workflow.test_requests import reviewed
from tests.unit.dcctl.test_rulebook import LAST

DESK = "exploitation@asin.bj"


@pytest.fixture
def told(app: App) -> Iterator[App]:
    """Contacts of two ministries, and an address of the operators."""
    settings = app.settings.model_copy(update={"letters": app.settings.letters.model_copy(update={"operators": [DESK]})})
    made = App(settings)
    contacts.add(made, LEAD, "min-sante", ContactIn(address="dsi@sante.gouv.bj"))
    contacts.add(made, JUSTICE_LEAD, "min-justice", ContactIn(address="dsi@justice.gouv.bj", lang="en"))
    yield made
    made.close()


def outbox(app: App, *occasions: str) -> list[tuple[str, str, str]]:
    """Occasion, whose, and to whom."""
    with app.reading() as session:
        letters = session.exec(select(Letter).order_by(col(Letter.id))).all()
    return [(one.occasion, one.administration, one.address) for one in letters if not occasions or one.occasion in occasions]


def params(app: App, occasion: str) -> dict[str, Any]:
    with app.reading() as session:
        return session.exec(select(Letter.params).where(Letter.occasion == occasion).order_by(col(Letter.id).desc())).first() or {}


def test_whoever_is_still_waited_for_is_reminded_by_letter_and_nobody_else(told: App) -> None:
    publish(told, TWO, LAST)
    number = reviewed(told)
    say(told, LEAD, number)
    later(told, number, 8)

    assert list(waiting.remind(told)) == [(number, 7)]
    assert outbox(told, "reminder") == [("reminder", "", DESK)]
    assert params(told, "reminder")["waited"] == "dc_operator, dc_operator"

    say(told, OPERATOR, number, "return")
    later(told, number, 8)
    assert list(waiting.remind(told)) == [(number, 7)]
    assert outbox(told, "unanswered") == [("unanswered", "min-sante", "dsi@sante.gouv.bj")]


def test_a_lead_who_is_waited_for_is_reminded_once_a_day_of_the_policy(told: App) -> None:
    number = reviewed(told)
    later(told, number, 4)
    for _ in range(3):
        list(waiting.remind(told))
    assert outbox(told, "reminder") == [("reminder", "min-sante", "dsi@sante.gouv.bj")]
    assert (params(told, "reminder")["days"], params(told, "reminder")["waited"]) == (3, "dc_lead (min-sante)")


def test_of_an_envelope_below_another_the_parents_lead_is_reminded(told: App) -> None:
    with_agency(told)
    number = envelope(told, actor=person("anpc-lead", "dc_lead", administration="anpc"), cores=10)
    later(told, number, 4)

    list(waiting.remind(told))

    assert outbox(told, "reminder") == [("reminder", "min-sante", "dsi@sante.gouv.bj")]


def test_what_is_proposed_and_then_granted_is_told_with_what_was_asked_and_what_is_given(told: App) -> None:
    number = envelope(told, cores=64)
    say(told, LEAD, number)
    proposed = say(told, OPERATOR, number, grant={"cores": 32})
    assert outbox(told) == [("received", "min-sante", "dsi@sante.gouv.bj"), ("proposed", "min-sante", "dsi@sante.gouv.bj")]
    said = params(told, "proposed")
    assert (said["asked"], said["granted"], said["by"], said["reason"]) == ({"cores": 64}, {"cores": 32}, "exploitant", "conforme")

    resubmitting.answer(told, AGENT, number, AnswerIn(accept=True, digest=proposed["digest"]))

    assert outbox(told)[-1] == ("granted", "min-sante", "dsi@sante.gouv.bj")
    assert params(told, "granted")["granted"] == {"cores": 32}


def test_an_envelope_that_is_granted_refused_or_lapses_is_told(told: App) -> None:
    granted, refused, lapsed = (envelope(told, key=key, cores=4) for key in ("e1", "e2", "e3"))
    say(told, LEAD, granted)
    say(told, OPERATOR, granted)
    say(told, LEAD, refused, "refuse")
    later(told, lapsed, 31)
    assert expiry.expire(told) == 1

    assert [one[0] for one in outbox(told)][-3:] == ["granted", "refused", "lapsed"]


def test_an_approval_in_an_emergency_is_told_to_the_administration_and_to_the_operators(told: App) -> None:
    number = reviewed(told)
    say(told, OPERATOR, number, emergency=True)

    assert outbox(told, "approved", "emergency") == [
        ("approved", "min-sante", "dsi@sante.gouv.bj"), ("emergency", "min-sante", "dsi@sante.gouv.bj"), ("emergency", "", DESK),
    ]  # fmt: skip


def test_beyond_the_open_requests_of_an_administration_nothing_is_counted_or_held(told: App) -> None:
    few = App(told.settings.model_copy(update={"api": told.settings.api.model_copy(update={"open_requests": 1})}))
    envelope(few, cores=4)
    asked = RequestIn(kind="envelope", resources={"cores": 10**6}, reason="programme 2027")

    with pytest.raises(DcctlError) as full:
        requests.submit(few, AGENT, asked, "e2")

    assert (full.value.code, full.value.params["count"], full.value.params["most"]) == ("DCCTL-641", 1, 1)
    few.close()
