"""Where sockets go: a private directory with a short path, since a socket's path must stay under 100 bytes.

Which one it was is noted beside the data, so that a command from another login, with another runtime directory, finds what runs.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from .words import N_, in_language

#: What follows in the path is a directory's name of 16 letters and PostgreSQL's socket.
LONGEST = 50
#: PostgreSQL's name for its socket on the usual port.
SOCKET = ".s.PGSQL.5432"
NOTE = Path("run") / "sockets"
_NOT_OURS = N_("{path} must be a directory of yours with mode 0700; remove it, then try again")


class NotOurs(PermissionError):
    """A directory for sockets is somebody else's, or open to others; the text, and `said`, say what to do."""

    def __init__(self, path: Path) -> None:
        super().__init__(_NOT_OURS.format(path=path))
        self.path = path

    def said(self, lang: str) -> str:
        """The same in `lang`, for a person."""
        return in_language(lang, _NOT_OURS).format(path=self.path)


def directory(owner: str) -> Path:
    """The user's runtime directory, or one named after `owner` in the system's temporary directory.

    Root does not use XDG_RUNTIME_DIR: it is closed to the user that PostgreSQL becomes, and differs between cron, sudo and a login.

    Raises:
        NotOurs: the directory is somebody else's, or open to others.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and os.geteuid() and len(os.fsencode(given)) < LONGEST and os.access(given, os.W_OK):
        return Path(given)
    name = f"{owner}-{os.geteuid()}"
    path = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(path)) >= LONGEST:
        path = Path("/tmp") / name  # TMPDIR is too long; whose the directory is, is looked at below
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise NotOurs(path)
    return path


def of(state: Path, owner: str) -> Path:
    """The directory of the sockets of what keeps its data in `state`: the noted one while it is there, and still below a directory of ours.

    Raises:
        NotOurs: see `directory`.
    """
    kept = noted(state)
    try:
        if kept is not None and kept.is_dir() and kept.parent.stat().st_uid == os.geteuid():
            return kept
    except OSError:
        pass  # the runtime directory of a login that has ended
    return directory(owner) / hashlib.sha256(os.fsencode(state)).hexdigest()[:16]


def noted(state: Path) -> Path | None:
    """Where the sockets were when the server was last started."""
    try:
        return Path((state / NOTE).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return None


def note(state: Path, path: Path) -> None:
    (state / NOTE).write_text(f"{path}\n", encoding="utf-8")
