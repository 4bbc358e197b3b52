"""What is built once and kept in the cache has a name of its own for each thing that it is made from."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.pulumi import install as engines
from infra.setup.install import CHECKOUT

DEVCLOUD = CHECKOUT / "infra" / "devcloud"
#: The key of the package below the directory that is given.
KEY = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from devcloud import template\n"
    "assert template.__file__.startswith(sys.argv[1])\n"
    "print(template.key())"
)


@pytest.mark.parametrize("name", engines.MODULES)
def test_an_engine_is_named_by_each_of_its_module_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    shutil.copytree(engines.HERE, tmp_path / "pulumi")
    before = engines.modules_hash()
    monkeypatch.setattr(engines, "HERE", tmp_path / "pulumi")
    assert engines.modules_hash() == before

    with (tmp_path / "pulumi" / name).open("a") as file:
        file.write("\n")

    assert engines.modules_hash() != before


def test_a_first_cloud_is_named_by_its_lock_file_and_its_code(tmp_path: Path) -> None:
    shutil.copytree(DEVCLOUD, tmp_path / "devcloud", ignore=shutil.ignore_patterns(".venv", "__pycache__", "*.egg-info"))

    def key() -> str:
        command = [str(DEVCLOUD / ".venv" / "bin" / "python"), "-c", KEY, str(tmp_path / "devcloud")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    seen = [key()]
    for file in ("requirements.lock", "devcloud/seeding/resources.py"):
        with (tmp_path / "devcloud" / file).open("a") as changed:
            changed.write("\n")
        seen.append(key())

    assert len(set(seen)) == 3, seen
