"""Asking, deciding, following."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query, Response

from dcctl.api.asking import Caller, Key, Limit, Name, OptionalKey, Wait
from dcctl.api.bridge import Router
from dcctl.schemas import AnswerIn, CommentIn, DecisionIn, Events, RequestIn, RequestOut, Requests, ReviewIn, Trials, TrialsIn, WithdrawIn
from dcctl.workflow import decisions, emergencies, evidence, requests, resubmitting, trials
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App

router = Router(prefix="/requests")

#: Of an administration; anything else is a fault of the spec, which is told with the others.
CODE = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")
Cursor = Annotated[int, Query(ge=0, lt=2**63)]


@router.post("", response_model=RequestOut, status_code=201)
def submit(caller: Caller, body: RequestIn, key: Key, response: Response) -> dict[str, Any]:
    """Ask; the same key and body again is the same request, with status 200."""
    named = body.administration or (body.spec or {}).get("administration")
    caller.may_submit(named if isinstance(named, str) and CODE.fullmatch(named) else None)
    made, created = requests.submit(caller.app, caller.actor, body, key)
    response.status_code = 201 if created else 200
    return made


@router.get("", response_model=Requests)
def listing(
    caller: Caller, administration: Name = None, state: Name = None, kind: Name = None, after: Name = None, limit: Limit = 100
) -> dict[str, Any]:
    """Newest first."""
    caller.may("request:list")
    return requests.listing(caller.app, caller.actor, administration=administration, state=state, kind=kind, after=after, limit=limit)


@router.get("/{number}", response_model=RequestOut)
def show(caller: Caller, number: str) -> dict[str, Any]:
    """The whole story of one."""
    caller.may("request:show")
    return requests.show(caller.app, caller.actor, number)


@router.post("/{number}/decisions", response_model=RequestOut)
def decide(caller: Caller, number: str, body: DecisionIn, key: OptionalKey = None) -> dict[str, Any]:
    """Approve, refuse or return what the digest names."""
    caller.may_decide(number)
    return _once(caller, key, decisions.decide, number, body)


@router.post("/{number}/withdraw", response_model=RequestOut)
def withdraw(caller: Caller, number: str, body: WithdrawIn, key: OptionalKey = None) -> dict[str, Any]:
    """Take it back."""
    caller.may_on_request("request:withdraw", number)
    return _once(caller, key, requests.withdraw, number, body)


@router.post("/trials", response_model=Trials)
def attempt(caller: Caller, body: TrialsIn) -> dict[str, Any]:
    """Only say what each would need, and whether it fits."""
    caller.may_submit(None)
    return trials.attempt(caller.app, caller.actor, body)


@router.post("/{number}/edit", response_model=RequestOut)
def edit(caller: Caller, number: str, body: RequestIn, key: Key) -> dict[str, Any]:
    """Submit a returned one again."""
    caller.may_on_request("request:edit", number)
    return resubmitting.edit(caller.app, caller.actor, number, body, key)


@router.post("/{number}/answer", response_model=RequestOut)
def answer(caller: Caller, number: str, body: AnswerIn, key: OptionalKey = None) -> dict[str, Any]:
    """Say yes or no to less than was asked."""
    caller.may_on_request("request:edit", number)
    return _once(caller, key, resubmitting.answer, number, body)


@router.post("/{number}/comments", response_model=RequestOut)
def comment(caller: Caller, number: str, body: CommentIn, key: OptionalKey = None) -> dict[str, Any]:
    """Say something of it."""
    caller.may_on_request("request:comment", number)
    return _once(caller, key, resubmitting.comment, number, body)


@router.post("/{number}/evidence", response_model=RequestOut)
def look_again(caller: Caller, number: str) -> dict[str, Any]:
    """Look at the facts anew."""
    caller.may_on_request("request:comment", number)
    return evidence.look_again(caller.app, caller.actor, number)


@router.post("/{number}/review", response_model=RequestOut)
def review(caller: Caller, number: str, body: ReviewIn, key: OptionalKey = None) -> dict[str, Any]:
    """Say what one thinks of a decision in an emergency."""
    caller.may_on_request("request:review", number)
    return _once(caller, key, emergencies.review, number, body)


@router.get("/{number}/events", response_model=Events)
def events(caller: Caller, number: str, after: Cursor = 0, wait: Wait = 0.0) -> dict[str, Any]:
    """What happened since; waits for news if asked to."""
    caller.may("request:show")
    with caller.patience(wait) as seconds:
        return requests.events(caller.app, caller.actor, number, after=after, wait=seconds)


def _once(caller: Caller, key: str | None, verb: Callable[[App, Actor, str, Any], dict[str, Any]], number: str, body: Any) -> dict[str, Any]:
    """Asked again under the same key, it tells the request as it is."""
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: verb(app, actor, number, body), lambda: requests.show(app, actor, number))
