"""Many specs at once: a directory of files with one report, and a trial that says what each would need and whether it fits."""

from pathlib import Path
from typing import Any

from click.exceptions import Exit

from dcctl.cli import deciding, failure, once, submitting
from dcctl.cli.desk import Desk
from dcctl.cli.pending import Key, key_for
from dcctl.cli.specfile import Draft, located, placed, read
from dcctl.cli.talk import say, tell
from dcctl.errors import CATALOGUE, DcctlError
from dcctl.words import N_, _

Json = dict[str, Any]
SUFFIXES = (".yaml", ".yml")
#: What the API takes at once.
MOST = 200
SENT = {"file": N_("File"), "number": N_("Number"), "state": N_("State"), "error": N_("Error")}
TRIED = {"file": N_("File"), "fits": N_("Fits"), "demand": N_("Demand"), "needs": N_("Needs the word of"), "error": N_("Error")}


def is_directory(path: str) -> bool:
    return path != "-" and Path(path).is_dir()


def files(path: str) -> list[str]:
    """The file itself, or the specs of a directory in the order of their names.

    Raises:
        DcctlError: 012, there are none; 013, more than can be sent at once.
    """
    if not is_directory(path):
        return [path]
    found = sorted(str(one) for one in Path(path).iterdir() if one.suffix in SUFFIXES and one.is_file())
    if not found:
        raise DcctlError("DCCTL-012", path=path)
    if len(found) > MOST:
        raise DcctlError("DCCTL-013", path=path, count=len(found), most=MOST)
    return found


def submit(desk: Desk, paths: list[str], *, confirm: str | None) -> None:
    """Submit each; one that is refused stops no other.

    One that is not answered does: on a link that is gone the others would only wait for as long again. The same command then finds what was sent
    before, under the same keys, and goes on; and so it does after Ctrl-C.
    """
    fetched = submitting.known(desk)
    lines: list[Json] = []
    keys: list[Key] = []
    for path in paths:
        lines.append(_line(desk, path, confirm, fetched, keys))
        if desk.for_people:
            tell(f"{path}  {lines[-1]['number'] or lines[-1]['error']['code']}")
        if (lines[-1]["error"] or {}).get("code") in once.UNANSWERED:
            say(N_("Files without an answer: {count}. The same command again goes on from there."), count=len(paths) - len(lines) + 1)
            break
    else:
        for key in keys:
            key.answered()
    _report(desk, lines, SENT)


def _line(desk: Desk, path: str, confirm: str | None, fetched: tuple[Json, Json], keys: list[Key]) -> Json:
    try:
        draft = read(path)
        submitting.examine(desk, draft, fetched)
        body: Json = {"kind": "environment", "spec": draft.document} | ({"confirm": confirm} if confirm else {})
        key = key_for(body, desk.api.cloud.identity)
        with placed(draft):
            made = submitting.sent(desk, body, key, keep=True)
    except DcctlError as error:
        return {"file": path, "number": None, "state": None, "error": error.to_json()}
    keys.append(key)
    return {"file": path, "number": made["number"], "state": made["state"], "error": None}


def attempt(desk: Desk, paths: list[str], *, confirm: str | None) -> None:
    """Only try them, one after the other, as if those before had been submitted."""
    drafts: dict[str, Draft | DcctlError] = {}
    fetched = submitting.known(desk)
    for path in paths:
        try:
            drafts[path] = draft = read(path)
            submitting.examine(desk, draft, fetched)
        except DcctlError as error:
            drafts[path] = error
    sound = {path: found for path, found in drafts.items() if isinstance(found, Draft)}
    bodies = [{"kind": "environment", "spec": found.document} | ({"confirm": confirm} if confirm else {}) for found in sound.values()]
    answers = desk.api.post("requests", "trials", body={"requests": bodies}, look="dcctl request list")["items"] if bodies else []
    tried = dict(zip(sound, answers, strict=True))
    lines = []
    for path, found in drafts.items():
        known = {"fits": False, "demand": {}, "needs": [], "error": found.to_json()} if isinstance(found, DcctlError) else _tried(found, tried[path])
        lines.append({"file": path, **known})
    _report(desk, lines, TRIED)


def _tried(draft: Draft, answer: Json) -> Json:
    """What the API says of a trial, the faults that only it finds with their lines."""
    if answer["error"] is None:
        return answer
    error = DcctlError.from_json(answer["error"])
    return answer | {"error": located(draft, error).to_json()}


def _report(desk: Desk, lines: list[Json], columns: dict[str, str]) -> None:
    failed = [DcctlError.from_json(line["error"]) for line in lines if line["error"]]
    for said in [said for error in failed for said in failure.fault_lines(error)] if desk.for_people else []:
        tell(said)
    desk.listing({"items": lines}, columns, demand=deciding.amounts, needs=needs, error=_in_short)
    say(N_("{good} of {all} files are in order."), good=len(lines) - len(failed), all=len(lines))
    if failed:
        raise Exit(max(CATALOGUE[error.code].exit for error in failed))


def _in_short(error: Json) -> str:
    """One line of the table; the faults stand above it."""
    cause = DcctlError.from_json(error)
    return f"{cause.code}: {cause}"


def needs(found: Any) -> str:
    """Whose word; nobody's: the policy itself decides."""
    return deciding.missing(found) if found else _("the policy")
