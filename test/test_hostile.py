"""Guests and VMMs that do wrong: each gets its own message, the host goes on,
and every page is back. One machine serves all."""
import re

import pytest

import fuzz
from conftest import HOST_PROMPT, guest_engine

ESC = "\x1b"
PROGRAMS = ["vmm", "ps", "kill", "vmmquit", "testept", "testsyscalls",
            "testnomem", "testmmio", "sync"]
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("hostile")]


@pytest.fixture(scope="module")
def booted(shared_machine):
    m = shared_machine(engine=guest_engine(), patience=240)
    m.boot()
    # The file server keeps what it has read: read all that will be.
    for name in m.shell("ls guests").split():
        m.shell(f"wc {name}")
    m.shell("wc " + " ".join(f"bin/{name}" for name in PROGRAMS))
    m.shell("sh script")
    m.shell("vmm -b /guests/status -k none -d none")
    return m


@pytest.fixture
def host(booted):
    """The shell; whatever the test does, all pages are back afterwards."""
    before = fuzz.free_pages(booted)
    yield booted
    assert fuzz.free_pages(booted) == before
    assert "nguest=0 " in booted.shell("ps -l")


def tiny(name, options="-k none -d none"):
    return f"vmm -b /guests/{name} {options}"


@pytest.mark.parametrize("guest, message", [
    ("vgahole", "guest has no memory at physical b8000 at rip"),
    ("beyond", "guest has no memory at physical 1000000 at rip"),
    ("triple", "guest triple fault"),
    ("ins", "guest uses INS or OUTS on port 1f0"),
    ("status", "ended with status 42"),
    ("dirty", "all zero"),
    ("paging", "ended with status 3"),
])
def test_guest(host, guest, message):
    assert message in host.shell(tiny(guest))


def test_guest_goes_on_after_each_rule(host):
    output = host.shell(tiny("rules"))
    assert "rules broken: 0\n" in output, output
    assert int(re.search(r"rules checked: (\d+)", output)[1]) >= 100


def test_guest_memory_is_zeroed_after_another_guest(host):
    """The second gets the pages that the first wrote full."""
    assert "all zero" in host.shell(tiny("dirty"))
    assert "all zero" in host.shell(tiny("dirty"))


@pytest.mark.parametrize("guest, sign", [
    ("spin", "spinning"), ("exits", "exiting"), ("touchall", "all touched"),
])
def test_guest_in_the_background_and_killed(host, guest, sign):
    """Interrupts off or an exit after the other: others get their turn."""
    host.send(tiny(guest) + "\r")
    host.expect(sign)
    host.send(ESC)
    host.expect("runs on in the background")
    host.expect(HOST_PROMPT)
    listed = host.shell("ps -l")
    env = int(re.search(r"vm=(\d+)", listed)[1])
    if guest == "touchall":
        assert "pages=4000 " in listed
    host.shell(f"kill {env:x}")
    host.shell("sh script")     # the shell and the disk still serve


def test_monitor_killed(host):
    """The VMM goes, and its guest with it."""
    host.send(tiny("spin") + "\r")
    host.expect("spinning")
    host.send(ESC)
    host.expect("runs on in the background")
    host.expect(HOST_PROMPT)
    env = int(re.search(r"env=(\d+) [^\n]*name=vmm", host.shell("ps -l"))[1])
    host.shell(f"kill {env:x}")


def test_monitor_that_ends_at_once(host):
    assert "vmmquit: 1 guest alive" in host.shell("vmmquit")


def test_sys_ept_map(host):
    assert re.search(r"testept: \d+ checks", host.shell("testept"))


def test_memory_mapped_io(host):
    """A guest compares a device of its VMM's with RAM; others end by accesses
    that cannot be carried out."""
    output = host.shell("testmmio")
    assert "testmmio: 0 differences" in output, output
    sizes = re.findall(r"size (\d): (\d+) reads, (\d+) writes", output)
    assert [int(size) for size, _, _ in sizes] == [1, 2, 4, 8]
    assert all(int(n) >= 9 for _, *both in sizes for n in both), output
    ends = re.findall(r"testmmio: a0000 at rip \w+: (.*)", output)
    assert ends == ["unknown instruction", "operand on two pages",
                    "no access of this instruction's operands",
                    "code or page tables outside memory",
                    "operand on two pages"], output


def test_system_calls(host):
    assert re.search(r"testsyscalls: \d+ checks, all pages are back",
                     host.shell("testsyscalls"))


def test_kernels_that_are_none(booted):
    output = booted.shell("testbadelf")
    assert "testbadelf: passed" in output, output
    for message in ("not an ELF file for x86-64", "the file is truncated",
                    "strange program headers", "its entry point is not at",
                    "segments overlap", "a segment wraps around",
                    "a segment lies outside the guest's memory",
                    "a segment is larger in the file than in memory",
                    "/bad: file or block not found"):
        assert message in output


def test_memory_runs_out_at_each_allocation(host):
    """Of a program that does a bit of everything, with eight guests alive."""
    total, ends = fuzz.nomem(host)
    assert total > 100
    assert {"guest", "fork", "spawn", "ipc", "memory"} <= set(ends), ends


def test_memory_runs_out_for_real(machine):
    """Eight guests touch all they may have, on a host that has half of it:
    some end, the others and the host go on, and all pages are back."""
    m = machine(engine=guest_engine(), options=("--memory", "64"))
    m.boot()
    left = []
    for guests in 1, 8:
        for _ in range(guests):
            m.command(tiny("touchall") + " &")
        if guests > 1:
            m.expect("finds no memory left for physical")
        while (text := m.listing()).count("pages=4000 ") < min(guests, 3):
            pass
        for env in re.findall(r"env=(\d+) [^\n]*name=vmm", text):
            m.command(f"kill {int(env):x}")
        m.settle()
        left.append(fuzz.free_pages(m))
    assert left[0] == left[1]
