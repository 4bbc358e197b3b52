"""How fast a ledger is proved, next to a bare hash loop over the same entries.

    python -m tests.bench.ledger_chain [--entries 1000000] [--rounds 5] [--output FILE]

The bare loop makes canonical JSON of each entry and chains its SHA-256, and does nothing else; the entries are in memory already. The proof reads the
export's lines from a file, recomputes both hashes, rebuilds every balance, holds included, and is the code that `dcctl quota verify` runs.
Interleaved; the ratio is the median of the rounds. Ends with 1 below 0.7, or when the proof's memory grows by more than 64 MiB.
"""

import argparse
import hashlib
import itertools
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from quotas.chain import FORMAT, GENESIS, verify

ADMINISTRATIONS = 100
#: The world's, and two of each administration.
ACCOUNTS = 1 + 2 * ADMINISTRATIONS
#: Rows that the bare loop has in memory; it goes over them again and again.
ROWS = 50_000


def write(path: Path, entries: int) -> None:
    """An export of a ledger in which administrations hold and release."""
    chain = GENESIS
    with path.open("wb") as file:
        file.write(FORMAT + b"1\n")
        file.write(f"B\t1\t-{ADMINISTRATIONS * 10**6}\n".encode())
        for place in range(10, 10 + 2 * ADMINISTRATIONS):
            file.write(f"B\t{place}\t{0 if place % 2 else 10**6}\n".encode())
        moves = ("\t".join(map(str, (number, number, *move))) for number, move in enumerate(itertools.islice(_moves(entries), entries), start=1))
        for position, line in enumerate(itertools.chain(_accounts(), moves), start=1):
            text = line.encode()
            content = hashlib.sha256(text).digest()
            chain = hashlib.sha256(chain + content).digest()
            sort = b"A" if position <= ACCOUNTS else b"E"
            file.write(b"\t".join([sort, str(position).encode(), text, content.hex().encode(), chain.hex().encode()]) + b"\n")
        file.write(f"Z\t{ACCOUNTS}\t{entries}\n".encode())


def _accounts() -> Iterator[str]:
    yield "account\t1\t1\tworld\tworld\tcotonou\tcores\tdeclared"
    for number in range(ADMINISTRATIONS):
        for place, name in enumerate(("available", "held"), start=10 + 2 * number):
            yield f"account\t{place}\t{11 + number}\tmin-{number}\tadministration\tcotonou\tcores\t{name}"


def _moves(entries: int) -> Iterator[tuple[object, ...]]:
    who = (1_770_000_000_000_000, 1_770_000_000_000_000, "5f1c", "sante-agent", "domain:min-sante", "3KJ9", "request")
    for number in range(ADMINISTRATIONS):
        yield ("declare", 1, 10 + 2 * number, 10**6, "\\N", "cores", "cotonou", "\\N", *who, "A-2026-0001", "\\N")
    for number in range((entries - ADMINISTRATIONS + 1) // 2):
        place, reference = 10 + 2 * (number % ADMINISTRATIONS), f"R-2026-{number:06}"
        yield ("hold", place, place + 1, 8, "\\N", "cores", "cotonou", reference, *who, reference, "\\N")
        yield ("release", place + 1, place, 8, "\\N", "cores", "cotonou", reference, *who, reference, "\\N")


def bare(entries: int) -> float:
    """Entries a second of the bare loop."""
    names = ("kind", "debit", "credit", "amount", "reverses", "resource", "region", "reference", "effective_at", "recorded_at", "actor_id", "by")
    moves = itertools.islice(_moves(ROWS), ROWS)
    rows = [{"id": number, **dict(zip(names, move, strict=False))} for number, move in enumerate(moves)]
    chain = GENESIS
    start = time.perf_counter()
    for row in itertools.islice(itertools.cycle(rows), entries):
        chain = hashlib.sha256(chain + json.dumps(row, sort_keys=True, separators=(",", ":")).encode()).digest()
    return entries / (time.perf_counter() - start)


def proof(path: Path, entries: int) -> float:
    """Entries a second of the proof."""
    start = time.perf_counter()
    with path.open("rb") as file:
        report = verify(file)
    assert report.finding is None, report.finding
    assert report.sealed == ACCOUNTS + entries
    return entries / (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(f"bench-results/ledger_chain-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"))
    options = parser.parse_args()
    entries = ADMINISTRATIONS + (options.entries - ADMINISTRATIONS) // 2 * 2  # a hold and its release
    rounds = []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.tsv"
        write(path, entries)
        bare(ROWS)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(options.rounds):
            rounds.append({"bare": bare(entries), "proof": proof(path, entries)})
            print(json.dumps({name: round(rate) for name, rate in rounds[-1].items()}), flush=True)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    ratio = statistics.median(one["proof"] / one["bare"] for one in rounds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"entries": entries, "rounds": rounds, "ratio": ratio, "grown_mib": grown}, indent=1))
    print(f"rate of proof to bare loop: {ratio:.2f}\nmemory grown by: {grown:.1f} MiB")
    return 0 if ratio >= 0.7 and grown <= 64 else 1


if __name__ == "__main__":
    sys.exit(main())
