"""Nothing to change: `dcctl environment plan NAME FILE` with the file that the environment was made of, beside a bare `Stack.preview()`.

dcctl's seconds are the worker's: from the question's row to the answer's, with the queue, the names looked up and the digest. What a person waits
(`command`, the installed command with its start and its sign-in) is shown beside. Target: at most 1.2 times.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stacks.specs import parse
from tests.bench import bare, ours
from tests.bench.fulfilment import EXAMPLE
from tests.site import RunningSite

TARGET = 1.2
NAME = "banc-calme"


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Measure; print a line a round; return the raw rounds and the median ratio."""
    site.prepare()
    settings = bare.site_settings(site)
    cloud = bare.site_cloud(settings)
    document = YAML(typ="safe").load(EXAMPLE.read_text())
    ours.ended(site, "sante-lead", ours.approved(site, "sante-lead", ours.asked(site, "sante-agent", document | {"name": NAME})))
    built = bare.build(settings, cloud, parse(document | {"name": "banc-calme-nu"}))
    found = []
    with tempfile.TemporaryDirectory() as folder, bare.stack(settings, "workload", built.spec, built.resolved, built.project_id) as work:
        file = Path(folder) / "spec.yaml"
        with file.open("w") as text:
            # Other words are a change of the spec that changes nothing in the cloud.
            YAML().dump(document | {"name": NAME, "justification": "Rien à changer"}, text)
        for number in range(rounds + 1):
            began = time.monotonic()
            changes = work.preview().change_summary
            theirs = time.monotonic() - began
            assert set(changes) <= {"same"}, changes
            began = time.monotonic()
            done = site.dcctl("sante-agent", "environment", "plan", NAME, str(file), "-f", "json", lang="en")
            command = time.monotonic() - began
            assert done.returncode == 0, done.stderr
            answer = YAML(typ="safe").load(done.stdout)
            assert answer["steps"] == [], answer["steps"]
            if not number:
                continue  # both sides have their caches now
            row = {"bare": theirs, "dcctl": ours.moment(answer["finished_at"]) - ours.moment(answer["created_at"]), "command": command}
            found.append(row)
            print(
                f"  round {number}: bare {theirs:5.2f} s   dcctl {row['dcctl']:5.2f} s   ratio {row['dcctl'] / theirs:.2f}"
                f"   (command {command:.2f} s)",
                flush=True,
            )
    bare.clear(settings, cloud, built)
    ours.given_back(site, "sante-lead", NAME)
    ratio = statistics.median(row["dcctl"] / row["bare"] for row in found)
    print(f"  median ratio {ratio:.2f}; the target is {TARGET}")
    return {"rounds": found, "median_ratio": ratio}
