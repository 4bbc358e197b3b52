"""`dcctl --help` against a bare click program, interleaved in the same run: at most 1.5 times. Bytecode is compiled for both first.

    python tests/bench/cli_start.py [ROUNDS]

Prints a line of JSON: medians in ms and their ratio; ends with 1 when the ratio is beyond the limit.
"""

import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 1.5
ROOT = Path(__file__).parents[2]
BARE = """\
import click


@click.group()
def main():
    \"\"\"A bare program.\"\"\"


@main.command()
@click.argument("name")
def greet(name):
    \"\"\"Greet NAME.\"\"\"


main()
"""


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """How long one run takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def compiled(folder: str) -> None:
    """Write the bytecode of everything that either program imports, as an installation does."""
    import click

    for package in (Path(click.__file__).parent, ROOT / "dcctl"):
        compileall.compile_dir(package, quiet=2, legacy=False)
    standard = Path(os.__file__).parent
    compileall.compile_dir(standard, maxlevels=0, quiet=2)
    for package in ("collections", "email", "importlib", "json", "re", "urllib", "concurrent", "logging", "encodings"):
        compileall.compile_dir(standard / package, quiet=2)
    compileall.compile_dir(folder, quiet=2)


def measured(rounds: int) -> dict[str, float]:
    """Medians of both, one after the other in each round."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        compiled(folder)
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", "DCCTL_LANG": "fr"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        # Both as an installed entry point starts: a script that imports a compiled module.
        ours = [sys.executable, "-c", "import sys; from dcctl.cli.main import main; sys.argv = ['dcctl', '--help']; main()"]
        theirs = [sys.executable, "-c", "import sys; sys.argv = ['bare', '--help']; import bare"]
        times: dict[str, list[float]] = {"dcctl": [], "bare": []}
        for _round in range(rounds):
            times["bare"].append(seconds(theirs, environment))
            times["dcctl"].append(seconds(ours, environment))
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "dcctl_ms": round(1000 * medians["dcctl"], 1),
        "bare_ms": round(1000 * medians["bare"], 1),
        "ratio": round(medians["dcctl"] / medians["bare"], 2),
        "rounds": rounds,
    }


def main() -> int:
    result = measured(int(sys.argv[1]) if len(sys.argv) > 1 else 31)
    print(json.dumps({"bench": "cli_start", "limit": LIMIT, **result}))
    return 0 if result["ratio"] <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
