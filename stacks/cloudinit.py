"""The user data that a server gets at its first start: the environment's ssh keys, and nothing secret."""

import json
from collections.abc import Sequence

import jinja2

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("stacks", "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # YAML, not HTML: every value goes through `quoted`
)
# JSON text is YAML text too, so a quoted value cannot end its line or begin another key.
_TEMPLATES.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=True)


def user_data(ssh_keys: Sequence[str]) -> str:
    """A cloud-config document; deterministic."""
    return _TEMPLATES.get_template("user-data.yaml.j2").render(ssh_keys=list(ssh_keys))
