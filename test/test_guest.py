"""The guest, on an engine that has VMX: from the host's boot to its shell and
back, twice in one boot."""
import re

import pytest

from conftest import GUEST_PROMPT, HOST_PROMPT, guest_engine, motd

ESC = "\x1b"
pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("guest")]


@pytest.fixture
def vmm(machine):
    """A host that has just run vmm: the guest's shell prompts."""
    m = machine("vmm", engine=guest_engine(), patience=240)
    m.prompt = GUEST_PROMPT
    m.boot()
    return m


def free_pages(m):
    m.shell("sync")             # empties the block cache
    return int(re.search(r"free=(\d+)", m.shell("ps -l"))[1])


def test_guest_shell(vmm):
    shown = vmm.output
    assert "VMXON" in shown
    assert "VMX extension hidden from guest" in shown
    assert motd() in shown
    names = vmm.shell("ls bin").split()
    assert {"bin/sh", "bin/ls", "bin/cat"} <= set(names)
    assert "bin/vmm" not in names
    assert vmm.shell("cat motd") == motd()
    assert vmm.shell("echo one two | wc").split() == ["1", "2", "8"]
    vmm.shell("echo 'echo from a script | cat' >script")
    assert vmm.shell("sh script") == "from a script\n"
    assert "role=1" in vmm.shell("ps -l")
    vmm.poweroff()


def test_ctrl_d_ends_the_guest_and_its_host(vmm):
    vmm.send("\x04")
    assert vmm.end() == 0


def test_one_guest_after_the_other(machine):
    """Each gives back what it took and starts from a clean disk."""
    m = machine(engine=guest_engine(), patience=240)
    m.boot()

    def guest(*lines):
        m.prompt = GUEST_PROMPT
        m.send("vmm\r")
        m.boot()
        shown = [m.shell(line) for line in lines]
        m.prompt = HOST_PROMPT
        m.send("poweroff\r")
        m.boot()
        return shown
    free = []
    for _ in range(10):
        shown = guest("cat mark", "echo mine >mark", "cat mark")
        assert shown[0] != "mine\n" and shown[2] == "mine\n"
        free.append(free_pages(m))
    assert len(set(free[1:])) == 1, free
    assert "fs1.img" not in m.shell("ls vmm")
    m.poweroff()


def test_escape_and_vmmanager(vmm):
    vmm.send(ESC)
    vmm.prompt = HOST_PROMPT
    vmm.boot()
    assert "role=0" in vmm.shell("ps -l")
    vmm.send("vmmanager\r")
    vmm.expect("Please select a VM to resume: ")
    listed = re.search(r"(\d+)\.\[[0-9a-f]+\]vm(\d+)", vmm.before())
    assert listed, vmm.before()
    vmm.send("99\r")
    vmm.expect("Selected VM(No.99 VM) not found.")
    vmm.expect(HOST_PROMPT)
    vmm.send("vmmanager\r")
    vmm.expect("Please select a VM to resume: ")
    vmm.send(f"{listed[1]}\r")
    vmm.expect(f"Resume vm.{listed[1]}")
    vmm.send("\r")
    vmm.prompt = GUEST_PROMPT
    vmm.boot()
    assert vmm.shell("echo back") == "back\n"
    vmm.prompt = HOST_PROMPT    # where ESC led is where the guest's end leads
    vmm.send("poweroff\r")
    vmm.boot()
    assert "nguest=0 " in vmm.shell("ps -l")
    vmm.poweroff()


def test_without_vmx(machine):
    """An engine without VMX: the VMM says so, the host goes on."""
    m = machine(engine="tcg")
    m.boot()
    assert "[VMM] VMX extension not supported." in m.shell("vmm")
    assert m.shell("echo fine") == "fine\n"
    m.poweroff()
