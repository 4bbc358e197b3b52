"""What people put beside the site's own entries of clouds.yaml is there after the next `make demo`."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from infra.site import configuration
from infra.site.layout import Site

OWN = "# the trial cloud's people\nclouds:\n  sante-agent:\n    auth: {username: sante-agent, password: fresh}\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(state=tmp_path / ".demo", ports=25000)
    found.make_directories()
    found.cloud.mkdir(exist_ok=True)
    (found.cloud / "clouds.yaml").write_text(OWN)
    return found


def clouds(site: Site) -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = YAML(typ="safe").load(site.clouds_yaml.read_text())["clouds"]
    return found


def test_an_entry_that_somebody_added_stays_and_the_sites_own_are_as_they_are_now(site: Site) -> None:
    site.clouds_yaml.write_text(
        "clouds:\n  sante-agent:\n    auth: {username: sante-agent, password: old}\n  min-sante-dossier:\n    auth: {project_id: 4f5f}  # mine\n"
    )

    configuration.publish(site)

    fresh = {"sante-agent": {"auth": {"username": "sante-agent", "password": "fresh"}}}
    assert clouds(site) == fresh | {"min-sante-dossier": {"auth": {"project_id": "4f5f"}}}
    assert "# mine" in site.clouds_yaml.read_text()
    assert site.clouds_yaml.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", [None, "", "clouds:", "clouds: []", "{", "- a"])
def test_where_nothing_was_added_the_file_is_the_trial_clouds_own(site: Site, there: str | None) -> None:
    if there is not None:
        site.clouds_yaml.write_text(there)

    configuration.publish(site)

    assert site.clouds_yaml.read_text() == OWN
