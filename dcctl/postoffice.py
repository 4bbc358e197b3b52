"""`dcctl-manage letters`: letters whose end nobody knows, or that were given up."""

import click

from dcctl import words
from dcctl.commandline import account, read_settings
from dcctl.errors import DcctlError
from dcctl.words import N_, _


@click.group(help=N_("Letters whose end nobody knows, or that were given up."))
def letters() -> None:
    pass


@letters.command("list", help=N_("Which they are, oldest first: number, state, since when, for whom, what they tell, Message-ID."))
def letters_list() -> None:
    from dcctl.occasions import one_line
    from dcctl.workflow import outbox
    from dcctl.workflow.app import App

    app = App(read_settings())
    try:
        mails = outbox.unsettled(app)
    finally:
        app.close()
    for mail in mails:
        since, whose = mail["since"].isoformat(timespec="seconds"), mail["administration"] or _("the operators")
        fields = [mail["number"], mail["state"], since, whose, mail["address"], ", ".join(mail["told"]), mail["message_id"], mail["error"] or "–"]
        click.echo("\t".join(one_line(field) for field in fields))
    if not mails:
        click.echo(_("None."), err=True)


_NUMBER = click.argument("number", metavar=N_("NUMBER"), type=click.IntRange(1, 2**63 - 1))
_REASON = click.option("--reason", required=True, help=N_("What is known of it; it is kept in the audit trail with your account."))


@letters.command("send", help=N_("Send the mail with letter NUMBER again, under the same Message-ID; the reader may get it twice."))
@_NUMBER
@_REASON
def letters_send(number: int, reason: str) -> None:
    _settled("send_again", number, reason)
    click.echo(words.sentence(N_("Mail {number} will be sent."), {"number": number}), err=True)


@letters.command("drop", help=N_("The mail with letter NUMBER has arrived, or need not: it is not listed again."))
@_NUMBER
@_REASON
def letters_drop(number: int, reason: str) -> None:
    _settled("drop", number, reason)
    click.echo(words.sentence(N_("Mail {number} is dropped."), {"number": number}), err=True)


def _settled(how: str, number: int, reason: str) -> None:
    from dcctl.workflow import outbox
    from dcctl.workflow.app import App

    if not reason.strip():
        raise DcctlError("DCCTL-613")
    app = App(read_settings())
    try:
        getattr(outbox, how)(app, number, account(), reason.strip())
    finally:
        app.close()
