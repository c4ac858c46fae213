"""Power cuts at every write to the disk: the file server's own code on this
machine (test/host/fs_crash_test.c), and QEMU ended at any moment."""
import subprocess

import pytest

from test_fs_boot import Image, image, options  # noqa: F401
from test_host_fs import SERVER, compile_host

pytestmark = pytest.mark.xdist_group("fs_crash")


@pytest.fixture(scope="module")
def crash_test(tmp_path_factory):
    binary = tmp_path_factory.mktemp("fs") / "fs_crash_test"
    compile_host(binary, *SERVER, "test/host/fs_crash_test.c")
    return binary


@pytest.mark.parametrize("machine, blocks, operations, seed", [
    ("host", 256, 200, 1), ("host", 256, 150, 2),   # odd: seldom synced
    ("host", 48, 150, 3),                           # full
    ("guest", 256, 150, 4), ("both", 128, 150, 5), ("both", 128, 100, 6)])
def test_power_cuts(crash_test, machine, blocks, operations, seed):
    done = subprocess.run(
        [str(a) for a in (crash_test, machine, blocks, operations, seed)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
