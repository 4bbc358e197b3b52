"""What somebody who decides must see, in words; and the decision itself."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcctl.cli import once, output, planning
from dcctl.cli.desk import Desk
from dcctl.cli.progress import thing, words
from dcctl.cli.talk import confirm, confirm_name, interactive, tell
from dcctl.cli.times import moment
from dcctl.errors import DcctlError
from dcctl.faults import sentence as fault_sentence
from dcctl.words import N_, _, sentence

Json = dict[str, Any]
#: Refused because something else stands there than was shown: another plan, other facts.
MOVED = ("DCCTL-203", "DCCTL-615")
#: What a decision is about: label (a msgid) and words of each part.
Summary = Callable[[Mapping[str, Any]], list[tuple[str, str]]]


def shown_and_confirmed(desk: Desk, number: str, noun: str = "request", parts: Summary | None = None) -> tuple[str, str | None]:
    """Show the request (or whatever `noun` names, in the words of `parts`), ask, and return the digests of what was shown: of it, of the evidence.

    Raises:
        DcctlError: 004 nobody can be asked; 006 the answer was no; 301 there is nothing to approve yet.
    """
    request = desk.api.get(f"{noun}s", number)
    digest = request.get("digest")
    if not digest:
        raise DcctlError("DCCTL-301", number=number, state=request.get("state"), action="approve", possible=["watch"])
    if not interactive():
        raise DcctlError("DCCTL-004", digest=digest, number=number, noun=noun)
    _show((parts or summary)(request))
    confirm(sentence(N_("Approve {number}?"), {"number": number}))
    sys.stderr.flush()
    return str(digest), request.get("evidence_digest")


def _show(parts: list[tuple[str, str]]) -> None:
    for label, text in parts:
        tell(labelled(_(label), text if "\n" not in text else f"\n{text}"))


def summary(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label (a msgid) and words of everything that a decision is about."""
    return [
        (N_("Request"), f"{request['number']} ({request['kind']})"),
        (N_("Environment"), "/".join(filter(None, (request["administration"], request["environment"])))),
        (N_("Asked by"), person(request.get("requester"))),
        (N_("Why"), output.text_of(request.get("justification"))),
        (N_("Offer"), output.text_of(request.get("offer"))),
        (N_("Demand"), amounts(request.get("demand"))),
        *([(N_("Granted"), granted(request["granted"]))] if request.get("granted") else []),
        (N_("Envelope now"), envelope(request)),
        *([(N_("Evidence"), evidence(request["evidence"]))] if request.get("evidence") else []),
        *(
            [(N_("What changes"), planning.lines(request["steps"], request.get("evidence")))]
            if request.get("steps")
            else [(N_("To be made"), plan(request.get("plan")))]
        ),
        (N_("To be noted"), notices(request.get("notices"))),
        (N_("Digest"), str(request.get("digest"))),
    ]


def labelled(label: str, text: str) -> str:
    """`label: text`, with the spaces of the reader's language."""
    return sentence(N_("{label}: {text}"), {"label": label, "text": text})


def decide(desk: Desk, number: str, verdict: str, digest: str | None, reason: str) -> Json:
    """Send the decision."""
    body = {"verdict": verdict, "digest": digest, "reason": reason}
    return once.post(desk, "requests", number, "decisions", body=body, look=f"dcctl request show {number}")


def approve(
    desk: Desk, number: str, meant: tuple[str, str | None] | None, reason: str, confirm: str | None, *, grant: Mapping[str, Any] | None = None,
    emergency: bool = False,
) -> Json:  # fmt: skip
    """Approve what the digests of plan and evidence name; None: what is shown and said yes to.

    Where something else stands there by now it is shown again: whoever was asked is asked again, whoever named digests is refused.
    """
    while True:
        try:
            return _approve(desk, number, meant or shown_and_confirmed(desk, number), reason, confirm, grant=grant, emergency=emergency)
        except DcctlError as error:
            if error.code not in MOVED or not desk.for_people:
                raise
            if meant is not None:
                _show(summary(desk.api.get("requests", number)))
                raise
            tell(str(error))


def _approve(
    desk: Desk, number: str, meant: tuple[str, str | None], reason: str, confirm: str | None, *, grant: Mapping[str, Any] | None,
    emergency: bool,
) -> Json:  # fmt: skip
    """The environment's name is typed, or given by --confirm, where that destroys, replaces or lessens something."""
    digest, evidence = meant
    body: Json = {"verdict": "approve", "digest": digest, "reason": reason} | ({"confirm": confirm} if confirm else {})
    body |= {"evidence": evidence} if evidence else {}
    body |= ({"grant": dict(grant)} if grant else {}) | ({"emergency": True} if emergency else {})
    look = f"dcctl request show {number}"
    try:
        return once.post(desk, "requests", number, "decisions", body=body, look=look)
    except DcctlError as error:
        if error.code != "DCCTL-314" or not interactive():
            raise
        given = confirm_name(str(error.params["name"]), None, warning=str(error))
        return once.post(desk, "requests", number, "decisions", body=body | {"confirm": given}, look=look)


def short(digest: object) -> str:
    """Enough of a digest to recognise it."""
    return str(digest)[:12]


def person(actor: Any) -> str:
    """Who, with roles: `sante-agent (dc_agent)`."""
    if not isinstance(actor, Mapping):
        return output.text_of(actor)
    roles = [role for role in actor.get("roles") or () if str(role).startswith("dc_")]
    return f"{actor.get('user')} ({', '.join(roles)})" if roles else str(actor.get("user"))


def amounts(demand: Any) -> str:
    """`cores 8, ram 16384`."""
    from quotas.resources import in_order

    return output.text_of({name: demand[name] for name in in_order(demand)} if demand else None)


def granted(less: Any) -> str:
    """What is granted where it is less: units, or a day."""
    if less and "until" in less:
        return sentence(N_("until {day}"), {"day": moment(less["until"])})
    return amounts(less)


def envelope(request: Mapping[str, Any]) -> str:
    """What is available in the administration's envelope, this request's hold taken off already."""
    known = (request.get("evidence") or {}).get("envelope") or {}
    lines = [sentence(N_("{resource}: available {available} of {granted}"), {"resource": name, **values}) for name, values in known.items()]
    return "\n".join(f"  {line}" for line in lines) or "–"


def evidence(found: Mapping[str, Any]) -> str:
    """When it was looked at, what is left above and in the datacenter, use, similar requests, open doors; of an envelope who pays."""
    lines = []
    if found.get("at"):
        lines.append(labelled(_("As of"), moment(found["at"])))
    if previewed := (found.get("change") or {}).get("previewed_at"):
        lines.append(labelled(_("Previewed by the engine"), moment(previewed)))
    for one in found.get("above") or ():
        lines.append(labelled(_("Above"), f"{one['administration']} {_left(one.get('envelope'), 'granted')}"))
    if found.get("pool"):
        lines.append(labelled(_("Left in the datacenter"), _left(found["pool"], "declared")))
    if used := {name: f"{of.get('used', '–')}/{of.get('allocated')}" for name, of in (found.get("use") or {}).items()}:
        seen = min((str(of["seen_at"]) for of in found["use"].values() if of.get("seen_at")), default=None)
        when = sentence(N_("{used} (seen {moment})"), {"used": output.text_of(used), "moment": moment(seen)}) if seen else output.text_of(used)
        lines.append(labelled(_("In use of what is allocated"), when))
    if similar := [f"{one['number']} ({one['state']}; {amounts(one.get('demand'))})" for one in found.get("similar") or ()]:
        lines.append(labelled(_("Similar open requests"), ", ".join(similar)))
    if doors := [f"{one['server']} {one['port']}/{one['protocol']}" for one in found.get("open_to_the_world") or ()]:
        lines.append(labelled(_("Open to the world"), ", ".join(doors)))
    if found.get("payer"):
        lines.append(labelled(_("Paid by"), str(found["payer"])))
        lines.append(labelled(_("Left there afterwards"), amounts(found.get("after"))))
    return "\n".join(f"  {line}" for line in lines) or "–"


def _left(amounts: Any, of: str) -> str:
    """`cores 96/512`: what is available of what there is."""
    return output.text_of({name: f"{values.get('available', '–')}/{values.get(of, '–')}" for name, values in (amounts or {}).items()})


def story(told: Any) -> str:
    """Everything that happened, a line each: when, and what."""
    lines = []
    for one in told or ():
        shown = {**one, **{key: output.text_of(one[key]) for key in ("granted", "resources") if isinstance(one.get(key), Mapping)}}
        if one.get("lapses_at"):
            shown["lapses_at"] = moment(one["lapses_at"])
        lines.append(f"  {moment(one['at'])}  {words(shown)}" + (f" [{_('emergency')}]" if one.get("emergency") else ""))
    return "\n".join(lines) or "–"


def plan(things: Any) -> str:
    """How many of each sort, then the servers, volumes and addresses by name."""
    if not things:
        return "–"
    counts: dict[str, list[str]] = {}
    for planned in things:
        counts.setdefault(str(planned.get("type")), []).append(str(planned.get("cloud_name") or planned.get("name")))
    named = ("Instance", "Volume", "Project", "Network")
    lines = [
        "  "
        + (labelled(f"{len(names)} × {thing(type_)}", ", ".join(names)) if type_.rpartition(":")[2] in named else f"{len(names)} × {thing(type_)}")
        for type_, names in counts.items()
    ]
    if any(planned.get("destroyed") for planned in things):
        lines.insert(0, "  " + _("Everything that is named here is DESTROYED, with its data:"))
    return "\n".join(lines)


def notices(found: Any) -> str:
    """What is allowed but must be pointed out."""
    return "\n".join(f"  {fault_sentence(str(one.get('code')), one.get('params') or {})}" for one in found or ()) or "–"


def decisions(made: Any) -> str:
    """Who decided what, and why."""
    verdicts = {"approve": N_("approved"), "refuse": N_("refused"), "return": N_("returned")}
    return "\n".join(
        f"{one.get('user')}: {_(verdicts.get(str(one.get('verdict')), str(one.get('verdict'))))} – {one.get('reason')}" for one in made or ()
    ) or "–"  # fmt: skip


def missing(needed: Sequence[Mapping[str, Any]] | None) -> str:
    """Whose decision is still needed."""
    roles = {"dc_lead": N_("a lead of {administration}"), "dc_operator": N_("an operator of the datacenter")}
    return ", ".join(sentence(roles.get(str(one.get("role")), "{role}"), one) for one in needed or ()) or "–"
