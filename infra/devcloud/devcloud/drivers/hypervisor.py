"""Hypervisors without machines: several hosts in one process, each with one node, and servers that outlive a restart.

A server's metadata may ask for trouble: `devcloud:build=stay` keeps it in BUILD until it is deleted, `devcloud:build=fail` ends in ERROR.
"""

import io
import sys
import uuid

import nova.conf
from nova import context, exception, objects
from nova.compute import manager, task_states, vm_states
from nova.image import glance
from nova.virt import fake, node
from oslo_config import cfg

CONF = nova.conf.CONF
CONF.register_opts([cfg.ListOpt("devcloud_hypervisors", default=[], help="host:vcpus:memory in MiB:disk in GiB, one compute service each")])
sys.modules["nova.virt.devcloud"] = sys.modules[__name__]  # compute_driver is looked up below nova.virt

MANAGER = f"{__name__}.CountingManager"
BUILD = "devcloud:build"


def sizes() -> dict[str, tuple[int, int, int]]:
    """vcpus, MiB of memory and GiB of disk of each host."""
    return {host: (int(vcpus), int(memory), int(disk)) for host, vcpus, memory, disk in (h.split(":") for h in CONF.devcloud_hypervisors)}


def wish(instance) -> str | None:
    return instance.metadata.get(BUILD)


class CountingDriver(fake.FakeDriver):
    def init_host(self, host: str) -> None:
        self._host = host
        self._set_nodes([host])
        self._uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, host))
        node.get_local_node_uuid()  # nova wants its file to be there, whoever uses it
        self.vcpus, self.memory_mb, self.local_gb = sizes()[host]
        self.resources = fake.Resources(self.vcpus, self.memory_mb, self.local_gb)
        for instance in objects.InstanceList.get_by_host(context.get_admin_context(), host, expected_attrs=["flavor"]):
            self.instances[instance.uuid] = fake.FakeInstance(instance.name, instance.power_state, instance.uuid)
            self.resources.claim(instance.flavor.vcpus, instance.flavor.memory_mb, instance.flavor.root_gb)

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {self._uuid: self._host}

    def get_available_resource(self, nodename: str) -> dict[str, object]:
        return super().get_available_resource(nodename) | {"uuid": self._uuid}

    def spawn(self, context, instance, *args, **kwargs) -> None:
        if wish(instance) == "fail":
            # The one exception that nova does not answer by trying another host.
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason="the server's metadata asked devcloud to fail")
        super().spawn(context, instance, *args, **kwargs)

    def attach_interface(self, context, instance, image_meta, vif) -> None:
        """Accepted; the fake driver would remember it, and after a restart refuse to detach what it does not remember."""

    def detach_interface(self, context, instance, vif) -> None:
        """Accepted."""

    def snapshot(self, context, instance, image_id, update_task_state) -> None:
        """Upload an image as small as the machine; the fake driver uploads none, and the image stays queued for ever."""
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(task_state=task_states.IMAGE_UPLOADING, expected_state=task_states.IMAGE_PENDING_UPLOAD)
        form = {"disk_format": "raw", "container_format": "bare", "status": "active"}
        glance.API().update(context, image_id, form, io.BytesIO(instance.uuid.encode().ljust(4096, b"\0")))


class CountingManager(manager.ComputeManager):
    """Leaves staying servers in BUILD with everything allocated, without a thread that waits: they cost nothing, and delete at once."""

    def _update_instance_after_spawn(self, instance, vm_state=vm_states.ACTIVE) -> None:
        if wish(instance) != "stay":
            super()._update_instance_after_spawn(instance, vm_state=vm_state)

    def _init_instance(self, context, instance) -> None:
        # At start nova takes a server in BUILD for one whose building was cut short, and sets it to ERROR.
        if instance.vm_state != vm_states.BUILDING or wish(instance) != "stay":
            super()._init_instance(context, instance)
