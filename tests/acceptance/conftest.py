"""Who may do what to the shared site at the same time: tests share it, but for one that kills its processes, which has it alone."""

import fcntl
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from infra.site.layout import CHECKOUT
from tests.conftest import lock_file
from tests.site import RunningSite

EXAMPLES = CHECKOUT / "examples"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Function) -> Generator[None, object, object]:
    """Tests hold the site together, but for those of devcloud, which have their own; one with `site_alone` has it with nobody else.

    The whole of a test does, with what is made and ended for it: fixtures of a module speak to the site too.
    """
    if "devcloud" in item.path.parts:
        return (yield)
    with lock_file("users") as users:
        fcntl.flock(users, fcntl.LOCK_EX if "site_alone" in item.fixturenames else fcntl.LOCK_SH)
        return (yield)


@pytest.fixture
def site_alone(site: RunningSite) -> RunningSite:
    """The site with nobody else on it; whatever the test kills must be up again when it ends."""
    return site


@pytest.fixture
def spec(tmp_path: Path) -> "Spec":
    """Writes a spec made from an example, as in ``spec("dossier-patient", name="dossier-fr")``."""
    return Spec(tmp_path)


class Spec:
    """Specs of one test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, example: str, **changes: Any) -> Path:
        document = YAML(typ="safe").load((EXAMPLES / f"{example}.yaml").read_text())
        document.update(changes)
        path = self.directory / f"{document['name']}.yaml"
        with path.open("w") as file:
            YAML(typ="safe").dump({key: value for key, value in document.items() if value is not None}, file)
        return path
