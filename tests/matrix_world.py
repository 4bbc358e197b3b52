"""What the matrix of tests/matrix.py is asked about: in each administration an environment, its request and an operation; and one act that waits."""

from collections.abc import Mapping

from dcctl.store import Act, Decision, Environment, Operation, Request
from dcctl.workflow.app import App
from tests.matrix import RELATIONS, Case

ACT = "A-2026-9100"
FIRST = 9100


def path(case: Case, codes: Mapping[str, str]) -> str:
    """The address that a case means, its query with it."""
    number = FIRST + RELATIONS.index(case.relation)
    return case.path.format(a=codes[case.relation], r=f"R-2026-{number}", o=f"O-2026-{number}-1", act=ACT)


def seed(app: App, codes: Mapping[str, str]) -> None:
    """The administrations are there already; no worker may be there to touch what is made."""
    for number, relation in enumerate(RELATIONS[:-1], start=FIRST):
        with app.bare_transaction() as session:
            of = {"administration": codes[relation], "request": f"R-2026-{number}"}
            environment = Environment(**of, name="portail", state="active", project_id=f"p-{number}", offer="standard", offer_version=1)
            session.add(environment)
            session.flush()
            made = {"administration": codes[relation], "environment": "portail", "environment_id": environment.id, "state": "failed"}
            who = {"user": "x", "user_id": "x", "domain": "asin", "roles": []}
            asked = {"requester": who, "requester_id": "x", "justification": "Essai", "digest": "0" * 64,
                     "needs": [{"role": "dc_lead", "administration": codes[relation]}]}  # fmt: skip
            request = Request(**made | {"state": "in_review"}, **asked, number=f"R-2026-{number}", kind="environment")
            session.add(request)
            session.flush()
            chief = {"user": "chief", "user_id": "chief", "domain": "asin", "roles": ["dc_lead"]}
            session.add(Decision(request=request.number, verdict="approve", digest="0" * 64, reason="conforme", user_id="chief", actor=chief,
                                 role="dc_lead", administration=codes[relation]))  # fmt: skip
            session.flush()
            request.state = "failed"
            session.flush()
            session.add(Operation(**made, id=f"O-2026-{number}-1", kind="fulfil", request=f"R-2026-{number}"))
    with app.bare_transaction() as session:
        over = {"cores": {"asked": 600, "allowed": 500}}
        session.add(Act(number=ACT, kind="declare", reason="Essai", document="Note 10", resources={"cores": 600}, over=over, waits=True,
                        digest="0" * 64, actor={"user": "chief", "user_id": "chief", "domain": "asin", "roles": ["dc_operator"]}))  # fmt: skip
