"""dcctl completion: what a shell must read once so that it completes commands."""

import click

from dcctl.cli.command import Command
from dcctl.words import N_

EXAMPLES = ("dcctl completion bash > ~/.local/share/bash-completion/completions/dcctl", "dcctl completion zsh > ~/.zfunc/_dcctl")


@click.command("completion", cls=Command, help=N_("Print the completion for a shell, to be read by it at its start."), examples=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    # BashComplete.source() would ask the bash that is installed here for its version; the text is the same.
    complete = found(ctx.find_root().command, {}, "dcctl", "_DCCTL_COMPLETE")
    click.echo(complete.source_template % complete.source_vars())
