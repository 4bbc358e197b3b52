"""Ledger, limits and use compared: comparisons, the differences they found, and the mode of the region."""

from typing import Annotated, Any

from fastapi import Path, Query

from dcctl.api.asking import Caller, Limit, Name, OptionalKey
from dcctl.api.bridge import Router
from dcctl.errors import NotVisible
from dcctl.schemas import Discrepancies, DiscrepancyOut, ReconciliationIn, ReconciliationOut, RegionModeIn, RegionOut, SayIn
from dcctl.workflow import discrepancies, reconciling, regions

router = Router()

#: What is done to a difference, and the state that it then has.
VERBS = {"explain": discrepancies.EXPLAINED, "waive": discrepancies.WAIVED, "resolve": discrepancies.RESOLVED}


@router.post("/reconciliations", response_model=ReconciliationOut)
def ask(caller: Caller, body: ReconciliationIn) -> dict[str, Any]:
    """Compare; the worker does it."""
    caller.may("reconciliation:apply" if body.apply else "reconciliation:run")
    return reconciling.ask(caller.app, caller.actor, apply=body.apply)


@router.get("/reconciliations/{number}", response_model=ReconciliationOut)
def show_reconciliation(caller: Caller, number: Annotated[int, Path(ge=1, lt=2**31)]) -> dict[str, Any]:
    """How far it is, and what came of it."""
    caller.may("reconciliation:show")
    return reconciling.show(caller.app, number)


@router.get("/discrepancies", response_model=Discrepancies)
def listing(
    caller: Caller, state: Name = None, name: Name = None, administration: Name = None,
    after: Annotated[int | None, Query(ge=0, lt=2**31)] = None, limit: Limit = 100,
) -> dict[str, Any]:  # fmt: skip
    """Oldest first; without a state, those that are not resolved."""
    caller.may("discrepancy:list")
    return discrepancies.listing(caller.app, state=state, name=name, administration=administration, after=after, limit=limit)


@router.get("/discrepancies/{number}", response_model=DiscrepancyOut)
def show(caller: Caller, number: str) -> dict[str, Any]:
    """One, and what was said of it."""
    caller.may("discrepancy:show")
    return discrepancies.show(caller.app, number)


@router.post("/discrepancies/{number}/{verb}", response_model=DiscrepancyOut)
def say(caller: Caller, number: str, verb: str, body: SayIn, key: OptionalKey = None) -> dict[str, Any]:
    """Explain, waive or resolve it."""
    caller.may("discrepancy:say")
    if verb not in VERBS:
        raise NotVisible("verb", verb)
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: discrepancies.say(app, actor, number, VERBS[verb], body), lambda: discrepancies.show(app, number))


@router.get("/region", response_model=RegionOut)
def region(caller: Caller) -> dict[str, Any]:
    """The region's mode."""
    caller.may("region:show")
    return regions.show(caller.app)


@router.put("/region", response_model=RegionOut)
def mode(caller: Caller, body: RegionModeIn) -> dict[str, Any]:
    """From now on reconciling only looks, or may write."""
    caller.may("region:mode")
    return regions.set_mode(caller.app, caller.actor, body)
