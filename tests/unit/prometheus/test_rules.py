"""What infra/prometheus ships: promtool accepts it, each alert is known to fire and not to fire, and whoever is woken finds a page."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from dcctl.cli import main
from dcctl.cli.desk import Desk
from tests.promtool import promtool

CHECKOUT = Path(__file__).parents[3]
SHIPPED = CHECKOUT / "infra" / "prometheus"
RUNBOOKS = CHECKOUT / "docs" / "runbooks"
TESTS = Path(__file__).with_name("alerts.test.yml")
SECTIONS = ["Ce que cela veut dire", "Regarder", "Faire", "Réveiller quelqu'un ?"]


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


ALERTS = {rule["alert"]: rule for group in read(SHIPPED / "alerts.yml")["groups"] for rule in group["rules"]}


def checked(*arguments: str | Path) -> None:
    done = subprocess.run([promtool(), *arguments], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_configuration_and_every_rule():
    checked("check", "config", SHIPPED / "prometheus.yml")
    checked("check", "rules", "--lint=all", "--lint-fatal", SHIPPED / "recording.yml", SHIPPED / "alerts.yml")


def test_the_configuration_names_every_file_of_rules():
    assert set(read(SHIPPED / "prometheus.yml")["rule_files"]) == {path.name for path in SHIPPED.glob("*.yml")} - {"prometheus.yml"}


def test_every_alert_fires_when_it_should_and_only_then():
    checked("test", "rules", TESTS)


def test_a_second_exporter_doubles_no_rule_and_no_alert():
    checked("test", "rules", TESTS.with_name("two_exporters.test.yml"))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tested_firing_and_silent(name: str):
    cases = [case["exp_alerts"] for test in read(TESTS)["tests"] for case in test["alert_rule_test"] if case["alertname"] == name]

    assert [] in cases
    assert any(cases)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_wrong_in_both_languages_how_urgent_it_is_and_where_to_read_on(name: str):
    rule = ALERTS[name]

    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "summary_en", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/runbooks/{name}.md"
    used = [set(re.findall(r"{{.*?}}", rule["annotations"][key])) for key in ("summary", "summary_en")]
    assert used[0] == used[1]


def test_there_is_a_page_for_each_alert_and_for_nothing_else():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_tells_what_it_means_what_to_look_at_what_to_do_and_whom_to_wake(name: str):
    text = (RUNBOOKS / f"{name}.md").read_text()

    assert text.startswith(f"# {name} : ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert "```" in text.partition("## Regarder")[2].partition("## Faire")[0]
    assert re.match(r"(Oui|Non|Seulement)\b", text.partition(f"## {SECTIONS[-1]}\n\n")[2])


def understood(line: str) -> None:
    """Read a command line of dcctl as dcctl does, without doing it; click raises for what it cannot read."""
    command: click.Command = main.build()
    context, words = click.Context(command, info_name="dcctl", obj=Desk()), shlex.split(line)[1:]
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None, line
        command = found
        context = click.Context(command, info_name=name, parent=context) if isinstance(command, click.Group) else context
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("name", ALERTS)
def test_every_command_of_dcctl_that_a_page_names_is_one(name: str):
    text = (RUNBOOKS / f"{name}.md").read_text()
    lines = [line for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for line in block.splitlines()]

    for line in lines:
        if line.startswith("dcctl "):
            understood(line)
