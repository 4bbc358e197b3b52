"""What every command has at hand: the chosen cloud, the format, and the API, connected to when it is first used."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dcctl.cli import output
from dcctl.cli.talk import say
from dcctl.words import N_, _

if TYPE_CHECKING:
    from dcctl.client import Client

F = TypeVar("F", bound=Callable[..., Any])


class Desk:
    """The context's object. `form` and `columns` are set by -f and -c of the command that runs."""

    def __init__(self) -> None:
        self.os_cloud: str | None = None
        self.form = "table"
        self.columns: tuple[str, ...] = ()
        self._api: Client | None = None

    @property
    def api(self) -> "Client":
        """dcctl's API; clouds.yaml is read and Keystone asked at the first call."""
        if self._api is None:
            from dcctl.client import Client

            self._api = Client.of_cloud(self.os_cloud)
        return self._api

    def close(self) -> None:
        """Let go of what was opened."""
        if self._api is not None:
            self._api.close()

    def pages(self, *path: str, limit: int | None = None, **query: Any) -> Mapping[str, Any]:
        """A list to its end, or to `limit`; what was left out is said, never silently cut."""
        found = self.api.pages(*path, limit=limit, query=query)
        if found.get("cursor") is not None:
            say(N_("Only the first {limit} are shown; --limit shows more."), limit=limit)
        return found

    @property
    def for_people(self) -> bool:
        return self.form == "table"

    def listing(self, document: Mapping[str, Any], columns: output.Columns, /, **worded: Any) -> None:
        """Show the items of an answer."""
        output.listing(document, columns, form=self.form, chosen=self.columns, worded=worded)

    def thing(self, document: Mapping[str, Any], columns: output.Columns, /, **worded: Any) -> None:
        """Show one answer."""
        output.thing(document, columns, form=self.form, chosen=self.columns, worded=worded)


def shown(function: F) -> F:
    """Give a command -f and -c."""
    return _with_format(function, output.FORMATS)


def watched(function: F) -> F:
    """Give a command that follows something -f, with ndjson too, and -c."""
    return _with_format(function, (*output.FORMATS, "ndjson"))


def _with_format(function: F, formats: Sequence[str]) -> F:
    function = click.option(
        "-c", "--column", multiple=True, metavar=N_("COLUMN"), expose_value=False, callback=_set_columns,
        help=N_("Show this column only; may be repeated."),
    )(function)  # fmt: skip
    return click.option(
        "-f", "--format", type=click.Choice(formats), default="table", show_default=True, expose_value=False, callback=_set_format,
        help=N_("The format of what is printed."),
    )(function)  # fmt: skip


def _set_format(ctx: click.Context, _parameter: click.Parameter, value: str) -> None:
    ctx.ensure_object(Desk).form = value


def _set_columns(ctx: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> None:
    ctx.ensure_object(Desk).columns = value


def shared_options() -> list[click.Parameter]:
    """--os-cloud and --lang wherever they are typed: before the noun or after the verb."""
    return [
        click.Option(["--os-cloud"], metavar=_("NAME"), expose_value=False, hidden=True, callback=set_cloud),
        click.Option(["--lang"], type=click.Choice(["fr", "en"]), expose_value=False, hidden=True),
    ]


def set_cloud(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    """Remember the cloud that was named; a later one wins."""
    if value is not None:
        ctx.ensure_object(Desk).os_cloud = value
