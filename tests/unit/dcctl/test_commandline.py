"""What the four servers say when an operator asks them: help in both languages, and settings that cannot be read as a sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.site.layout import CHECKOUT

BIN = Path(sys.executable).parent
SAYS = {
    "dcctl.api.server": {"fr": "Répondre aux personnes et aux programmes", "en": "Answer people and programs"},
    "dcctl.worker": {"fr": "Faire ce qui a été demandé", "en": "Do what was asked for"},
    "metrics.collector": {"fr": "Lire l’usage de tout le nuage", "en": "Read the use of the whole cloud"},
    "metrics.exporter": {"fr": "Montrer à Prometheus", "en": "Show Prometheus"},
}
WORDS = {"fr": ("usage : ", "afficher cette aide"), "en": ("usage: ", "show this help message and exit")}
#: All in one process, whose imports they share.
ALL = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name).main(["--help"])
    except SystemExit as ended:
        print(chr(12) if not ended.code else ended.code)
"""


def run(*command: str | Path, lang: str, **settings: str) -> tuple[int, str, str]:
    environment = {"PATH": "/usr/bin:/bin", "DCCTL_LANG": lang, "LANG": "C.UTF-8", "COLUMNS": "100"} | settings
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def said(program: str, *arguments: str, lang: str, **settings: str) -> tuple[int, str, str]:
    return run(BIN / program, *arguments, lang=lang, **settings)


@pytest.mark.parametrize("lang", WORDS)
def test_help_says_what_each_server_is_for_and_where_its_settings_are(lang):
    status, shown, talk = run(sys.executable, "-c", ALL, *SAYS, lang=lang)

    assert (status, talk) == (0, "")
    pages = shown.split("\f")
    for page, purpose in zip(pages, SAYS.values(), strict=False):
        assert purpose[lang] in page
        assert all(word in page.replace("\u00a0", " ") for word in WORDS[lang])
        assert "DCCTL_CONFIG" in page
        assert all(len(line) <= 100 for line in page.splitlines())
    assert len(pages) == len(SAYS) + 1


def test_a_word_that_a_server_does_not_know_is_refused_before_anything_is_begun():
    status, shown, talk = said("dcctl-collector", "--concurrency=4", lang="fr")

    assert (status, shown) == (2, "")
    assert "--concurrency=4" in talk
    assert "Traceback" not in talk


def test_a_settings_file_that_is_not_there_is_named_and_what_to_do(tmp_path):
    status, shown, talk = said("dcctl-exporter", lang="fr", DCCTL_CONFIG=str(tmp_path / "dcctl.toml"))

    assert (status, shown) == (1, "")
    assert talk.startswith(f"dcctl-exporter: DCCTL-440: Le fichier des réglages {tmp_path}/dcctl.toml ne peut pas être lu")
    assert "DCCTL_CONFIG" in talk.splitlines()[1]


def test_settings_that_are_not_in_order_are_named_each_with_its_section(tmp_path):
    file = tmp_path / "dcctl.toml"
    file.write_text('[exporter]\nport = "neuf"\n[collector]\ninterval_seconds = "souvent"\n')

    status, _, talk = said("dcctl-collector", "--once", lang="en", DCCTL_CONFIG=str(file))

    assert status == 1
    assert "DCCTL-441" in talk
    assert "exporter.port" in talk
    assert "collector.interval_seconds" in talk
    assert str(file) in talk.splitlines()[1]


def test_a_file_that_is_no_toml_is_named_with_the_place(tmp_path):
    file = tmp_path / "dcctl.toml"
    file.write_text("[exporter\n")

    status, _, talk = said("dcctl-exporter", lang="en", DCCTL_CONFIG=str(file))

    assert status == 1
    assert "DCCTL-440" in talk
    assert "line 1" in talk
