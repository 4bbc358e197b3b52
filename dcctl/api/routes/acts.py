"""Acts of operators: what waits for a second one, the decision on it, files of envelopes, corrections."""

from typing import Any

from fastapi import Response

from dcctl.api.asking import Caller, Limit, Name, OptionalKey
from dcctl.api.bridge import Router
from dcctl.schemas import Acts, ActShown, Corrected, CorrectionIn, DecisionIn, Imported, ImportIn
from dcctl.workflow import acts, corrections, openings

router = Router()

#: An act that waits was taken, and nothing was posted.
WAITS = 202


@router.get("/acts", response_model=Acts)
def listing(
    caller: Caller, state: Name = None, kind: Name = None, administration: Name = None, after: Name = None, limit: Limit = 100
) -> dict[str, Any]:
    """Newest first."""
    caller.may("act:list")
    return acts.listing(caller.app, caller.actor, state=state, kind=kind, administration=administration, after=after, limit=limit)


@router.get("/acts/{number}", response_model=ActShown)
def show(caller: Caller, number: str) -> dict[str, Any]:
    """The whole of one."""
    caller.may_or_not_there("act:show", "act", number)
    return acts.show(caller.app, caller.actor, number)


@router.post("/acts/{number}/decisions", response_model=ActShown)
def decide(caller: Caller, number: str, body: DecisionIn, key: OptionalKey = None) -> dict[str, Any]:
    """Approve or refuse what the digest names."""
    caller.may_or_not_there("act:decide", "act", number)
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: acts.decide(app, actor, number, body), lambda: acts.show(app, actor, number))


@router.post("/imports", response_model=Imported)
def import_(caller: Caller, body: ImportIn, response: Response, key: OptionalKey = None) -> dict[str, Any]:
    """A file of envelopes, whole or not at all."""
    caller.may("quota:import")
    return answered(response, openings.import_(caller.app, caller.actor, body, key))


@router.post("/corrections", response_model=Corrected)
def correct(caller: Caller, body: CorrectionIn, response: Response, key: OptionalKey = None) -> dict[str, Any]:
    """Reverse an entry and post what is right."""
    caller.may_or_not_there("quota:correct", "entry", str(body.entry))
    return answered(response, corrections.correct(caller.app, caller.actor, body, key))


def answered(response: Response, done: dict[str, Any]) -> dict[str, Any]:
    """The answer, with the status of an act that waits."""
    if (done.get("act") or {}).get("state") == "waiting":
        response.status_code = WAITS
    return done
