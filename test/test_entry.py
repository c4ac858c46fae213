"""A VM entry that fails: the processor's verdict and the kernel's words for
it agree, the guest ends, the host goes on. The monitor breaks the VMCS."""
import os
import re

import pytest

from conftest import GUEST_PROMPT, HOST_PROMPT, ROOT, guest_engine
from test_monitor import Monitor

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("guest")]
CONTROLS = "VM entry failed: VM entry with invalid control field(s)"
HOST_STATE = "VM entry failed: VM entry with invalid host-state field(s)"
GUEST_STATE = "VM entry failed: exit reason 0x80000021"


def encodings():
    with open(os.path.join(ROOT, "vmm/vmcs.h"), encoding="ascii") as f:
        return dict(re.findall(r"\bVMCS_(\w+)\s*= 0x(\w+)", f.read()))


FIELDS = encodings()


def bits(mask):
    return lambda value: value ^ mask


def to(value):
    return lambda old: value


# Verdict, part of the sentence, and what is done to which fields.
CASES = [
    (CONTROLS, "bit 23 must be 0",
     {"PROC_BASED_CONTROLS2": bits(1 << 23)}),
    (CONTROLS, "bit 1 must be 1", {"PIN_BASED_CONTROLS": bits(2)}),
    (CONTROLS, "the walk length less one", {"EPT_POINTER": bits(8)}),
    (CONTROLS, "the memory type", {"EPT_POINTER": bits(1)}),
    (CONTROLS, "VPID is 0x0: 0 is the host's", {"VPID": to(0)}),
    (CONTROLS, "IO_BITMAP_A", {"IO_BITMAP_A": bits(0x10)}),
    (CONTROLS, "MSR_BITMAP", {"MSR_BITMAP": bits(0x10)}),
    (HOST_STATE, "HOST_CS_SELECTOR is 0x0: it is needed",
     {"HOST_CS_SELECTOR": to(0)}),
    (HOST_STATE, "RPL and TI", {"HOST_CS_SELECTOR": bits(3)}),
    (HOST_STATE, "HOST_TR_SELECTOR is 0x0: it is needed",
     {"HOST_TR_SELECTOR": to(0)}),
    (HOST_STATE, "RPL and TI", {"HOST_TR_SELECTOR": bits(1)}),
    (HOST_STATE, "bit 13 (VMXE) must be 1", {"HOST_CR4": bits(1 << 13)}),
    (HOST_STATE, "bit 5 (NE) must be 1", {"HOST_CR0": bits(1 << 5)}),
    (HOST_STATE, "LMA and LME", {"HOST_EFER": bits(1 << 10)}),
    (HOST_STATE, "HOST_RIP", {"HOST_RIP": bits(1 << 60)}),
    (GUEST_STATE, "LINK_POINTER is 0x0: it must be ~0",
     {"LINK_POINTER": to(0)}),
    (GUEST_STATE, "bit 5 (NE) must be 1", {"GUEST_CR0": bits(1 << 5)}),
    (GUEST_STATE, "bit 13 (VMXE) must be 1", {"GUEST_CR4": bits(1 << 13)}),
    (GUEST_STATE, "a 64-bit guest needs PAE", {"GUEST_CR4": bits(1 << 5)}),
    (GUEST_STATE, "LMA (bit 10) must equal entry control 9",
     {"GUEST_EFER": bits(1 << 10 | 1 << 8)}),
    (GUEST_STATE, "the type must be 11: busy 64-bit TSS",
     {"GUEST_TR_ACCESS_RIGHTS": to(0x89)}),
    (GUEST_STATE, "the type must be 2, or bit 16 set",
     {"GUEST_LDTR_ACCESS_RIGHTS": to(0)}),
    (GUEST_STATE, "accessed", {"GUEST_CS_ACCESS_RIGHTS": bits(1)}),
    (GUEST_STATE, "accessed", {"GUEST_DS_ACCESS_RIGHTS": to(0xc092)}),
    (GUEST_STATE, "L and D", {"GUEST_CS_ACCESS_RIGHTS": bits(1 << 14)}),
    (GUEST_STATE, "GUEST_RFLAGS is 0x200: bit 1 must be 1",
     {"GUEST_RFLAGS": to(0x200)}),
    (GUEST_STATE, "bits above the physical address",
     {"GUEST_CR3": bits(1 << 60)}),
    (GUEST_STATE, "IF (bit 9) must be 1 when an interrupt is injected",
     {"GUEST_RFLAGS": to(2), "VMENTRY_INTR_INFO": to(0x80000020)}),
]


@pytest.fixture(scope="module")
def host(shared_machine):
    m = shared_machine(engine=guest_engine(), patience=240)
    m.boot()
    return m


def start_guest(m):
    m.prompt = GUEST_PROMPT
    m.send("vmm\r")
    m.boot()
    m.prompt = HOST_PROMPT
    m.send("\x1b")
    m.boot()


def break_vmcs(m, changes):
    m.send("breakpoint\r")
    monitor = Monitor(m)
    guest = re.search(r"^(\w{8}) +16384 ", monitor.run("guests"), re.M)[1]
    for name, change in changes.items():
        command = f"vmcs {guest} {FIELDS[name]}"
        value = int(re.search(r" is (\w+)$", monitor.run(command))[1], 16)
        shown = monitor.run(f"{command} {change(value):x}")
        assert shown.endswith(f" is {change(value):x}")
    m.send("continue\r")
    m.boot()


@pytest.mark.parametrize("verdict, sentence, changes", CASES,
                         ids=[" ".join(case[2]) for case in CASES])
def test_entry_failure(host, verdict, sentence, changes):
    start_guest(host)
    break_vmcs(host, changes)
    host.send("vmmanager\r")
    host.expect("Please select a VM to resume: ")
    host.send(re.search(r"(\d+)\.\[\w+\]vm", host.before())[1] + "\r")
    host.boot()
    shown = host.before()
    report = shown[shown.index("VM entry failed"):]
    assert report.startswith(verdict)
    rules, dump = report.split("Unhandled VMEXIT, aborting guest.\n")
    assert sentence in rules
    # An LDTR of all zeroes is not present either.
    assert rules.count("\n") == (3 if "GUEST_LDTR" in rules else 2)
    assert re.search(r"exit reason 0x\w+ \(.*\), qualification", dump)
    assert "role=0" in host.shell("ps -l")
