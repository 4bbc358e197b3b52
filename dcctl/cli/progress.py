"""What a watcher sees: a tree that lives on a terminal (`dcctl.cli.tree`), a line an event elsewhere, JSON lines for programs.

Events have `at`, `kind`, `operation` and what their kind has: `step` a step's name, `resource` name, type, state and seconds, `failed` an error.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from dcctl.cli import output, resting
from dcctl.cli.talk import clean, is_lively
from dcctl.cli.times import moment
from dcctl.servicewords import meaning
from dcctl.words import N_, _, sentence

#: kind of an event -> its sentence.
SENTENCES: Mapping[str, str] = {
    "submitted": N_("Submitted by {user}."),
    "reviewed": N_("Examined: {things} things to be made; it can be decided now."),
    "approved": N_("Approved by {user}: {reason}"),
    "refused": N_("Refused by {user}: {reason}"),
    "returned": N_("Returned by {user}: {reason}"),
    "edited": N_("Edited and submitted again by {user}."),
    "commented": N_("{user} says: {text}"),
    "proposed": N_("Less than was asked can be granted ({granted}); whoever asked says yes or no."),
    "accepted": N_("Accepted by {user}."),
    "declined": N_("Declined by {user}."),
    "granted": N_("Granted: {resources}."),
    "reminder": N_("Has waited for {days} days; it lapses on {lapses_at}."),
    "previewed": N_("The engine was asked again what it would do: the same."),
    "not_previewed": N_("The engine could not be asked again: {error}"),
    "emergency_reviewed": N_("The emergency was reviewed by {user}: {reason}"),
    "ledger": N_("Ledger, entry {entry}: {what} {amount} {resource}, {source} → {target}"),
    "withdrawn": N_("Withdrawn by {user}."),
    "lapsed": N_("Lapsed: nobody decided in time; what was held is given back."),
    "queued": N_("Waiting for its turn ({operation})."),
    "running": N_("Begun (attempt {attempt})."),
    "requeued": N_("Broken off (attempt {attempt}); it is taken up again by itself."),
    "step": N_("Step: {step}"),
    "resource": N_("{type} {name}: {state}"),
    "recovered": N_("Looked after an unclean end: {kept} as recorded, {adopted} taken over, {forgotten} no longer there."),
    "rebuild_asked": N_("{user} asked for the state to be rebuilt: {reason}"),
    "rebuilt": N_("The state was rebuilt: {kept} as recorded, {taken} taken over, {gone} forgotten."),
    "waiting": N_("Still being built, waited for: {things}."),
    "busy": N_("A service has too much to do ({words}); tried again in {seconds} s."),
    "removed": N_("Half made or superfluous, deleted: {thing} {cloud_name} ({status}) {words}"),
    "found": N_("In the project: {count} things, {beside} of them made beside dcctl."),
    "succeeded": N_("Done."),
    "failed": N_("Failed: {error}"),
    "cancel_requested": N_("{user} asked for the end; it stops after the present step."),
    "cancelled": N_("Cancelled."),
    "expiring": N_("Its time ends in {days} days ({until})."),
    "stopped": N_("Its time has ended; its servers are stopped, nothing is destroyed."),
    "extended": N_("It lasts until {until}."),
    "changed": N_("Changed."),
    "abandoned": N_("Abandoned: what was made is given back."),
    "decommissioned": N_("Decommissioned: everything is destroyed, every unit given back."),
}
#: Kinds of events after which no step goes on.
ENDINGS = frozenset({"requeued", "succeeded", "failed", "cancelled", "abandoned", "decommissioned"})
#: steps of the provisioner in plain words.
STEPS: Mapping[str, str] = {
    "tenant": N_("project and group"),
    "limits": N_("limits written and read back"),
    "people": N_("people's access"),
    "workload": N_("network, servers, volumes"),
    "lower": N_("limits lowered and read back"),
    "servers": N_("servers started again"),
    "look": N_("what is there"),
    "rebuild": N_("what the engine knows"),
    "sweep": N_("what was made beside dcctl"),
    "empty": N_("the project is empty"),
}
#: last part of a resource's type in the engine -> plain words.
THINGS: Mapping[str, str] = {
    "Project": N_("project"), "GroupV3": N_("group"), "RoleAssignment": N_("access"), "Network": N_("network"), "Subnet": N_("subnet"),
    "Router": N_("router"), "RouterInterface": N_("router's connection"), "SecGroup": N_("firewall"), "SecGroupRule": N_("firewall's rule"),
    "Port": N_("network connection"), "Instance": N_("server"), "Volume": N_("volume"),
    "ServerGroup": N_("group of servers"), "VolumeAttach": N_("volume's attachment"),
    "FloatingIp": N_("public address"), "FloatingIpAssociate": N_("public address's attachment"),
}  # fmt: skip
#: What the engine does with a resource: while it runs, and once it is done.
STATES: Mapping[str, tuple[str, str]] = {
    "create": (N_("being made"), N_("made")),
    "update": (N_("being changed"), N_("changed")),
    "delete": (N_("being destroyed"), N_("destroyed")),
    "replace": (N_("being replaced"), N_("replaced")),
    "import": (N_("being adopted"), N_("adopted")),
    "read": (N_("being read"), N_("read")),
    "refresh": (N_("being read"), N_("read")),
    "same": (N_("unchanged"), N_("unchanged")),
}


class Progress:
    """Shows pages of events; used as a context, so that a terminal is left as it was found."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing to put back."""

    #: Why nothing begins, as it was said last.
    resting: Mapping[str, Any] | None = None

    def page(self, page: Mapping[str, Any]) -> None:
        for event in page.get("items", []):
            self.event(event)
        rests = page.get("resting")
        if rests and rests != self.resting:
            self.event({"kind": "resting", "at": rests.get("since"), **rests})
        self.resting = rests

    def event(self, event: Mapping[str, Any]) -> None:
        """Show one event."""


class Json(Progress):
    """Each event as a line of JSON on stdout."""

    def event(self, event: Mapping[str, Any]) -> None:
        output.write(output.line(event))


class Lines(Progress):
    """Each event as a line of words."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def event(self, event: Mapping[str, Any]) -> None:
        self.stream.write(clean(f"{moment(event.get('at'))}  {words(event)}") + "\n")
        self.stream.flush()


def progress(form: str, stream: TextIO) -> Progress:
    """What suits the format and the stream."""
    if form == "ndjson":
        return Json()
    if not is_lively(stream):
        return Lines(stream)
    from dcctl.cli.tree import Tree

    return Tree(stream)


def words(event: Mapping[str, Any]) -> str:
    """An event as a sentence; an unknown kind is shown by its name."""
    from dcctl.cli.watching import error_words

    kind = str(event.get("kind"))
    if kind == "resting":
        return resting.words(event)
    shown = {key: "–" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in event.items()}
    shown |= {"type": thing(event.get("type")), "step": _(STEPS.get(str(event.get("step")), str(event.get("step"))))}
    shown |= {"state": state(event), "name": event.get("cloud_name") or event.get("name"), "error": error_words(event.get("error"))}
    said = sentence(SENTENCES[kind], shown) if kind in SENTENCES else kind
    seconds = event.get("seconds")
    return f"{said} ({seconds:.0f} s)" if kind == "resource" and isinstance(seconds, (int, float)) else said


def thing(type_: object) -> str:
    """What a resource is, in plain words."""
    last = str(type_ or "").rpartition(":")[2]
    return _(THINGS.get(last, last))


def state(event: Mapping[str, Any]) -> str:
    """What is being done, or was done, with a resource, in plain words; a failure with the service's own."""
    op, status = str(event.get("op") or ""), str(event.get("status") or event.get("state") or "")
    if status == "failed":
        said = event.get("words")
        said = f"{said} – {meant}" if said and (meant := meaning(str(said))) else said
        return sentence(N_("failed: {words}"), {"words": said}) if said else _("failed")
    known = STATES.get("create" if op.startswith("create") else "delete" if op.startswith("delete") else op)
    return (_(known[0]) if status == "running" else _(known[1])) if known else status
