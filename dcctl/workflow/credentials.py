"""The credentials of one run: made when its engine first needs them, taken away at its end, or by its successor before that one looks.

What neither of them could take away (a kill between a run's last word and its last call, a call that lay in Keystone while its successor looked)
`dcctl.workflow.leftovers` does a minute later.
"""

from collections.abc import Callable
from typing import Any

import structlog
from ruamel.yaml import YAML

from dcctl.cloud import credentials
from dcctl.config import Settings
from dcctl.errors import DcctlError
from stacks.naming import LAYERS, Layer

#: A credential that nobody took away ends by itself so much later than the longest run of the engine.
GRACE_SECONDS = 3600.0
#: Of all names; `PREFIX` ADMINISTRATION `.` ENVIRONMENT `.` TOKEN `.` NUMBER is one.
PREFIX = "dcctl.run."

log = structlog.get_logger("dcctl.workflow.credentials")


class Credentials:
    """One for each of the two service users, named by environment and token: `dcctl.run.ADMINISTRATION.ENVIRONMENT.TOKEN.1`."""

    def __init__(
        self, settings: Settings, administration: str, environment: str, token: int, *, check: Callable[[], None], confirm: Callable[[], None]
    ) -> None:
        """Both raise `leases.Lost` where the environment is not this run's any more: `check` by this machine's clock, `confirm` by the database."""
        self.settings = settings
        self.prefix = f"{PREFIX}{administration}.{environment}."
        self.token = token
        self._check, self._confirm = check, confirm
        self._made: dict[tuple[Layer, str | None], dict[str, Any]] = {}

    def entry(self, layer: Layer, project_id: str | None = None) -> dict[str, Any]:
        """The clouds.yaml entry that a run of the engine gets: the tenant's of the administrator, the workload's of the build user in the project.

        Whoever was frozen while Keystone made one may find that a successor has looked for such meanwhile: nothing is begun with it, and the run's
        end takes it away.

        Raises:
            Lost: the environment is not this run's any more.
            CloudError: Keystone did not make the credential.
            DcctlError: DCCTL-109, the servers' clouds.yaml lacks the entry.
        """
        key = (layer, project_id)
        if key not in self._made:
            seconds = self.settings.engine.seconds + GRACE_SECONDS
            own = service_entry(self.settings, layer, project_id)
            # Numbered: a user's credentials have different names, whatever their projects.
            name = f"{self.prefix}{self.token}.{len(self._made) + 1}"
            self._made[key] = credentials.made(own, name, seconds=seconds, check=self._check)
            self._confirm()
        return self._made[key]

    def remove(self) -> None:
        """Take this run's away; one that Keystone does not let go now is left to whoever looks for such (`leftovers`), and to its own end."""
        for (layer, _), made in self._made.items():
            try:
                credentials.ended(service_entry(self.settings, layer), made)
            except DcctlError as error:
                log.warning("credential_left", name=f"{self.prefix}{self.token}", code=error.code)
        self._made.clear()

    def remove_earlier(self) -> int:
        """Take away those of every earlier run of the environment; how many there were.

        Raises:
            CloudError: Keystone refuses or does not answer: then nothing is begun.
        """
        return sum(len(credentials.removed(service_entry(self.settings, layer), self.prefix)) for layer in LAYERS)


def service_entry(settings: Settings, layer: Layer, project_id: str | None = None) -> dict[str, Any]:
    """A service user's own entry of the servers' clouds.yaml; the workload's with the environment's project."""
    name = settings.cloud.admin if layer == "tenant" else settings.cloud.build
    try:
        with settings.cloud.clouds_yaml.open(encoding="utf-8") as file:
            clouds = YAML(typ="safe", pure=True).load(file)["clouds"]
        found: dict[str, Any] = dict(clouds[name])
    except (OSError, KeyError, TypeError) as error:
        raise DcctlError("DCCTL-109", cloud=name, file=str(settings.cloud.clouds_yaml), known=[]) from error
    if layer == "workload":
        auth = {key: value for key, value in found["auth"].items() if not key.startswith(("project", "tenant", "domain"))}
        found["auth"] = {**auth, "project_id": project_id}
    found.setdefault("region_name", settings.cloud.region)
    return found
