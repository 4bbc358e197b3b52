"""The commands that install and start things speak French, and English to whoever asks for it, from the first one on. Nothing is installed here."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dcctl import words
from infra.devcloud.devcloud import words as of_devcloud
from infra.site.layout import CHECKOUT, DEVCLOUD

INSTALL = CHECKOUT / "infra" / "pulumi" / "install.py"
USAGE = {"fr": "usage : ", "en": "usage: "}


def said(*command: str | Path, lang: str, **settings: str) -> tuple[int, str, str]:
    """Status, standard output and what was said, with no-break spaces as spaces, on a machine that has no other program and says nothing else."""
    environment = {"PATH": "/nowhere", "DCCTL_LANG": lang, "COLUMNS": "200", "LANG": "C"} | settings
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout.replace("\u00a0", " "), done.stderr.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("command", "purpose"),
    [
        ([sys.executable, "-m", "infra.setup"], {"fr": "Installer tout ce dont", "en": "Install everything that"}),
        ([sys.executable, "-m", "infra.site"], {"fr": "Un site entier de dcctl", "en": "A whole site of dcctl"}),
        ([sys.executable, INSTALL], {"fr": "Installer le moteur Pulumi", "en": "Install the Pulumi engine"}),
        ([DEVCLOUD], {"fr": "Tout le plan de contrôle", "en": "A whole OpenStack control plane"}),
    ],
    ids=["setup", "site", "engine", "devcloud"],
)
def test_help_is_in_the_language_of_the_reader_and_french_where_none_is_named(command, purpose):
    for lang, spoken in (("en", "en"), ("", "fr")):
        status, shown, talk = said(*command, "--help", lang=lang)

        assert (status, talk) == (0, "")
        assert shown.startswith(USAGE[spoken])
        assert purpose[spoken] in shown


@pytest.mark.parametrize(
    ("command", "ended", "complaint"),
    [
        ([sys.executable, "-m", "infra.setup", "--check"], 1,
         {"fr": "make n’est pas installé ; sur Debian", "en": "make is not installed; on Debian"}),
        ([sys.executable, "-m", "infra.setup", "--ports", "beaucoup"], 2, {"fr": "valeur invalide pour int", "en": "invalid int value"}),
        ([sys.executable, "-m", "infra.site", "restart", "--state", "{tmp}"], 1,
         {"fr": "il n’y a pas de site complet dans", "en": "there is no complete site in"}),
        ([sys.executable, INSTALL, "--cache", "{tmp}"], 1, {"fr": "Go 1.26 manque, et uv", "en": "Go 1.26 is missing and so is uv"}),
        ([DEVCLOUD, "openrc", "--state", "{tmp}"], 1, {"fr": "il n’y a pas encore de nuage dans", "en": "there is no cloud in"}),
        ([DEVCLOUD, "logs", "swift"], 2, {"fr": "choix inconnu : 'swift'", "en": "invalid choice: 'swift'"}),
    ],
    ids=["machine", "option", "site", "engine", "cloud", "service"],
)  # fmt: skip
def test_what_goes_wrong_is_said_in_the_language_of_the_reader(tmp_path, command, ended, complaint):
    for lang in ("fr", "en"):
        status, _, talk = said(*(str(part).replace("{tmp}", str(tmp_path)) for part in command), lang=lang, HOME=str(tmp_path))

        assert status == ended, talk
        assert complaint[lang] in talk
        assert "Traceback" not in talk


def test_people_read_the_state_of_a_cloud_in_their_language_and_programs_always_the_same(tmp_path):
    shown = {lang: said(DEVCLOUD, "status", "--state", tmp_path, lang=lang)[1] for lang in ("fr", "en")}
    read = [said(DEVCLOUD, "status", "--state", tmp_path, "-f", "json", lang=lang)[1] for lang in ("fr", "en")]

    assert "ne tourne pas" in shown["fr"]
    assert "not running" in shown["en"]
    assert read[0] == read[1]
    assert {service["detail"] for service in json.loads(read[0])["services"]} == {"not running"}


def test_an_old_python_is_told_what_is_missing_in_both_languages():
    """What chooses a language is for newer Pythons than this one has."""
    old = "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_module('infra.setup', run_name='__main__')"

    status, _, talk = said(sys.executable, "-c", old, lang="fr")

    assert status == 1
    assert "est Python 3.9 ; dcctl demande Python 3.11" in talk
    assert "is Python 3.9; dcctl needs Python 3.11" in talk


@pytest.mark.parametrize(("lang", "first"), [("fr", "installer, démarrer un nuage d’essai"), ("en", "install, start a trial cloud")])
def test_make_lists_its_targets_in_both_languages(lang, first):
    status, shown, _ = said("/usr/bin/env", "make", "help", lang=lang, PATH="/usr/local/bin:/usr/bin:/bin")

    assert status == 0
    assert shown.startswith(f"make demo          {first}")
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)  ", shown, re.MULTILINE)) == targets - {"help", "setup"}


@pytest.mark.parametrize(
    "environ",
    [
        {}, {"LANG": "C"}, {"LANG": "C.UTF-8"}, {"LANG": "POSIX"}, {"LANG": "en_GB.UTF-8"}, {"LANG": "fr_BJ.UTF-8"}, {"LANG": "yo_NG"},
        {"LC_ALL": "C", "LANG": "en_GB"}, {"LC_ALL": "", "LANG": "en_GB"}, {"LC_MESSAGES": "en_US", "LANG": "fr_FR"}, {"LANG": "english"},
        {"DCCTL_LANG": "EN", "LANG": "fr"}, {"DCCTL_LANG": "en-GB", "LC_ALL": "fr_FR.UTF-8"}, {"DCCTL_LANG": "de", "LANG": "en"},
        {"DCCTL_LANG": "", "LC_ALL": "en_GB.UTF-8"}, {"LANG": "en"},
    ],
    ids=str,
)  # fmt: skip
def test_devcloud_make_and_dcctl_choose_the_same_language(environ):
    chosen = words.language(environ=environ)

    assert of_devcloud.language(environ) == chosen
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    told = subprocess.run(["make", "help"], env=path | environ, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert ("install, start" in told.stdout) == (chosen == "en")


def test_what_is_said_in_another_language_makes_no_new_template():
    """The template of the trial cloud takes a minute to build; the words about it do not shape it."""
    count = """
from devcloud import template
before = template.key()
hashed = []
real = template.Path.read_bytes
template.Path.read_bytes = lambda path: hashed.append(path) or real(path)
assert template.key() == before
print(any(path.is_relative_to(template.LOCALE_DIR) or path.name == "words.py" for path in hashed), len(hashed) > 20)
"""
    _, shown, talk = said(DEVCLOUD.with_name("python"), "-c", count, lang="en")

    assert (shown, talk) == ("False True\n", "")
