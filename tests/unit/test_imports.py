"""The architecture as tests: import contracts, pure modules, and names that nobody else may bring."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("dcctl", "stacks", "quotas", "metrics")
#: What pure modules may use of ours although it is not pure itself: the marks of sentences, and errors, which render them late.
WORDS = {"dcctl.errors", "dcctl.words"}


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in (CHECKOUT / package).rglob("*.py"):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def is_pure(path: Path) -> bool:
    """Whether the module says of itself, in its first lines, that it is pure."""
    return "this module is pure" in " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").lower().split())


MODULES = modules()
PURE = sorted(name for name, path in MODULES.items() if is_pure(path))


def imports(path: Path) -> set[str]:
    """Full names of the modules that are imported anywhere in the file, but for those that only type checkers see."""
    tree = ast.parse(path.read_text())
    typing_only = {
        node
        for condition in ast.walk(tree)
        if isinstance(condition, ast.If) and ast.unparse(condition.test).endswith("TYPE_CHECKING")
        for node in ast.walk(condition)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            of_package = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= of_package or {node.module}
    return found


def test_every_import_points_downwards():
    done = subprocess.run([Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


def test_there_are_pure_modules_in_every_package():
    assert {name.partition(".")[0] for name in PURE} == set(PACKAGES)


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_the_standard_library_and_pure_modules_only(name):
    beyond = {
        found for found in imports(MODULES[name])
        if found.partition(".")[0] not in sys.stdlib_module_names and found not in PURE and found not in WORDS
    }  # fmt: skip

    assert beyond == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_brings_a_package_of_our_name(package):
    assert set(packages_distributions().get(package, [])) <= {"dcctl"}


def test_the_program_names_are_ours_alone():
    scripts = {path.name for path in Path(sys.executable).parent.glob("dcctl*")}

    assert scripts == {"dcctl", "dcctl-api", "dcctl-collector", "dcctl-exporter", "dcctl-manage", "dcctl-worker"}
