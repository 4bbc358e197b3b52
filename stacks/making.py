"""What every resource of the stacks has in common: the provider of the run, adoption by id, and the names that all carry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_openstack as openstack

from stacks import naming
from stacks.environment import EnvironmentSpec
from stacks.plan import Resolved

Adopt = Mapping[str, str]  # logical name to the id of a thing that exists already and is to be taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """One run of a program: what is wanted, with what ids, and what exists already."""

    spec: EnvironmentSpec
    resolved: Resolved
    adopt: Adopt = field(default_factory=dict)

    def name(self, own: str) -> str:
        """A thing's name in the cloud."""
        return f"{naming.prefix(self.spec.administration, self.spec.name)}-{own}"

    @property
    def metadata(self) -> dict[str, str]:
        return naming.tags(self.spec.administration, self.spec.name, self.resolved.request)

    @property
    def tags(self) -> list[str]:
        return naming.tag_list(self.metadata)

    @property
    def description(self) -> str:
        """For what can have neither tags nor metadata, and for people who look in Horizon."""
        return f"dcctl {self.spec.administration}/{self.spec.name} {self.resolved.request}"

    def provider(self) -> pulumi.ResourceOptions:
        """The options of a top-level resource or component: the provider that finds its cloud in the run's clouds.yaml."""
        return pulumi.ResourceOptions(provider=openstack.Provider("openstack", cloud=naming.CLOUD))

    def child(
        self,
        parent: pulumi.Resource,
        name: str,
        *,
        ignore: Sequence[str] = (),
        protect: bool = False,
        after: Sequence[pulumi.Resource] = (),
    ) -> pulumi.ResourceOptions:
        """The options of the thing with logical name `name` below `parent`: taken over by its id when it exists already."""
        return pulumi.ResourceOptions(
            parent=parent,
            import_=self.adopt.get(name),
            ignore_changes=list(ignore),
            protect=protect or None,
            # A replacement has the same name and ends, so the old one must be gone first.
            delete_before_replace=True,
            depends_on=list(after),
        )
