"""After a return, and after less was granted than asked: the requester's side edits and submits again, or says yes or no. And comments."""

import hashlib
from typing import Any

import rfc8785
from sqlmodel import Session

from dcctl.errors import DcctlError, NotVisible
from dcctl.lifecycle import RequestState, request_after
from dcctl.schemas import AnswerIn, CommentIn, RequestIn
from dcctl.store import Request, now
from dcctl.workflow import asking, decisions, drafting, feed, granting, holding, idempotency, requests, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.queue import REVIEW


def edit(app: App, actor: Actor, number: str, body: RequestIn, key: str) -> dict[str, Any]:
    """Submit a returned request again with what it asks for now; the same key and body again changes nothing more.

    Whoever edits it is an author of it, and does not decide on it. The hold follows in the same transaction.

    Raises:
        DcctlError: 301 it is not returned, 303 the key was used for something else, 604 it is about something else; what a submit is refused for.
    """
    document = {"edit": number, **body.model_dump(mode="json")}
    fingerprint = hashlib.sha256(rfc8785.dumps(document)).hexdigest()
    spec = drafting.spec_of(body.spec) if body.spec is not None else None
    unknown = requests.unknown_members(app, actor, spec, key) if spec is not None else []
    with app.transaction() as session:
        if idempotency.claim(session, actor, key, fingerprint) is not None:
            return requests.as_json(session, requests.find(session, actor, number))
        request = _own(session, actor, number)
        request_after(number, RequestState(request.state), "submit")
        asking.anew(app, session, actor, request, body, spec, unknown)
        request.updated_at = now()
        feed.record(session, "edited", request=number, user=actor.user, round=request.round, reason=body.reason)
        app.queue.defer(session, REVIEW, lock=f"request:{number}", number=number)
        idempotency.lead_to(session, actor, key, number)
        asking.hold(app, session, actor, request)
        return requests.as_json(session, request)


def answer(app: App, actor: Actor, number: str, body: AnswerIn) -> dict[str, Any]:
    """Say yes or no to less than was asked: it is granted, or nothing is.

    Raises:
        DcctlError: 301 nothing is proposed; 616 by somebody who neither asked nor edited; 203 something else is proposed than what was
            seen; 603 another parent would pay by now.
    """
    with app.transaction() as session:
        request = _own(session, actor, number)
        state = RequestState(request.state)
        after = request_after(number, state, "accept" if body.accept else "withdraw")
        if state is not RequestState.PROPOSED:
            request_after(number, state, "accept")
        if actor.user_id not in (request.requester_id, *request.authors):
            raise DcctlError("DCCTL-616", number=number, requester=request.requester.get("user"))
        if body.digest is not None and body.digest != request.digest:
            raise DcctlError("DCCTL-203", number=number, given=body.digest, digest=request.digest)
        request.state, request.updated_at = after, now()
        session.add(request)
        session.flush()
        if body.accept:
            feed.record(session, "accepted", request=number, user=actor.user, reason=body.reason)
            granting.hold_less(app, session, actor, request)
            decisions.begin(app, session, request, actor)
        else:
            feed.record(session, "declined", request=number, user=actor.user, reason=body.reason)
            holding.release(session, actor.in_ledger(), request)
        session.flush()
        return requests.as_json(session, request)


def comment(app: App, actor: Actor, number: str, body: CommentIn) -> dict[str, Any]:
    """Something that is said of a request, in whatever state; nothing is decided by it."""
    with app.transaction() as session:
        request = requests.find(session, actor, number)
        feed.record(session, "commented", request=number, user=actor.user, text=body.text)
        session.flush()
        return requests.as_json(session, request)


def _own(session: Session, actor: Actor, number: str) -> Request:
    """The request, its row locked, of the administration that the actor acts for."""
    request = requests.locked(session, actor, number)
    if request.administration != sight.own(actor):
        raise NotVisible("request", number)
    return request
