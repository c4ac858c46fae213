"""Power cuts at every write to the disk: the file server's own code on this
machine (test/host/fs_crash_test.c), and QEMU ended at any moment."""
import subprocess

import pytest

from conftest import GUEST_PROMPT, HOST_PROMPT, guest_engine, motd
from test_fs_boot import Image, image, options  # noqa: F401
from test_host_fs import SERVER, compile_host

pytestmark = pytest.mark.xdist_group("fs_crash")
ESC = "\x1b"


@pytest.fixture(scope="module")
def crash_test(tmp_path_factory):
    binary = tmp_path_factory.mktemp("fs") / "fs_crash_test"
    compile_host(binary, *SERVER, "test/host/fs_crash_test.c")
    return binary


@pytest.mark.parametrize("machine, blocks, operations, seed", [
    ("host", 256, 150, 1), ("host", 256, 120, 2),   # odd: seldom synced
    ("host", 48, 120, 3),                           # full
    ("guest", 256, 120, 4), ("both", 128, 60, 5), ("both", 128, 40, 6)])
def test_power_cuts(crash_test, machine, blocks, operations, seed):
    done = subprocess.run(
        [str(a) for a in (crash_test, machine, blocks, operations, seed)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr


def power_on(machine, image, *command, **how):
    """Boots; the check at start may have found no damage."""
    m = machine(*command, options=options(image), **how)
    shown = [line for line in m.boot().splitlines() if "fs:" in line]
    assert all(line.startswith("fs: journal") for line in shown), shown
    assert len(shown) < 2
    return m


@pytest.mark.parametrize("line", [
    "cp /bin/vmm /lost", "rm /kept2", "cat /bin/vmm > /kept2", "mkdir /d/e"])
def test_machine(machine, image, line):  # noqa: F811
    """QEMU is killed while the last command runs."""
    m = power_on(machine, image)
    for command in ("mkdir /d", "cp /bin/vmm /d/kept", "cp /motd /kept2",
                    "sync"):
        assert m.shell(command) == ""
    m.send(line + "\r")
    m.expect(line)
    m.close()
    m = power_on(machine, image)
    whole, kept, lost = (m.shell(f"cat {path} | wc").split()[-3:] for path in
                         ("/bin/vmm", "/d/kept", "/lost"))
    assert kept == whole
    assert lost in (whole, ["0", "0", "0"])
    if "/kept2" not in line:
        assert m.shell("cat /kept2") == motd()
    m.poweroff()


@pytest.mark.timeout(300)
def test_guest_on_machine(machine, image):  # noqa: F811
    """What a guest wrote and closed is in its image on the host's disk; an
    image from which it only read goes."""
    m = machine("vmm", options=options(image), engine=guest_engine())
    m.prompt = GUEST_PROMPT
    m.boot()
    assert m.shell("cat /motd /motd > /twice") == ""
    m.close()
    m = power_on(machine, image)
    assert m.shell("cp /vmm/fs1.img /saved") == ""
    m.poweroff()
    m = power_on(machine, image, engine=guest_engine())
    m.send("vmm -d /saved\r")
    m.prompt = GUEST_PROMPT
    assert "fs:" not in m.boot().replace("fs: journal", "")
    assert m.shell("cat /twice") == 2 * motd()
    # That guest was promised nothing.
    m.send(ESC)
    m.prompt = HOST_PROMPT
    m.boot()
    assert m.shell("ls /vmm").count("fs1.img") == 1
    assert m.shell("sync") == ""
    m.close()
    m = machine(options=options(image))
    assert m.boot().endswith("\nfs: /vmm/fs1.img: temporary, removed")
    assert "fs1.img" not in m.shell("ls /vmm")
    m.poweroff()
