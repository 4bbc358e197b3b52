"""Commands whose words are translated where they are shown, and a root group that imports a noun only when it is asked for.

`dcctl --help` must not pay for what it does not do: the root knows the nouns and their short helps from a table, their modules are imported late.
Help texts, metavars and examples are English msgids (`N_`) in the declarations; `translated` copies a command into the language in use.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import click
import click.shell_completion

from dcctl.words import N_, _

OPTIONS_METAVAR, COMMAND_METAVAR = N_("[OPTIONS]"), N_("COMMAND [ARGS]...")


class Command(click.Command):
    """A command with examples, which its help shows before the options."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        kwargs.setdefault("options_metavar", OPTIONS_METAVAR)
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)


class Group(click.Group):
    """A noun; its verbs are `Command`s."""

    command_class = Command

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        kwargs.setdefault("options_metavar", OPTIONS_METAVAR)
        kwargs.setdefault("subcommand_metavar", COMMAND_METAVAR)
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the declarations, which is that of the work."""
        return list(self.commands)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)


Group.group_class = Group


class Root(Group):
    """The `dcctl` command: `nouns` maps a name to its short help; the noun is `command` of the module `dcctl.cli.NAME`."""

    def __init__(self, *args: Any, nouns: Mapping[str, str], shared: Callable[[], list[click.Parameter]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.nouns = nouns
        self.shared = shared

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.nouns)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.nouns:
            return None
        command: click.Command = import_module(f"dcctl.cli.{cmd_name}").command
        return translated(command, self.shared)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = str(args[0])
        if name not in self.nouns and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(name, possibilities=self.nouns, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table: no noun is imported for the help."""
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(text)) for name, text in self.nouns.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        found = [click.shell_completion.CompletionItem(name, help=_(text)) for name, text in self.nouns.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def translated(command: click.Command, shared: Callable[[], list[click.Parameter]] = list) -> click.Command:
    """A copy of `command`, and of everything below it, in the language in use; leaves also accept the `shared` options."""
    ours = copy.copy(command)
    for name in ("help", "short_help", "epilog", "options_metavar", "subcommand_metavar"):
        if getattr(ours, name, None):
            setattr(ours, name, _(getattr(ours, name)))
    ours.params = [_translated_parameter(parameter) for parameter in command.params]
    if isinstance(ours, click.Group):
        ours.commands = {name: translated(below, shared) for name, below in ours.commands.items()}
    else:
        ours.params += shared()
    return ours


def _translated_parameter(parameter: click.Parameter) -> click.Parameter:
    ours = copy.copy(parameter)
    for name in ("help", "metavar"):
        if getattr(ours, name, None):
            setattr(ours, name, _(getattr(ours, name)))
    return ours


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """Commands as they are typed: one a line, never wrapped."""
    if examples:
        with formatter.section(_("Examples")):
            for example in examples:
                formatter.write(" " * formatter.current_indent + example + "\n")
