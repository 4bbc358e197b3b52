"""The life of requests at length, and each hostile string in each text field of each call that changes something; tests/integration has a share."""

import os

import pytest

from quotas import ledger
from quotas import store as accounts
from tests import postgres
from tests.integration.api.conftest import plain_log, standing
from tests.integration.api.stack import ENVELOPE, REGION, Api
from tests.integration.api.test_each_call_is_witnessed import CALLS, Route
from tests.integration.api.test_hostile import STRINGS, through
from tests.integration.workflow.test_life_of_requests import live

__all__ = ["plain_log", "standing"]
LIVES = int(os.environ.get("DCCTL_CHAOS_LIVES", "1000"))
STRINGS_OF_A_FIELD = int(os.environ.get("DCCTL_CHAOS_STRINGS", str(len(STRINGS))))
ENOUGH = dict.fromkeys(ENVELOPE, 10**8)


@pytest.fixture(scope="module")
def roomy(standing: Api) -> Api:
    """What is taken as text is submitted, approved and kept, a thousand times over: there is room for it."""
    of = standing.app.settings
    standing.app.settings = of.model_copy(update={"api": of.api.model_copy(update={"open_requests": 10**6})})
    with standing.app.transaction() as session:
        world, pool = (accounts.find_holder(session, name) for name in ("world", "pool"))
        actor = ledger.Actor(user_id="operator", user_name="operator", scope="project:asin/exploitation")
        cause = ledger.Cause(kind=ledger.CauseKind.ACT, reference="A-2026-9999", document="Note 10")
        assert world is not None
        assert pool is not None
        moves = list(ledger.declare(world, pool, REGION, {name: 4 * amount for name, amount in ENOUGH.items()}))
        for code in ("min-sante", "min-justice"):
            holder = accounts.find_holder(session, code)
            assert holder is not None
            moves += ledger.grant(pool, holder, REGION, ENOUGH)
        accounts.post(session, moves, actor=actor, cause=cause)
    return standing


def test_whatever_several_people_do_the_rules_of_deciding_hold(postgresql: postgres.Server) -> None:
    live(postgresql, LIVES)


@pytest.mark.parametrize("route", sorted(CALLS), ids=" ".join)
def test_each_string_passes_through_each_text_field_or_is_refused(roomy: Api, route: Route, capsys: pytest.CaptureFixture[str]) -> None:
    through(roomy, route, STRINGS_OF_A_FIELD, capsys)
