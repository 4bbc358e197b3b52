"""Requests that are only tried: what each would need, whether it fits with those before it, whose decision it needs. Nothing stays of it."""

from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from dcctl.errors import DcctlError
from dcctl.lifecycle import Kind
from dcctl.schemas import API_VERSION, RequestIn, TrialsIn
from dcctl.workflow import asking, drafting
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App


def attempt(app: App, actor: Actor, body: TrialsIn) -> dict[str, Any]:
    """Try each in turn, as if those before it that fit had been submitted; everything is taken back at the end, and no number is drawn.

    Members are not looked up in Keystone: the examination of what is submitted does that.
    """
    items = []
    with app.transaction() as session:
        session.info[drafting.TRIAL] = 0
        try:
            for one in body.requests:
                items.append(_attempt(app, session, actor, one))
        finally:
            session.rollback()
            del session.info[drafting.TRIAL]
    return {"apiVersion": API_VERSION, "items": items}


def _attempt(app: App, session: Session, actor: Actor, document: dict[str, Any]) -> dict[str, Any]:
    point = session.begin_nested()
    try:
        wanted = RequestIn.model_validate(document)
        spec = drafting.spec_of(wanted.spec) if wanted.kind in (Kind.ENVIRONMENT, Kind.CHANGE) else None
        request = asking.new(app, session, actor, wanted, spec, [])
        asking.hold(app, session, actor, request)
    except DcctlError as error:
        point.rollback()
        return {"fits": False, "kind": None, "demand": {}, "needs": [], "rule": None, "error": error.to_json()}
    except (IntegrityError, ValidationError) as error:
        point.rollback()
        return {"fits": False, "kind": None, "demand": {}, "needs": [], "rule": None, "error": _of(error, document).to_json()}
    return {"fits": True, "kind": request.kind, "demand": request.demand, "needs": request.needs, "rule": request.rule, "error": None}


def _of(error: IntegrityError | ValidationError, document: dict[str, Any]) -> DcctlError:
    given = document.get("spec")
    spec: dict[str, Any] = given if isinstance(given, dict) else {}
    if isinstance(error, IntegrityError) and "request_name_in_use" in str(error.orig):
        return DcctlError("DCCTL-302", administration=str(spec.get("administration")), name=str(spec.get("name")))
    if isinstance(error, IntegrityError):
        raise error
    first = error.errors()[0]
    return DcctlError("DCCTL-002", field=".".join(map(str, first["loc"])) or "body", value=str(first.get("input"))[:80], allowed=str(first["msg"]))
