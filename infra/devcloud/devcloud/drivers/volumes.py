"""Block storage without storage: a driver that only counts, and a service that keeps its own heartbeat."""

from cinder import context, interface, objects, service
from cinder.volume import driver
from oslo_config import cfg

OPTIONS = [cfg.IntOpt("devcloud_capacity_gb", default=50_000, help="Size that this backend reports, in GiB")]


class HeartbeatService(service.Service):
    """cinder keeps the service's id on the class; several services in one process would report for the last one only."""

    def report_state(self) -> None:
        service.Service.service_id = self.origin_service_id
        super().report_state()


@interface.volumedriver
class CountingDriver(driver.VolumeDriver):
    VERSION = "1.0"

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTIONS)

    @classmethod
    def get_driver_options(cls):
        return OPTIONS

    def _nothing(self, *args, **kwargs) -> None:
        """Accepted; there is nothing to do."""

    do_setup = check_for_setup_error = _nothing
    create_volume = create_volume_from_snapshot = create_cloned_volume = delete_volume = extend_volume = _nothing
    create_snapshot = delete_snapshot = revert_to_snapshot = _nothing
    ensure_export = create_export = remove_export = terminate_connection = _nothing
    copy_image_to_volume = copy_volume_to_image = _nothing

    def initialize_connection(self, volume, connector, **kwargs):
        return {"driver_volume_type": "local", "data": {"access_mode": "rw"}}

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        """Say that the image was cloned: else cinder downloads it and asks qemu-img."""
        return {}, True

    def retype(self, context, volume, new_type, diff, host):
        return True, None

    def _update_volume_stats(self) -> None:
        size = self.configuration.devcloud_capacity_gb
        # A driver that keeps nothing has no better figure than the rows that point to it.
        used = sum(volume.size for volume in objects.VolumeList.get_all_by_host(context.get_admin_context(), self.host))
        self._stats = {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name"),
            "vendor_name": "devcloud",
            "driver_version": self.VERSION,
            "storage_protocol": "local",
            "total_capacity_gb": size,
            "free_capacity_gb": max(size - used, 0),
            "provisioned_capacity_gb": used,
            "max_over_subscription_ratio": 1.0,
            "thin_provisioning_support": False,
            "thick_provisioning_support": True,
            "reserved_percentage": 0,
            "multiattach": True,
            "QoS_support": False,
        }
