"""Less than was asked: the requester says yes or no, and only what is granted is held, approved and kept; of every kind of which there is a less."""

import pytest
from sqlalchemy import text

from dcctl.errors import DcctlError
from dcctl.schemas import AnswerIn
from dcctl.store import Request
from dcctl.workflow import binding, evidence, expiry, granting, requests, resubmitting
from dcctl.workflow.app import App
from tests.integration.workflow.conftest import AGENT, LEAD
from tests.integration.workflow.test_answering import later
from tests.integration.workflow.test_deciding import OPERATOR, SECOND, TWO, publish, refused, say
from tests.integration.workflow.test_operations import RESOLVED
from tests.integration.workflow.test_requests import available, body, jobs, reviewed
from tests.unit.dcctl.test_rulebook import LAST
from tests.unit.dcctl.test_speccheck import DOSSIER

LESS = DOSSIER["quota"] | {"cores": 6}


def approved(app: App, number: str) -> None:
    """What is carried out is what the approvals named."""
    with app.transaction() as session:
        binding.require_approved(session, session.get_one(Request, number))


def test_an_environment_with_a_smaller_quota_waits_for_the_requesters_yes(app: App) -> None:
    number = reviewed(app, resolved=RESOLVED)
    before = requests.show(app, AGENT, number)["digest"]

    proposed = say(app, LEAD, number, grant={"cores": 6})

    assert (proposed["state"], proposed["demand"]["cores"], proposed["granted"]) == ("proposed", 8, LESS)
    assert (proposed["digest"] != before, proposed["operation"], available(app).held) == (True, None, 8)
    assert "fulfil" not in [job for job, _ in jobs(app)]
    with pytest.raises(DcctlError) as old:
        resubmitting.answer(app, AGENT, number, AnswerIn(accept=True, digest=before))
    assert old.value.code == "DCCTL-203"

    done = resubmitting.answer(app, AGENT, number, AnswerIn(accept=True, digest=proposed["digest"]))

    assert (done["state"], available(app).held, available(app).available) == ("approved", 6, 74)
    assert [job for job, _ in jobs(app)].count("fulfil") == 1
    approved(app, number)
    with app.reading() as session:
        request = session.get_one(Request, number)
        assert (request.spec["quota"]["cores"], granting.spec_of(request)["quota"], evidence.restored(request)[0].quota["cores"]) == (8, LESS, 6)


def test_the_name_of_what_is_proposed_is_in_use_until_the_requesters_word(app: App) -> None:
    number = reviewed(app, resolved=RESOLVED)
    say(app, LEAD, number, grant={"cores": 6})

    with pytest.raises(DcctlError) as taken:
        requests.submit(app, AGENT, body(), "k2")
    assert taken.value.code == "DCCTL-302"
    assert resubmitting.answer(app, AGENT, number, AnswerIn(accept=False))["state"] == "withdrawn"
    assert requests.submit(app, AGENT, body(), "k3")[0]["state"] == "submitted"


def test_a_no_gives_everything_back_and_silence_lapses(app: App) -> None:
    number, other = reviewed(app, resolved=RESOLVED), reviewed(app, key="k2", name="dossier-2")
    for one in (number, other):
        say(app, LEAD, one, grant={"cores": 6})

    assert resubmitting.answer(app, AGENT, number, AnswerIn(accept=False))["state"] == "withdrawn"
    later(app, other, 400)
    assert expiry.expire(app) == 1

    assert (requests.show(app, AGENT, other)["state"], available(app).held) == ("lapsed", 0)


def test_a_quota_in_which_its_own_servers_do_not_fit_is_refused_with_the_least_that_does(app: App) -> None:
    number = reviewed(app, resolved=RESOLVED)

    with pytest.raises(DcctlError) as short:
        say(app, LEAD, number, grant={"cores": 1})
    assert (short.value.code, short.value.params["least"]) == ("DCCTL-618", ["cores 4"])
    assert refused(app, LEAD, number, grant={"cores": 9}) == "DCCTL-602"
    assert refused(app, LEAD, number, grant={"horses": 1}) == "DCCTL-002"
    assert (requests.show(app, AGENT, number)["decisions"], available(app).held) == ([], 8)
    assert say(app, LEAD, number, grant={"cores": 8})["state"] == "approved"  # no less at all


def test_of_several_approvals_each_names_what_was_granted_before_it(app: App) -> None:
    publish(app, TWO, LAST)
    number = reviewed(app, resolved=RESOLVED)
    say(app, LEAD, number)
    say(app, OPERATOR, number, grant={"cores": 6})
    proposed = say(app, SECOND, number, grant={"cores": 4})
    assert (proposed["state"], proposed["granted"]["cores"]) == ("proposed", 4)

    resubmitting.answer(app, AGENT, number, AnswerIn(accept=True))

    approved(app, number)
    assert available(app).held == 4
    with app.transaction() as session:
        request = session.get_one(Request, number)
        request.granted = {**(request.granted or {}), "cores": 8}
        with session.no_autoflush, pytest.raises(DcctlError) as other:
            binding.require_approved(session, request)
        session.rollback()
    assert other.value.code == "DCCTL-203"


def test_an_edit_after_a_return_is_asked_whole_again(app: App) -> None:
    publish(app, TWO, LAST)
    number = reviewed(app, resolved=RESOLVED)
    say(app, LEAD, number, grant={"cores": 6})
    say(app, OPERATOR, number, "return")
    with app.reading() as session:
        assert session.execute(text("SELECT count(*) FROM decision")).scalar_one() == 2
        request = session.get_one(Request, number)
    assert (request.state, request.granted["cores"] if request.granted else None) == ("returned", 6)
