import subprocess
import sys


def test_the_exporter_cannot_reach_openstack():
    """It only reads PostgreSQL; what would let it do more is not even imported."""
    code = "import sys, metrics.exporter; print([m for m in ('openstack', 'keystoneauth1', 'requests', 'dcctl.cloud.connect') if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
