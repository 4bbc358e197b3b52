"""A submit: read, examine, send once, say the number, wait until it can be decided."""

from collections.abc import Mapping
from typing import Any

from dcctl.cli import ending, once, output, resting, watching
from dcctl.cli.desk import Desk
from dcctl.cli.named import environment
from dcctl.cli.pending import Key, key_for
from dcctl.cli.specfile import Draft, placed, read
from dcctl.cli.talk import confirm_name, interactive, say, tell
from dcctl.errors import DcctlError
from dcctl.words import N_

Json = dict[str, Any]

#: How long a submit waits until the request can be decided.
REVIEW_SECONDS = 20


#: What was asked for, by the kind of the request.
ASKED = {
    "environment": N_("{number}: {administration}/{environment} is asked for."),
    "change": N_("{number}: a change of {administration}/{environment} is asked for."),
    "extension": N_("{number}: a later end of {administration}/{environment} is asked for."),
    "envelope": N_("{number}: a larger envelope for {administration} is asked for."),
    "repair": N_("{number}: {administration}/{environment} will be brought back to what was built."),
}


def submit(desk: Desk, path: str, *, key: str | None, wait_seconds: int | None, confirm: str | None = None) -> None:
    """Send the spec in `path` as a request and follow it: until it is in review, or for `wait_seconds` to its end.

    `confirm`: the environment's name, for a change that destroys data; without it somebody at a terminal is asked.
    """
    draft = read(path)
    examine(desk, draft)
    body: Json = {"kind": "environment", "spec": draft.document} | ({"confirm": confirm} if confirm else {})
    with placed(draft):
        request = asked(desk, body, key)
    followed(desk, request, ASKED.get(str(request.get("kind")), ASKED["environment"]), wait_seconds=wait_seconds)


def asked(desk: Desk, body: Json, key: str | None) -> Json:
    """Send it; where it would destroy data and nobody said so, whoever sits at the terminal may type the name."""
    try:
        return sent(desk, body, key_for(body, desk.api.cloud.identity, key))
    except DcctlError as error:
        if error.code != "DCCTL-313" or body.get("confirm") or not interactive():
            raise
        given = confirm_name(str(error.params["name"]), None, warning=str(error))
        return sent(desk, whole := body | {"confirm": given}, key_for(whole, desk.api.cloud.identity, key))


def followed(desk: Desk, request: Mapping[str, Any], words: str, *, wait_seconds: int | None) -> None:
    """Print the number at once, for it is what matters when the link breaks now; then follow."""
    number = str(request["number"])
    if desk.for_people:
        output.write(number)
        say(words, **request)
        if rests := request.get("resting"):
            tell(resting.words(rests))
    if wait_seconds is None:
        reviewed(desk, number)
        return
    state = watching.follow(desk, ("requests", number), wait_seconds, name=number, command=f"dcctl request watch {number}", aside=True)
    ending.end(desk, number, state, aside=True)


def known(desk: Desk) -> tuple[Json, Json]:
    """The offers and the catalogue."""
    return desk.api.get("offers"), desk.api.get("catalogue")


def examine(desk: Desk, draft: Draft, fetched: tuple[Json, Json] | None = None) -> None:
    """Refuse a spec with faults, all of them, before anything is sent; the offers and the catalogue are fetched for it.

    Where they cannot be had and the spec is malformed anyhow, what is known without them is said.
    """
    from dcctl.cli import examining

    found = examining.malformed(draft.document)
    faults = [fault_json(fault) for fault in found]
    try:
        offers, catalogue = fetched or known(desk)
    except DcctlError as error:
        if not faults:
            raise
        say(N_("Flavors, images and offers could not be checked: {reason}"), reason=str(error))
        raise draft.refusal(faults) from error
    # Before the worker has read OpenStack's catalogue for the first time, nothing can be known of names: the API says so in its own words.
    if catalogue.get("items"):
        faults += [fault_json(fault) for fault in examining.misfits(draft.document, found, offers["items"], catalogue["items"])]
    if faults:
        raise draft.refusal(faults)
    from stacks.environment import notices
    from stacks.specs import parse

    for notice in notices(parse(draft.document)):
        from dcctl.faults import sentence

        tell(f"{draft.source}:{draft.line(notice.path)}: {sentence(notice.code, notice.params)}")


def fault_json(fault: Any) -> Json:
    """A fault as it travels."""
    return {"path": list(fault.path), "code": fault.code, "params": dict(fault.params)}


def sent(desk: Desk, body: Json, key: Key, *, keep: bool = False) -> Json:
    """Post the request under its key."""
    return once.answered(key, lambda value: desk.api.post("requests", body=body, key=value, look="dcctl request list"), keep=keep)


def reviewed(desk: Desk, number: str) -> None:
    """Wait until the request is in review or has ended; say what comes next. It is submitted whatever happens here."""
    request: Mapping[str, Any] = {}
    try:
        for page in watching.pages(desk, ("requests", number), REVIEW_SECONDS - 2 * watching.GRACE_SECONDS, wait=2):
            if page.get("state") != "submitted":
                break
        request = desk.api.get("requests", number, within=watching.GRACE_SECONDS)
    except (DcctlError, KeyboardInterrupt) as error:
        if isinstance(error, DcctlError) and desk.for_people:
            tell(str(error))
        say(N_("{number} is submitted; see it with: dcctl request show {number}"), number=number)
        if not desk.for_people:
            output.thing({"number": number}, {"number": ""}, form=desk.form, chosen=desk.columns)
        return
    if not desk.for_people:
        output.thing(request, {"number": "", "state": ""}, form="json" if desk.form == "ndjson" else desk.form, chosen=desk.columns)
    state = str(request.get("state"))
    if state == "submitted":
        say(N_("{number} is still being examined after {seconds} s; follow it: dcctl request watch {number}"), number=number, seconds=REVIEW_SECONDS)
    elif state == "in_review":
        from dcctl.cli.deciding import missing

        say(
            N_("{number} can now be decided by {missing}; follow it: dcctl request watch {number}"),
            number=number,
            missing=missing(request.get("missing")),
        )
    else:
        watching.finish(state if state in watching.ENDINGS else "fulfilled", request.get("error"), name=number, operation=request.get("operation"))


def envelope(desk: Desk, resources: Mapping[str, Any], reason: str, *, wait_seconds: int | None) -> None:
    """Ask for so many units more, and follow it."""
    body: Json = {"kind": "envelope", "resources": dict(resources), "reason": reason}
    followed(desk, sent(desk, body, key_for(body, desk.api.cloud.identity)), ASKED["envelope"], wait_seconds=wait_seconds)


def about(desk: Desk, kind: str, name: str, *, wait_seconds: int | None, **more: Any) -> None:
    """Send a request about an environment that exists, and follow it."""
    administration, own = environment(name)
    body: Json = {"kind": kind, "administration": None if administration == "-" else administration, "environment": own, **more}
    request = sent(desk, body, key_for(body, desk.api.cloud.identity))
    followed(desk, request, ASKED[kind], wait_seconds=wait_seconds)
