"""One run: `python -m dcctl.provisioner.run`, job as the first line of standard input, one JSON document a line on standard output.

Lines are {"event": …} any number of times, then {"result": …} or {"error": …}. A line `cancel` on standard input, or its end (whoever waited is
gone), ends the run cleanly: the engine records what it had begun. Whatever happens, no process that the run started is left when it ends.
"""

import contextlib
import dataclasses
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from dcctl.provisioner import processes, words
from dcctl.provisioner.command import Broken, Complaint, Pulumi, Reins, Stopped
from dcctl.provisioner.door import Door
from dcctl.provisioner.errors import Diagnostic, Step
from dcctl.provisioner.job import Event, Job
from dcctl.provisioner.progress import Progress
from dcctl.provisioner.state import pending, readable, recorded
from stacks.tokens import STRUCTURE

# What may happen to things of the plan without a word in the job, but for changes where it names those; anything else needs the thing's name in
# `replace`.
HARMLESS = frozenset({"create", "same", "update", "read", "refresh", "import"})


class Refused(Exception):
    """The run's last line is an error; `document` is it."""

    def __init__(self, kind: str, summary: str, **more: Any) -> None:
        super().__init__(summary)
        self.document = {"kind": kind, "summary": summary, **more}


_speaking = threading.Lock()


def say(document: Mapping[str, Any]) -> None:
    """One line for whoever waits; nothing when they are gone: standard input has ended, too, and by that the run is told to end in order."""
    line = (json.dumps(document) + "\n").encode()
    with _speaking, contextlib.suppress(BrokenPipeError):
        while line:
            line = line[os.write(1, line) :]


def tell(event: Event) -> None:
    say({"event": event.to_document()})


def main() -> int:
    processes.become_subreaper()
    job = Job.from_document(json.loads(sys.stdin.readline()))
    reins = Reins(deadline=time.monotonic() + job.seconds, patience=job.patience)
    threading.Thread(target=_listen, args=(reins,), daemon=True).start()
    pulumi = Pulumi(engine=Path(job.engine), directory=Path(job.directory), stack=job.stack, reins=reins, tell=tell)
    began = time.monotonic()
    try:
        result = _act(job, pulumi)
    except Refused as refused:
        last = {"error": refused.document}
    else:
        last = {"result": {**result, "seconds": round(time.monotonic() - began, 3)}}
    processes.end(lambda: processes.descendants(os.getpid()), reaping=True)
    say(last)
    return 1 if "error" in last else 0


def _listen(reins: Reins) -> None:
    for line in sys.stdin:
        if line.strip() == "cancel":
            break
    reins.cancelled.set()


def _act(job: Job, pulumi: Pulumi) -> dict[str, Any]:
    try:
        match job.action:
            case "up":
                return _up(job, pulumi)
            case "preview":
                return {"steps": _documents(_preview(job, pulumi, *_serve(job)))}
            case "forecast":
                return {"steps": _documents(_forecast(job, pulumi))}
            case "destroy":
                return _destroy(pulumi)
            case "remove":
                return _only_if_there(pulumi, "stack", "rm", "--yes", "--force")
            case "unlock":
                return _only_if_there(pulumi, "cancel", "--yes")
            case "export":
                return {"state": _exported(pulumi)}
            case "restore":
                return _restore(job, pulumi)
            case "rebuild":
                return _rebuild(job, pulumi)
    except Stopped as stopped:
        if not stopped.clean:
            # The engine was killed with its lock in place; nothing of it runs any more, so the lock is this run's to take away.
            processes.end(lambda: processes.descendants(os.getpid()), reaping=True)
            pulumi.reins = Reins(deadline=time.monotonic() + 60)
            pulumi.run("cancel", "--yes")
        raise Refused(
            stopped.why, "the run was cancelled" if stopped.why == "cancelled" else f"the run took longer than {job.seconds:.0f} s"
        ) from None
    except Broken as broken:
        # Its lock stays: only whoever has the environment's lease may take it away.
        raise Refused("broken", str(broken)) from None
    except Complaint as complaint:
        raise _refusal(complaint) from None


def _refusal(complaint: Complaint) -> Refused:
    """What the command complained of, sorted."""
    stderr, progress = complaint.stderr, complaint.progress
    if words.is_locked(stderr):
        return Refused("locked", str(complaint))
    if words.unreadable(stderr):
        return Refused("lost", str(complaint))
    diagnostics = progress.diagnostics() if progress is not None else []
    everything = stderr + " ".join(d.raw for d in diagnostics)
    if words.is_fenced(everything):
        return Refused("fenced", str(complaint))
    if words.provider_gone(everything):
        return Refused("broken", "the provider was killed, or did not begin in time")
    if words.plugin_missing(everything):
        return Refused("missing", "OpenStack provider", path="plugins")
    if not diagnostics:
        diagnostics = [Diagnostic(words=str(complaint), raw=stderr[-4000:])]
    return Refused("failed", diagnostics[0].words, diagnostics=_documents(diagnostics))


def _documents(values: Any) -> list[dict[str, Any]]:
    return [dataclasses.asdict(value) for value in values]


def _serve(job: Job) -> tuple[Any, tuple[str, ...]]:
    """(guarded program, the arguments with which the engine finds it)."""
    guarded, address = _served(job)
    return guarded, _client(job, address)


def _served(job: Job) -> tuple[Any, str]:
    """(guarded program, where it is served)."""
    from dcctl.provisioner import program  # late: half a second, in which the engine does something already

    guarded = program.of(job)
    return guarded, program.serve(guarded)


def _client(job: Job, address: str) -> tuple[str, ...]:
    return (f"--client={address}", "--exec-kind", "auto.inline", "--parallel", str(job.parallel))


def _up(job: Job, pulumi: Pulumi) -> dict[str, Any]:
    """A new stack can only create what the guarded program registers; in one that was there already, look first at what would be done."""
    initialising, number = pulumi.start("stack", "init", "--no-select"), pulumi.started
    guarded, served = _serve(job)
    try:
        pulumi.finish(initialising, number)
    except Complaint as complaint:
        if not words.already_exists(complaint.stderr):
            raise
        exported = _exported(pulumi) or {}
        _expected(job, exported)
        state = exported.get("deployment") or {}
        _pending(job, state)
        _unprotect(state, job.replace, pulumi)
        broken = _broken(state, pulumi)
        served = (*served, *(word for urn in broken for word in ("--replace", urn)))
        job = dataclasses.replace(job, replace=(*job.replace, *(words.urn_parts(urn)[1] for urn in broken)))
        if job.refresh:
            served = (*served, "--refresh")
        _preview(job, pulumi, guarded, served)
    else:
        _expected(job, {})
    try:
        progress = pulumi.follow("up", "--yes", "--skip-preview", *served)
    except Complaint:
        if guarded.beyond:
            raise _exceeded(guarded.beyond) from None
        raise
    return {"outputs": progress.outputs, "changes": progress.changes}


def _unprotect(state: Mapping[str, Any], names: Collection[str], pulumi: Pulumi) -> None:
    """Let go of the protection of what was approved to be destroyed; of what stays, the program sets it anew."""
    for resource in state.get("resources") or ():
        if resource.get("protect") and words.urn_parts(resource["urn"])[1] in names:
            pulumi.run("state", "unprotect", resource["urn"], "--yes")


def _forecast(job: Job, pulumi: Pulumi) -> list[Step]:
    """What an `up` would do, by a preview, which locks and writes nothing; where it ends at something protected that would go, a copy tells more."""
    pulumi.tell = lambda event: None
    refresh = ["--refresh"] if job.refresh else []
    door = Door()
    following = pulumi.begin("preview", *_client(job, door.address), *refresh)
    guarded, address = _served(job)
    door.lead_to(address)
    try:
        progress = following()
    except Complaint as complaint:
        if not (words.not_there(complaint.stderr) or (complaint.progress is not None and _protected(complaint.progress))):
            raise
        progress = _forecast_on_a_copy(job, pulumi, (*_client(job, address), *refresh))
    if guarded.beyond:
        raise _exceeded(guarded.beyond)
    return [step for step in progress.steps if step.type not in STRUCTURE]


def _forecast_on_a_copy(job: Job, pulumi: Pulumi, served: tuple[str, ...]) -> Progress:
    """On a copy of the state in which nothing is protected; an empty one where there is no stack."""
    said = _only_if_there(pulumi, "stack", "export")["said"]
    state = json.loads(said) if said else None
    if state is not None:
        deployment = state.get("deployment") or {}
        _pending(job, deployment)
        for resource in deployment.get("resources") or ():
            resource.pop("protect", None)
    _copy(pulumi, state)
    return pulumi.follow("preview", *served)


def _copy(pulumi: Pulumi, state: Mapping[str, Any] | None) -> None:
    """From now on the engine works on a copy of the stack with this state, in the run's own directory."""
    copy = pulumi.directory / "copy"
    copy.mkdir(mode=0o700)
    pulumi.backend = f"file://{copy}"
    pulumi.run("stack", "init", "--no-select")
    if state is not None:
        pulumi.run("stack", "import", "--force", "--file", _written(pulumi, state))


def _written(pulumi: Pulumi, state: Mapping[str, Any]) -> str:
    file = pulumi.directory / "state.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(state))
    return str(file)


def _rebuild(job: Job, pulumi: Pulumi) -> dict[str, Any]:
    """Read what the state only has ids of, on a copy; the stack gets its state in one write."""
    _copy(pulumi, job.state)
    targets = [word for urn in job.adopt for word in ("--target", urn)]
    if targets:
        pulumi.follow("refresh", "--yes", "--skip-preview", "--exec-kind", "auto.local", *targets)
    whole = _exported(pulumi)
    known = {thing.urn: thing.id for thing in recorded(whole).values()}
    gone = [words.urn_parts(urn)[1] for urn, id in job.adopt.items() if known.get(urn) != id]
    if gone or whole is None:
        raise Refused("failed", f"not there any more: {', '.join(gone)}", diagnostics=[])
    pulumi.backend = ""
    return _restore(dataclasses.replace(job, state=whole), pulumi)


def _exceeded(steps: list[Step]) -> Refused:
    return Refused("exceeded", "beyond the plan", steps=_documents(steps))


def _broken(state: Mapping[str, Any], pulumi: Pulumi) -> list[str]:
    """URNs of things whose creation failed half-way, as a server in ERROR: they are to be made again.

    The engine takes them for made: its next `up` finds nothing to change about a server in ERROR and says that all is well. What failed when it was
    created was never delivered, so nothing is lost with it; nothing else depends on it yet. What failed in a later change is not touched.
    """
    broken = [resource for resource in state.get("resources") or () if any(map(words.never_made, resource.get("initErrors") or ()))]
    for resource in broken:
        if resource.get("protect"):
            pulumi.run("state", "unprotect", resource["urn"], "--yes")
    return [resource["urn"] for resource in broken]


def _exported(pulumi: Pulumi) -> dict[str, Any] | None:
    """The state, or None when there is no such stack; refused as lost when it is there and cannot be read."""
    try:
        state: dict[str, Any] | None = json.loads(_only_if_there(pulumi, "stack", "export")["said"] or "null")
    except Complaint as complaint:
        if not words.unreadable(complaint.stderr):
            raise
        raise Refused("lost", f"the state of {pulumi.stack} cannot be read: {complaint}") from None
    if state is not None and not readable(state):
        raise Refused("lost", f"the state of {pulumi.stack} has not the form of a state")
    return state


def _expected(job: Job, state: Mapping[str, Any]) -> None:
    """Refuse to make anew what is there and only missing in the state."""
    if job.expected and not recorded(state) and not pending(state):
        raise Refused("lost", f"the state of {job.stack} is empty")


def _restore(job: Job, pulumi: Pulumi) -> dict[str, Any]:
    try:
        pulumi.run("stack", "init", "--no-select")
    except Complaint as complaint:
        if not words.already_exists(complaint.stderr):
            raise
    pulumi.run("stack", "import", "--force", "--file", _written(pulumi, job.state or {}))
    return {}


def _pending(job: Job, state: Mapping[str, Any]) -> None:
    """Refuse to go on while things may exist that the state does not know: the engine would forget them and make them again."""
    known = {*job.adopt, *job.settled}
    found = []
    for operation in state.get("pending_operations") or ():
        type_, name = words.urn_parts(operation["resource"]["urn"])
        if operation.get("type") == "creating" and name not in known:
            found.append(Diagnostic(words=f"{name} may exist", name=name, type=type_, urn=operation["resource"]["urn"], op="create"))
    if found:
        raise Refused("pending", f"a killed run was making {', '.join(d.name or '' for d in found)}", diagnostics=_documents(found))


def _preview(job: Job, pulumi: Pulumi, guarded: Any, served: tuple[str, ...]) -> list[Step]:
    """What the engine would do; refused when it is beyond the plan."""
    pulumi.tell, tells = (lambda event: None), pulumi.tell
    failed: Complaint | None = None
    try:
        progress = pulumi.follow("preview", *served)
    except Complaint as complaint:
        if complaint.progress is None:
            raise
        failed, progress = complaint, complaint.progress
    finally:
        pulumi.tell = tells
    from dcctl.provisioner import program

    planned = program.allowed(job)
    steps = [step for step in progress.steps if step.type not in STRUCTURE]
    beyond = [step for step in steps if step.name not in job.replace and ((step.type, step.name) not in planned or step.op not in HARMLESS)]
    if job.change is not None:
        beyond += [step for step in steps if step.op == "update" and step.name not in (*job.change, *job.replace)]
    beyond += [*guarded.beyond, *_protected(progress)]
    if beyond:
        raise _exceeded(list(dict.fromkeys(beyond)))
    if failed is not None:
        raise failed
    return steps


def _protected(progress: Progress) -> list[Step]:
    """What the engine would have deleted, were it not protected: it says so instead of going on with its preview."""
    urns = [urn for diagnostic in progress.diagnostics() if (urn := words.protected(diagnostic.raw))]
    return [Step(op="delete", type=words.urn_parts(urn)[0], name=words.urn_parts(urn)[1], urn=urn) for urn in urns]


def _destroy(pulumi: Pulumi) -> dict[str, Any]:
    """Everything of the stack and the stack itself; what is gone already is no hindrance, nor is a stack that is not there."""
    try:
        pulumi.run("state", "unprotect", "--all", "--yes")
        progress = pulumi.follow("destroy", "--yes", "--skip-preview", "--refresh", "--continue-on-error", "--remove", "--exec-kind", "auto.local")
    except Complaint as complaint:
        if words.not_there(complaint.stderr):
            return {"changes": {}}
        raise
    return {"changes": progress.changes}


def _only_if_there(pulumi: Pulumi, *arguments: str) -> dict[str, Any]:
    try:
        return {"said": pulumi.run(*arguments)}
    except Complaint as complaint:
        if words.not_there(complaint.stderr):
            return {"said": ""}
        raise


if __name__ == "__main__":
    try:
        status = main()
    except BaseException:
        traceback.print_exc()
        status = 1
    os._exit(status)  # the threads that serve the program are not waited for
