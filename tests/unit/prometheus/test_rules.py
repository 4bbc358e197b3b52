"""What infra/prometheus ships: promtool accepts it, each alert is known to fire and not to fire, and whoever is woken finds a page."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from dcctl import manage
from dcctl.cli import main
from dcctl.cli.desk import Desk
from tests.promtool import promtool

CHECKOUT = Path(__file__).parents[3]
SHIPPED = CHECKOUT / "infra" / "prometheus"
RUNBOOKS = CHECKOUT / "docs" / "runbooks"
TESTS = [Path(__file__).with_name(f"{name}.test.yml") for name in ("alerts", "days")]
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
    checked("test", "rules", *TESTS)


def test_a_second_exporter_doubles_no_rule_and_no_alert_and_one_that_hangs_is_not_listened_to():
    checked("test", "rules", TESTS[0].with_name("two_exporters.test.yml"))


@pytest.mark.parametrize("file", ["recording.yml", "alerts.yml"])
def test_wherever_a_figure_is_taken_once_an_exporter_that_hangs_is_left_out(file: str):
    rules = [rule["expr"] for group in read(SHIPPED / file)["groups"] for rule in group["rules"]]

    for expression in rules:
        taken = re.findall(r"without \(instance", expression)
        history = re.findall(r"max_over_time", expression)
        assert len(taken) - len(history) == len(re.findall(r"unless on \(job, instance\) dcctl:exporter:outdated", expression)), expression


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tested_firing_and_silent(name: str):
    cases = [case["exp_alerts"] for file in TESTS for test in read(file)["tests"] for case in test["alert_rule_test"] if case["alertname"] == name]

    assert [] in cases
    assert any(cases)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_wrong_in_both_languages_how_urgent_it_is_and_where_to_read_on(name: str):
    rule = ALERTS[name]

    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "summary_en", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/runbooks/{name}.md"
    used = [set(re.findall(r"\$[\w.]+", rule["annotations"][key])) for key in ("summary", "summary_en")]
    assert used[0] == used[1]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_names_states_kinds_and_resources_in_words(name: str):
    """What a template writes as it is are codes, ids, times and numbers; a resource only where no word is known for it."""
    written = re.findall(r"{{-? *\$labels\.(\w+) *-?}}", ALERTS[name]["annotations"]["summary"])

    assert set(written) <= {"administration", "project_id", "instance", "source", "resource"}
    assert "resource" not in written or 'eq $labels.resource "cores"' in ALERTS[name]["annotations"]["summary"]


def test_there_is_a_page_for_each_alert_and_for_nothing_else():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_tells_what_it_means_what_to_look_at_what_to_do_and_whom_to_wake(name: str):
    text = (RUNBOOKS / f"{name}.md").read_text()

    assert text.startswith(f"# {name} : ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert "```" in text.partition("## Regarder")[2].partition("## Faire")[0]
    assert re.match(r"(Oui|Non|Seulement)\b", text.partition(f"## {SECTIONS[-1]}\n\n")[2])


def understood(line: str, program: click.Command, *, whole: bool) -> None:
    """Read a command line as the program does, without doing it; click raises for what it cannot read.

    Args:
        whole: as it is to be typed; else something may be missing, or stand there as an ellipsis.
    """
    command, words = program, shlex.split(line)
    context = click.Context(command, info_name=words.pop(0), obj=Desk())
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None, line
        command = found
        context = click.Context(command, info_name=name, parent=context) if isinstance(command, click.Group) else context
    try:
        command.make_context(command.name, words, parent=context)
    except click.NoSuchOption:
        raise
    except click.BadParameter:  # a missing one is one, too
        if whole:
            raise


#: What pages name besides dcctl's own programs; `openstack` is read by its own parsers in tests/unit/cli/test_pages_openstack.py.
OF_OTHERS = {"journalctl", "systemctl", "curl", "promtool", "openstack", "timedatectl", "cinder-manage"}
PROGRAMS: dict[str, click.Group] = {"dcctl": main.build(), "dcctl-manage": manage.manage}
#: What Debian's package or the operators' guide installs: a page that restarts another unit sends its reader nowhere.
UNITS = {"dcctl-api", "dcctl-worker", "dcctl-collector", "dcctl-exporter", "postgresql"}


def commands(text: str) -> list[tuple[str, bool]]:
    """What a page tells its reader to type, and whether it is whole: lines of blocks, and what stands between backticks."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [(line.strip(), True) for block in blocks for line in block.splitlines() if line.strip()]
    nouns = PROGRAMS["dcctl"].commands.keys()
    for inline in re.findall(r"`([^`]+)`", prose):
        first = inline.split()[0]
        if " " in inline and first in {*PROGRAMS, *OF_OTHERS}:
            lines.append((inline, False))
        elif " " in inline and first in nouns:
            lines.append((f"dcctl {inline}", False))
    return lines


@pytest.mark.parametrize("name", ALERTS)
def test_every_command_that_a_page_names_is_one(name: str):
    """Those of dcctl are read as dcctl reads them; an ellipsis stands for what the reader fills in."""
    found = commands((RUNBOOKS / f"{name}.md").read_text())

    assert found
    for line, whole in found:
        words = shlex.split(line)
        if words[0] in PROGRAMS:
            understood(line, PROGRAMS[words[0]], whole=whole)
        elif words[0] in ("systemctl", "journalctl"):
            named = {word for word in words if word in UNITS or word.startswith("dcctl")}
            assert named, line
            assert named <= UNITS, line
        else:
            assert words[0] in OF_OTHERS, line
