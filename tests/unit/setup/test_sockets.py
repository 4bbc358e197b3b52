"""Where sockets go, whatever directories the machine names."""

import os
import tempfile
from pathlib import Path

import pytest

from infra.devcloud.devcloud import sockets
from infra.site.layout import Site
from tests import postgres


@pytest.mark.parametrize("variable", ["TMPDIR", "XDG_RUNTIME_DIR"])
def test_paths_of_sockets_stay_under_100_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    long = tmp_path / ("un-repertoire-au-nom-bien-trop-long-" * 3)
    long.mkdir()
    monkeypatch.setenv(variable, str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)

    for directory in (sockets.directory("devcloud") / ("0" * 16), Site(state=tmp_path, ports=25000).sockets):
        assert len(os.fsencode(directory / sockets.SOCKET)) < 100


def test_the_sockets_of_the_tests_own_servers_stay_under_100_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as first:
        for length in range(60, 100):
            named = Path(first, "x" * (length - len(first) - 1))
            named.mkdir()
            monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
            monkeypatch.setattr(tempfile, "tempdir", str(named))
            server = Path(tempfile.mkdtemp(prefix="pg-", dir=postgres.short_directory()))
            server.rmdir()

            assert len(os.fsencode(server / sockets.SOCKET)) < 100


def test_a_directory_that_others_may_enter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", short)
        sockets.directory("dcctl").chmod(0o755)

        with pytest.raises(PermissionError, match="must be a directory of yours with mode 0700"):
            sockets.directory("dcctl")


def test_another_login_finds_the_sockets_that_were_made_until_they_go_with_the_first_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with tempfile.TemporaryDirectory(dir="/tmp") as first, tempfile.TemporaryDirectory(dir="/tmp") as second:

        def login(directory: str) -> Path:
            for variable in ("XDG_RUNTIME_DIR", "TMPDIR"):
                monkeypatch.setenv(variable, directory)
            monkeypatch.setattr(tempfile, "tempdir", None)
            return sockets.of(tmp_path, "dcctl")

        made = login(first)
        made.mkdir()
        sockets.note(tmp_path, made)

        assert login(second) == made
        made.rmdir()
        assert login(second).is_relative_to(second)
        assert len(os.fsencode(login(second) / sockets.SOCKET)) < 100
