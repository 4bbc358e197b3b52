"""dcctl quota export and verify: the ledger proved on this machine, from what the server sends or from a file; `audit` does the same with its chain.

The server's word counts for nothing: it sends entries, and every hash and balance is computed here.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.errors import DcctlError
from dcctl.words import N_
from quotas.chain import Report

PROVED = {
    "sealed": N_("Sealed entries"), "chain_hash": N_("Chain hash"), "unsealed": N_("Not sealed yet"), "accounts": N_("Accounts"),
    "checkpoints": N_("Checkpoints"),
}  # fmt: skip
_CODES = {"checkpoint": "DCCTL-541", "cut": "DCCTL-541", "format": "DCCTL-542", "balance": "DCCTL-545"}


def provable(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a proof: of the ledger or of the audit trail."""
    for option in (
        click.option("--export", "exported", metavar=N_("FILE"), help=N_("Prove this export, without asking any server.")),
        click.option("--public-key", "key_file", metavar=N_("FILE"),
                     help=N_("The key (PEM) that signs checkpoints, as you know it; no other one counts.")),
        click.option("--checkpoint", "files", multiple=True, metavar=N_("FILE"), help=N_("A signed checkpoint that you keep; may be repeated.")),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(
    "export", cls=Command,
    help=N_("Write the whole ledger to FILE (- for standard output), to be proved elsewhere: dcctl quota verify --export FILE."),
    examples=["dcctl quota export ledger-2026-06.tsv"],
)  # fmt: skip
@click.argument("file", metavar=N_("FILE"))
@click.pass_obj
def export(desk: Desk, file: str) -> None:
    count = exported_to(file, desk.api.stream("ledger"))
    if file != "-":
        say(N_("{count} lines in {path}. Prove them: dcctl quota verify --export {path}"), count=count, path=file)


def exported_to(file: str, lines: Iterable[bytes]) -> int:
    """Write the lines to a file, which is there when all of them are, or to standard output (-); how many they are."""
    if file == "-":
        return _written(sys.stdout.buffer, lines)
    path = Path(file)
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as target:
            count = _written(target, lines)
        unfinished.replace(path)
    except OSError as error:
        raise DcctlError("DCCTL-014", path=file, reason=error.strerror or str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return count


@click.command(
    "verify", cls=Command,
    help=N_("Prove the ledger: every hash, the chain and every balance from zero. The first wrong entry is named."),
    examples=["dcctl quota verify --checkpoint 2026-06.json --public-key asin.pem", "dcctl quota verify --export ledger-2026-06.tsv"],
)  # fmt: skip
@provable
@shown
@click.pass_obj
def verify(desk: Desk, files: tuple[str, ...], key_file: str | None, exported: str | None) -> None:
    from dcctl import signature
    from quotas import chain

    key = None if key_file is None else signature.public_key(key_file)
    kept = [signature.read(file, key).checkpoint for file in files]
    with sent_or_kept(desk, exported, "ledger") as lines:
        report = chain.verify(lines, kept)
    refuse(report, key)
    checkpoints = len({made.position for made in kept} | {made.position for made, _, _ in report.checkpoints})
    document = {"sealed": report.sealed, "chain_hash": report.chain_hash.hex(), "unsealed": report.unsealed, "accounts": report.accounts,
                "checkpoints": checkpoints}  # fmt: skip
    desk.thing(document, PROVED)
    say(N_("Everything agrees."))
    if report.unsealed:
        say(
            N_(
                "{count} entries are not in the chain yet: of them it is proved that each is as it was hashed and that the balances follow from all,"
                " not that none was taken out or put in. They are chained within a second: verify again."
            ),
            count=report.unsealed,
        )
    if not kept:
        say(N_("No checkpoint of yours was compared: who can write the whole ledger anew is found only by --checkpoint FILE."))


def refuse(report: Report, key: bytes | None, codes: Mapping[str, str] = _CODES, *, otherwise: str = "DCCTL-540") -> None:
    """Raise the first thing that was found wrong, as people read it; of the ledger DCCTL-540 to 545.

    Args:
        key: who signs checkpoints; None: whoever did.
        codes: by what was found, the error; any other finding is `otherwise`.
    """
    from dcctl import signature

    found = report.finding
    if found is not None:
        place = {"position": found.position or report.sealed, "entry": found.entry if found.entry is not None else "–"}
        raise DcctlError(codes.get(found.code, otherwise), finding=found.code, detail=found.detail, **place)
    signature.agreed(report, key)


@contextmanager
def sent_or_kept(desk: Desk, exported: str | None, *path: str) -> Iterator[Iterable[bytes]]:
    """The lines of an export: of a file, or as the API sends them."""
    if exported is None:
        yield desk.api.stream(*path)
        return
    try:
        file = Path(exported).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise DcctlError("DCCTL-003", path=exported, reason=error.strerror or str(error)) from error
    with file:
        yield file


def _written(target: BinaryIO, lines: Iterable[bytes]) -> int:
    count = 0
    for line in lines:
        target.write(line)
        count += 1
    return count
