"""`dcctl-manage`: what an operator does on the server itself, with the owner's database address or the cloud administrator's entry.

Not for people of the ministries, who have `dcctl`. Everything here may be repeated. Exit status as in `dcctl.errors`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcctl import postoffice, words
from dcctl.commandline import account, read_settings
from dcctl.errors import DcctlError
from dcctl.words import N_, _

if TYPE_CHECKING:
    from dcctl.cloud.connect import Cloud
    from dcctl.config import Settings

DATACENTER_ROLES = ("dc_operator", "dc_auditor")


@click.group(help=N_("Set up and look after dcctl on its server."), context_settings={"help_option_names": ["-h", "--help"]})
def manage() -> None:
    pass


@manage.group(help=N_("The database's schema."))
def db() -> None:
    pass


@db.command(help=N_("Bring the schema to the newest revision, grant each database role its rights, and put up the fence of the engine's state."))
def upgrade() -> None:
    from dcctl import migrations
    from dcctl.migrations import fence

    settings = _settings()
    if not settings.database.owner:
        raise DcctlError("DCCTL-002", field="database.owner", value="''", allowed=_("the owner's address, in dcctl.toml"))
    with _database_errors():
        migrations.upgrade(settings.database.owner, settings.roles)
        fence.install(settings.engine.backend)
    _say(_("The database has revision {revision}."), revision=migrations.head())


@db.command(help=N_("Exit 0 when the schema is the one that this release needs."))
def check() -> None:
    from sqlalchemy import create_engine

    from dcctl import migrations

    settings = _settings()
    engine = create_engine(settings.database.owner or settings.database.application, connect_args={"connect_timeout": 5})
    with _database_errors(), engine.connect() as connection:
        found = migrations.current(connection)
    wanted = migrations.head()
    if found != wanted:
        _say(_("The database has revision {found}; this release needs {wanted}. Run: dcctl-manage db upgrade"), found=found or "-", wanted=wanted)
        sys.exit(1)
    _say(_("The database has revision {revision}."), revision=found)


@manage.command(help=N_("Make dcctl's roles, service users and catalogue entry in Keystone; passwords go to files only."))
@click.option("--clouds-yaml", type=click.Path(path_type=Path), required=True, help=N_("The file with the cloud administrator's entry."))
@click.option("--cloud", "name", required=True, help=N_("The name of that entry."))
def bootstrap(clouds_yaml: Path, name: str) -> None:
    from dcctl import bootstrap as keystone

    settings = _settings()
    keystone.bootstrap(settings, _cloud(settings, clouds_yaml, name), _say)


@manage.group(help=N_("Operators and auditors of the datacenter."))
def operator() -> None:
    pass


_ROLE = click.option("--role", type=click.Choice(DATACENTER_ROLES), required=True)
_PROJECT = click.option(
    "--project", default="exploitation", show_default=True, help=N_("The project of the datacenter's own domain in which they work.")
)


_USERS = click.argument("users", metavar="USER...", nargs=-1, required=True)


@operator.command("add", help=N_("Give each USER of the datacenter's own domain a role."))
@_USERS
@_ROLE
@_PROJECT
def operator_add(users: tuple[str, ...], role: str, project: str) -> None:
    _operators(users, role, project, given=True)
    _say(_("{users} now: {role} on {project}."), users=users, role=role, project=project)


@operator.command("remove", help=N_("Take a role from each USER."))
@_USERS
@_ROLE
@_PROJECT
def operator_remove(users: tuple[str, ...], role: str, project: str) -> None:
    _operators(users, role, project, given=False)
    _say(_("{users} no longer: {role} on {project}."), users=users, role=role, project=project)


@operator.command("list", help=N_("Who has which role."))
@_PROJECT
def operator_list(project: str) -> None:
    from dcctl.cloud import identity

    settings = _settings()
    cloud = _own_cloud(settings)
    for found in identity.assignments(cloud, DATACENTER_ROLES, project_id=_project(cloud, settings, project)):
        click.echo(f"{found.role}\t{found.user_domain}/{found.user_name}")


@manage.group(help=N_("Offers of the catalogue."))
def offers() -> None:
    pass


@offers.command(help=N_("Publish the offers of DIRECTORY (the shipped ones when left out); what is unchanged keeps its version."))
@click.argument("directory", type=click.Path(path_type=Path), required=False)
def load(directory: Path | None) -> None:
    from dcctl.workflow import offers as catalogue
    from dcctl.workflow.app import App
    from dcctl.workflow.witness import by_itself

    directory = directory or catalogue.SHIPPED
    if not directory.is_dir():
        raise DcctlError("DCCTL-003", path=str(directory), reason=_("no such directory"))
    app = App(_settings())
    try:
        with by_itself("manage", "offers:load", str(directory)) as deed:
            deed.of_states = False
            published = catalogue.load(app, directory)
    finally:
        app.close()
    _say(_("Published: {offers}."), offers=published)


@manage.group(help=N_("Signed statements of how far a chain goes, the ledger's or the audit trail's, for an auditor to keep elsewhere."))
def checkpoint() -> None:
    pass


@checkpoint.command("key", help=N_("Make a key pair. The private half belongs on the host that signs, and on none of dcctl's servers."))
@click.argument("private", type=click.Path(path_type=Path))
@click.argument("public", type=click.Path(path_type=Path))
def checkpoint_key(private: Path, public: Path) -> None:
    from dcctl import signature

    signature.new_key(private, public)
    _say(_("Give {public} to whoever verifies; keep {private}."), public=str(public), private=str(private))


@checkpoint.command("sign", help=N_("Sign how far the chain goes now: recorded beside it, and printed as the file that the auditor keeps."))
@click.option("--key", required=True, metavar=N_("FILE"), help=N_("The private key, in PEM."))
@click.option("--chain", "name", type=click.Choice(["ledger", "audit"]), default="ledger", show_default=True, help=N_("Which chain."))
@click.option("--output", type=click.Path(path_type=Path), help=N_("Write the file here rather than to standard output."))
def checkpoint_sign(key: str, name: str, output: Path | None) -> None:
    import json
    from datetime import UTC, datetime

    from sqlalchemy import create_engine

    from dcctl import signature
    from dcctl.migrations import views
    from dcctl.workflow.witness import CHAIN
    from quotas import proof

    private, settings = signature.private_key(key), _settings()
    chain = proof.LEDGER if name == "ledger" else CHAIN
    if not settings.database.auditor:
        raise DcctlError("DCCTL-002", field="database.auditor", value="''", allowed=_("the auditor's address, in dcctl.toml"))
    engine = create_engine(settings.database.auditor, connect_args={"connect_timeout": 5})
    with _database_errors(), engine.begin() as connection:
        made = chain.head(connection, datetime.now(UTC), view=views.seal_of(chain.sealed))
        if made is None:
            raise DcctlError("DCCTL-544")
        signed = signature.sign(private, made)
        chain.record(connection, made, signed.public_key, signed.signature)
    engine.dispose()
    text = json.dumps(signed.document(), indent=1) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DcctlError("DCCTL-014", path=str(output), reason=error.strerror or str(error)) from error
    _say(_("Position {position} is signed: {path}."), position=made.position, path=str(output))


@manage.group(help=N_("What the worker knows of the ledger's chain."))
def ledger() -> None:
    pass


@ledger.command("follow-again", help=N_("After a restore: prove the whole ledger, and have its chain followed from there, so that the alert ends."))
@click.option("--checkpoint", "files", multiple=True, metavar=N_("FILE"), help=N_("A signed checkpoint that the auditor keeps; may be repeated."))
@click.option("--public-key", "key_file", metavar=N_("FILE"), help=N_("The auditor's key (PEM); no other one counts."))
@click.option("--reason", required=True, help=N_("What was restored, and who knows; it is kept with your account."))
def ledger_follow_again(files: tuple[str, ...], key_file: str | None, reason: str) -> None:
    from dcctl import signature
    from dcctl.cli import proving
    from dcctl.workflow import verifying
    from dcctl.workflow.app import App

    if not reason.strip():
        raise DcctlError("DCCTL-680")
    key = None if key_file is None else signature.public_key(key_file)
    kept = [signature.read(file, key).checkpoint for file in files]
    app = App(_settings())
    try:
        report = verifying.follow_again(app, account(), reason.strip(), lambda found: proving.refuse(found, key), kept)
    finally:
        app.close()
    _say(_("The ledger is right. Its chain is followed from position {position} on."), position=report.sealed)
    if not kept:
        _say(_("No checkpoint was compared: who wrote the whole ledger anew is found only by --checkpoint FILE."))


manage.add_command(postoffice.letters)


def _operators(users: tuple[str, ...], role: str, project: str, *, given: bool) -> None:
    from dcctl.cloud import identity

    settings = _settings()
    cloud = _own_cloud(settings)
    domain = settings.cloud.people_domain
    ids = []
    for user in users:  # all are looked for before any gets anything
        found = identity.find_user(cloud, user, [domain])
        if found is None:
            hint = _("Only accounts of the datacenter's own domain may have it.")
            raise DcctlError("DCCTL-107", kind=_("user"), name=f"{domain}/{user}", hint=hint)
        ids.append(found.id)
    project_id = _project(cloud, settings, project)
    asked = {"users": list(users), "role": role, "project": project}
    with _witnessed(settings, f"operator:{'add' if given else 'remove'}", asked):
        for user_id in ids:
            (identity.assign if given else identity.unassign)(cloud, user_id, role, project_id=project_id)


@contextmanager
def _witnessed(settings: "Settings", action: str, asked: dict[str, Any]) -> Iterator[None]:
    """What is done in Keystone meanwhile is announced in the audit trail before, and its outcome after; without the first nothing is done."""
    from dcctl.workflow import witness
    from dcctl.workflow.app import App

    app = App(settings)
    try:
        with witness.by_itself("manage", action, ",".join(asked["users"])) as deed:
            deed.body = {"account": account(), **asked}
            witness.announce(app)
            try:
                yield
            except BaseException as failed:
                known = failed if isinstance(failed, DcctlError) else DcctlError("DCCTL-500", reference=type(failed).__name__)
                witness.ended(app, deed, known)
                raise
            witness.ended(app, deed, None)
    finally:
        app.close()


def _project(cloud: "Cloud", settings: "Settings", name: str) -> str:
    from dcctl.cloud import identity

    domain = settings.cloud.people_domain
    return identity.ensure_project(cloud, name, identity.ensure_domain(cloud, domain, "")).id


def _own_cloud(settings: "Settings") -> "Cloud":
    return _cloud(settings, settings.cloud.clouds_yaml, settings.cloud.admin)


def _cloud(settings: "Settings", clouds_yaml: Path, name: str) -> "Cloud":
    from dcctl.cloud.connect import Cloud

    if not clouds_yaml.is_file():
        raise DcctlError("DCCTL-003", path=str(clouds_yaml), reason=_("no such file"))
    return Cloud(clouds_yaml, name, settings.cloud.region)


def _settings() -> "Settings":
    return read_settings()


class _database_errors:  # noqa: N801 - reads as a phrase where it is used
    """Turns what the database's driver raises into DCCTL-501, the cause kept."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from sqlalchemy.exc import InterfaceError, OperationalError

        if isinstance(error, (OperationalError, InterfaceError)):
            raise DcctlError("DCCTL-501", words=str(error.orig)) from error


def _say(text: str, **params: Any) -> None:
    click.echo(words.sentence(text, params) if params else text, err=True)


def main() -> None:
    """The `dcctl-manage` command."""
    from dcctl.cli.command import translated

    words.use(words.language())
    try:
        translated(manage)(prog_name="dcctl-manage", standalone_mode=True)
    except DcctlError as error:
        click.echo(words.sentence(N_("Error {code}: {message}"), {"code": error.code, "message": str(error)}), err=True)
        following = words.sentence(error.entry.next, error.params)
        if following:
            click.echo(words.sentence(N_("Next: {step}"), {"step": following}), err=True)
        sys.exit(error.entry.exit)
