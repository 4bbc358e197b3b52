"""Help in the reader's language, and a start that imports nothing heavy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dcctl.cli.main import EXAMPLES, NOUNS, build
from tests.unit.cli.conftest import Dcctl

ROOT = Path(__file__).parents[3]
HEAVY = {
    "sqlalchemy", "openstack", "pulumi", "fastapi", "pydantic", "rich", "keystoneauth1", "requests", "ruamel", "stamina", "sqlmodel", "yaml",
}  # fmt: skip

VERBS = {
    "administration": ["list", "show", "create", "move", "person", "contact"], "capacity": ["show", "declare"],
    "offer": ["list", "show", "publish", "retire"],
    "quota": ["show", "history", "grant", "revoke", "correct", "export", "import", "verify"],
    "usage": ["show", "top"],
    "act": ["list", "show", "approve", "refuse"],
    "request": ["submit", "extend", "list", "show", "approve", "refuse", "withdraw", "watch", "return", "edit", "comment", "accept", "decline",
                "evidence", "review"],
    "policy": ["show", "check", "publish"], "envelope": ["request"],
    "environment": ["list", "show", "cloud", "certificate", "decommission", "plan", "drift", "repair", "accept"],
    "operation": ["list", "show", "watch", "retry", "cancel", "abandon", "repair"],
    "administration person": ["list", "add", "remove"],
    "administration contact": ["list", "add", "remove"], "audit": ["list", "show", "export", "verify"],
}  # fmt: skip


def fresh(code: str, **env: str) -> str:
    """Run Python code in a new process; what it prints."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "DCCTL_", "OS_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**environment, "PYTHONPATH": str(ROOT), **env}
    )
    return done.stdout


@pytest.mark.parametrize("argv", [["--help"], [], ["--version"]])
def test_the_help_imports_nothing_heavy(argv: list[str]) -> None:
    loaded = json.loads(
        fresh(
            "import sys, io, json, contextlib\n"
            "from dcctl.cli.main import run\n"
            f"with contextlib.redirect_stdout(io.StringIO()): assert run({argv!r}) == 0\n"
            "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
        )
    )
    assert "click" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("noun", [*NOUNS, "environment cloud", "request submit", "request watch"])
def test_the_help_of_a_noun_imports_nothing_heavy_either(noun: str) -> None:
    loaded = fresh(
        "import sys, io, contextlib\n"
        "from dcctl.cli.main import run\n"
        f"with contextlib.redirect_stdout(io.StringIO()): assert run({[*noun.split(), '--help']!r}) == 0\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    assert not HEAVY & set(loaded.split())


def test_alone_it_says_in_french_what_it_is_for_with_three_examples() -> None:
    shown = fresh("from dcctl.cli.main import run; run([])", LC_ALL="C")
    assert shown.startswith("Demander, obtenir et justifier votre part du centre de données national.")
    assert "Exemples\u00a0:" in shown
    assert [line.strip() for line in shown.splitlines() if line.startswith("  dcctl ")] == list(EXAMPLES)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"LC_ALL": "C"}, "Utilisation\u00a0:"),
        ({}, "Utilisation\u00a0:"),
        ({"LANG": "en_GB.UTF-8"}, "Usage:"),
        ({"LANG": "fr_BJ.UTF-8"}, "Utilisation\u00a0:"),
        ({"LANG": "fr_BJ.UTF-8", "DCCTL_LANG": "en"}, "Usage:"),
        ({"LANG": "yo_NG.UTF-8"}, "Utilisation\u00a0:"),
    ],
)
def test_the_language_is_french_unless_somebody_says_otherwise(env: dict[str, str], words: str) -> None:
    assert fresh("from dcctl.cli.main import run; run(['--help'])", **env).startswith(words)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--lang", "fr", "--help"], "Utilisation\u00a0:"),
        (["offer", "--help"], "Usage:"),
        (["--lang=fr", "offer", "--help"], "Utilisation\u00a0:"),
    ],
)
def test_the_option_for_the_language_wins(argv: list[str], words: str) -> None:
    assert fresh(f"from dcctl.cli.main import run; run({argv!r})", DCCTL_LANG="en").startswith(words)


@pytest.mark.parametrize("noun", list(VERBS))
def test_every_noun_has_its_verbs_and_their_help(dcctl: Dcctl, noun: str) -> None:
    for lang in ("fr", "en"):
        shown = dcctl(*noun.split(), "--help", lang=lang)
        assert shown.status == 0
        listed = [line.split()[0] for line in shown.out.split("Comm")[-1].splitlines()[1:] if line.startswith("  ") and line[2] != " "]
        assert listed == VERBS[noun]
        for verb in VERBS[noun]:
            assert dcctl(*noun.split(), verb, "--help", lang=lang).status == 0


def test_examples_stand_before_the_options_and_are_not_wrapped(dcctl: Dcctl) -> None:
    shown = dcctl("quota", "grant", "--help").out
    assert shown.index("Examples:") < shown.index("Options:")
    assert '  dcctl quota grant min-sante cores=64 ram=131072 --reason "programme 2026" --document "décret 2026-118"\n' in shown


def test_the_version(dcctl: Dcctl) -> None:
    from dcctl import __version__

    assert dcctl("--version").out == f"dcctl, version {__version__}\n"


def test_a_noun_without_a_verb_is_a_usage_error_with_its_help(dcctl: Dcctl) -> None:
    result = dcctl("request")
    assert (result.status, result.out) == (2, "")
    assert "Examples:" in result.err


def test_every_command_answers_programs_in_json_but_those_whose_answer_has_a_form_of_its_own() -> None:
    without = []

    def walk(command: click.Command, above: click.Context, path: str) -> None:
        if isinstance(command, click.Group):
            for name in command.list_commands(above):
                found = command.get_command(above, name)
                assert found is not None
                walk(found, click.Context(found, info_name=name, parent=above), f"{path} {name}".strip())
        elif not any("-f" in option.opts and "json" in getattr(option.type, "choices", ()) for option in command.params):
            without.append(path)

    root = build()
    walk(root, click.Context(root, info_name="dcctl"), "")
    assert without == ["quota export", "audit export", "completion"]
