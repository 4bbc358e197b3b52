"""What administrations obtained."""

from typing import Annotated, Any

from fastapi import Path, Query

from dcctl.api.asking import Caller, Limit, Name, OptionalKey
from dcctl.api.bridge import Router
from dcctl.schemas import AcceptIn, CertificateOut, CloudEntry, Drifts, EnvironmentOut, Environments, OperationOut, PlanIn, PlanOut, RebuildIn
from dcctl.workflow import certificate, drift, environments, operations, previews, rebuilding

router = Router(prefix="/environments")


@router.get("", response_model=Environments)
def listing(
    caller: Caller,
    administration: Name = None,
    state: Name = None,
    after: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Newest first."""
    caller.may("environment:list")
    return environments.listing(caller.app, caller.actor, administration=administration, state=state, after=after, limit=limit)


@router.get("/{administration}/{name}", response_model=EnvironmentOut)
def show(caller: Caller, administration: str, name: str) -> dict[str, Any]:
    """One of them; `-` is the caller's own administration."""
    caller.may("environment:show")
    return environments.show(caller.app, caller.actor, administration, name)


@router.get("/{administration}/{name}/cloud", response_model=CloudEntry)
def cloud(caller: Caller, administration: str, name: str) -> dict[str, Any]:
    """How its members reach it."""
    caller.may("environment:cloud")
    return environments.cloud(caller.app, caller.actor, administration, name)


@router.get("/{administration}/{name}/certificate", response_model=CertificateOut)
def certified(caller: Caller, administration: str, name: str) -> dict[str, Any]:
    """That it was destroyed, once it was."""
    caller.may("environment:certificate")
    return certificate.show(caller.app, caller.actor, administration, name)


@router.get("/{administration}/{name}/drift", response_model=Drifts)
def drifts(caller: Caller, administration: str, name: str) -> dict[str, Any]:
    """What is known to be otherwise there than it was built."""
    caller.may("environment:show")
    return drift.listing(caller.app, caller.actor, administration, name)


@router.post("/{administration}/{name}/drift/accept", response_model=Drifts)
def accept(caller: Caller, administration: str, name: str, body: AcceptIn, key: OptionalKey = None) -> dict[str, Any]:
    """It is known, and may stay so."""
    caller.may_on_environment("environment:accept", administration, name)
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: drift.accept(app, actor, administration, name, body), lambda: drift.listing(app, actor, administration, name))


@router.post("/{administration}/{name}/plans", response_model=PlanOut)
def plan(caller: Caller, administration: str, name: str, body: PlanIn) -> dict[str, Any]:
    """What a spec would change, or what differs; the worker finds it out."""
    caller.may_on_environment("environment:plan", administration, name)
    return previews.ask(caller.app, caller.actor, administration, name, body)


@router.post("/{administration}/{name}/state/looks", response_model=PlanOut)
def look(caller: Caller, administration: str, name: str) -> dict[str, Any]:
    """What the engine's states would know if they were rebuilt from the cloud; the worker finds it out."""
    caller.may_on_environment("operation:repair", administration, name)
    return previews.ask(caller.app, caller.actor, administration, name, PlanIn(), rebuild=True)


@router.post("/{administration}/{name}/state", response_model=OperationOut)
def rebuild(caller: Caller, administration: str, name: str, body: RebuildIn, key: OptionalKey = None) -> dict[str, Any]:
    """Rebuild them, as a look showed it."""
    caller.may_on_environment("operation:repair", administration, name)
    app, actor = caller.app, caller.actor

    def queued() -> dict[str, Any]:
        return operations.as_json(rebuilding.ask(app, actor, administration, name, body))

    return caller.once(key, queued, lambda: operations.as_json(rebuilding.asked(app, actor, administration, name)))


plans = Router()


@plans.get("/plans/{number}", response_model=PlanOut)
def show_plan(caller: Caller, number: Annotated[int, Path(ge=1, lt=2**31)]) -> dict[str, Any]:
    """How far the worker is, and what it found."""
    caller.may("environment:show")
    return previews.show(caller.app, caller.actor, number)


@plans.get("/drift", response_model=Drifts)
def all_drifts(caller: Caller) -> dict[str, Any]:
    """Of every environment that the caller may see."""
    caller.may("environment:list")
    return drift.listing(caller.app, caller.actor)
