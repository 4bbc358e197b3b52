"""A password never stands in the address of a database, and is not repeated by the sentence that refuses it."""

from pathlib import Path

import pytest

from dcctl.commandline import API, begun
from dcctl.config import Database, settings

SECRET = "Ouidah-1727"


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql+psycopg://dcctl_app:{SECRET}@db.bj/dcctl",
        f"postgresql+psycopg://dcctl_app:{SECRET}%40x@db.bj:5432/dcctl?sslmode=require",
        f"postgresql+psycopg://dcctl_app@db.bj/dcctl?password={SECRET}",
        f"postgresql+psycopg://dcctl_app@/dcctl?host=/run&PASSWORD={SECRET}",
    ],
)
def test_an_address_with_a_password_is_refused_without_repeating_it(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dcctl.toml"
    file.write_text(f'[database]\napplication = "{address}"\n')
    monkeypatch.setenv("DCCTL_CONFIG", str(file))
    settings.cache_clear()
    with pytest.raises(SystemExit) as refused:
        begun("dcctl-api", API, [], example="x")
    settings.cache_clear()

    said = str(refused.value) + "".join(capsys.readouterr())
    assert "passfile" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "address", ["", "postgresql+psycopg://dcctl_app@/dcctl?host=/run/postgresql", "postgresql+psycopg://dcctl_app@db.bj:5432/dcctl?passfile=/etc/x"]
)
def test_an_address_that_names_the_file_or_needs_none_is_taken(address: str) -> None:
    assert Database(application=address).application == address
