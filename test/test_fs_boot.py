"""The file server on a machine: what it writes, and disks that are damaged."""
import shutil
import struct

import pytest

from conftest import ROOT

pytestmark = pytest.mark.xdist_group("fs_boot")
BLOCK = 4096
SUPER = BLOCK
ROOT_FILE = SUPER + 8               # struct File of the root
SIZE, TYPE, DIRECT = 128, 132, 136  # in a struct File (inc/fs.h)


class Image:
    """A copy of the host's disk, to be looked at and damaged."""

    def __init__(self, path):
        self.path = path
        shutil.copyfile(f"{ROOT}/obj/fs/fs.img", path)

    def get(self, offset):
        with open(self.path, "rb") as f:
            f.seek(offset)
            return struct.unpack("<I", f.read(4))[0]

    def put(self, offset, value):
        with open(self.path, "r+b") as f:
            f.seek(offset)
            f.write(struct.pack("<I", value))

    def entry(self, name, directory=ROOT_FILE):
        """Where the struct File of that name stands."""
        block = self.get(directory + DIRECT) * BLOCK
        with open(self.path, "rb") as f:
            f.seek(block)
            data = f.read(BLOCK)
        for i in range(0, BLOCK, 256):
            if data[i:i + 128].rstrip(b"\0") == name:
                return block + i
        raise KeyError(name)


@pytest.fixture
def image(tmp_path):
    return Image(tmp_path / "fs.img")


def options(image):
    return "--disk", str(image.path)


def test_files_last(machine, image):
    m = machine(options=options(image))
    m.boot()
    for line in ("mkdir /d", "cp /bin/sh /d/sh", "cat motd > /d/motd",
                 "cat motd >> /d/motd", "rm /lorem"):
        assert m.shell(line) == ""
    m.poweroff()
    m = machine(options=options(image))
    assert "fs:" not in m.boot()
    assert m.shell("wc /d/motd").split()[0] == "12"
    assert "not found" in m.shell("cat /lorem")
    assert m.shell("/d/sh -c 'x'") is not None
    m.poweroff()


def test_damaged_file(machine, image):
    image.put(image.entry(b"motd") + DIRECT, 9999999)
    lorem = image.entry(b"lorem")
    image.put(image.entry(b"script") + DIRECT, image.get(lorem + DIRECT))
    m = machine(options=options(image))
    shown = m.boot()
    assert "fs: /motd: block 9999999 is outside the disk" in shown
    assert "belongs to another file too" in shown
    assert "damaged" in m.shell("cat motd")
    assert "damaged" in m.shell("cat lorem")
    assert "vmm" in m.shell("ls")
    assert m.shell("rm motd") == ""
    assert m.shell("echo new > motd") == ""
    assert m.shell("cat motd") == "new\n"
    m.poweroff()


def test_damaged_directory(machine, image):
    image.put(image.entry(b"vmm") + SIZE, 0xfffff000)
    m = machine(options=options(image))
    assert "fs: /vmm: its size is impossible" in m.boot()
    assert "damaged" in m.shell("ls /vmm")
    assert "damaged" in m.shell("cat /vmm/kernel")
    assert "What is the tortoise" in m.shell("cat motd")
    m.poweroff()


@pytest.mark.parametrize("offset, value, message", [
    (SUPER, 0, "no file system on the disk"),
    (SUPER + 4, 0x10000000, "its size is not the disk's"),
    (ROOT_FILE + TYPE, 0, "the root is no directory"),
])
def test_damaged_superblock(machine, image, offset, value, message):
    """Nothing can be run, but the server and the kernel stay up."""
    image.put(offset, value)
    m = machine(options=options(image))
    m.expect(f"fs: superblock: {message}")
    m.expect("init: sh: file system is damaged")
    m.expect("init: sh: file system is damaged")
    assert "panic" not in m.output
