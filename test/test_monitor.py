"""The kernel monitor: entered by a program's breakpoint and by a panic."""
import re

import pytest

from conftest import GUEST_PROMPT, HOST_PROMPT, guest_engine

PROMPT = "\nK> "
BACKSPACE, CTRL_U, UP = "\x7f", "\x15", "\x1b[A"


class Monitor:
    def __init__(self, machine):
        self.machine = machine
        machine.expect(PROMPT)
        self.greeting = machine.before()

    def run(self, line):
        """Obeys a line; what it prints, without the echo."""
        self.machine.send(line + "\r")
        self.machine.expect(PROMPT)
        return self.machine.before().partition("\n")[2]


@pytest.fixture
def monitor(machine):
    return Monitor(machine("breakpoint"))


@pytest.fixture(scope="module")
def shared(shared_machine):
    return Monitor(shared_machine("breakpoint"))


def test_greeting(shared):
    assert "Welcome to the JOS kernel monitor!\n" in shared.greeting
    assert "Type 'help' for a list of commands.\n" in shared.greeting
    assert "Breakpoint" in shared.greeting


def test_help(shared):
    names = [line.split()[0] for line in shared.run("help").splitlines()]
    assert {"help", "kerninfo", "backtrace", "mappings", "envs", "guests",
            "ept", "regs", "continue", "step", "poweroff"} <= set(names)


def test_kerninfo(shared):
    shown = shared.run("kerninfo")
    assert "host" in shown
    text = re.search(r"text +0x(\w+) - 0x(\w+)", shown)
    assert 0xffff800000100000 <= int(text[1], 16) < int(text[2], 16)


def test_backtrace(shared):
    shown = shared.run("backtrace")
    assert re.search(r" trap\+\d+ +kern/trap\.c:\d+\n", shown)
    assert re.search(r"user code at 000000000080\w+, rsp 0000007f", shown)


def test_registers(shared):
    shown = shared.run("regs")
    assert re.search(r"rip 000000000080\w{4} ", shown)
    assert "cs 001b" in shown and re.search(r"cr3 \w+", shown)


def test_environments(shared):
    rows = [line.split() for line in shared.run("envs").splitlines()]
    kinds = {row[-1]: (row[2], row[5]) for row in rows}
    assert kinds["fs"][0] == "fs"
    assert kinds["breakpoint"] == ("user", "running")
    assert kinds["init"][0] == "user"


def test_mapping_of_an_address(shared):
    rows = shared.run("mappings 800123").splitlines()
    assert [row.split("[")[0].strip() for row in rows[:4]] == \
        ["PML4", "PDPT", "PD", "PT"]
    flags = rows[3].split()[-1]
    assert flags.startswith("P-U") and not flags.endswith("n")
    assert re.fullmatch(r"0000000000800123 -> \w+123", rows[4])
    assert "is not mapped" in shared.run("mappings 0")
    assert "is not mapped" in shared.run("mappings 7fffffe000")


def test_mapping_of_a_range(shared):
    """All of the address space: nobody may write where he may execute."""
    rows = shared.run("mappings 0 ffffffffffffffff").splitlines()
    regions = [re.fullmatch(r"(\w{16})-(\w{16}) -> \w{16}  (\S+)", row)
               for row in rows]
    ends = [int(r[n], 16) for r in regions for n in (1, 2)]
    assert ends == sorted(ends)
    assert ends[0] == 0x800000 and ends[-1] >= 0xffff800000200000
    assert not [r[0] for r in regions if r[3][1] == "W" and r[3][-1] != "n"
                and int(r[1], 16) < 1 << 47]


def test_mapping_of_another_environment(shared):
    init = re.search(r"(\w{8}) .* init\n", shared.run("envs"))[1]
    assert shared.run("mappings 800000 800fff " + init) != \
        shared.run("mappings 800000 800fff")


@pytest.mark.parametrize("line, says", [
    ("nonsense", "Unknown command 'nonsense'"),
    ("mappings", "usage: mappings VA"),
    ("mappings 1 2 3 4", "usage: mappings VA"),
    ("mappings xyz", "xyz is no number"),
    ("mappings 0 0 7", "7 is no environment"),
    ("ept 1001 0", "1001 is no guest"),
    ("ept ffffffff 0", "ffffffff is no environment"),
    ("failalloc f", "f is no number"),
    ("a b c d e f g h i j k", "Unknown command 'a'"),
    ("", ""),
    ("kernx" + BACKSPACE + "info", "Kernel in"),
    ("nonsense" + CTRL_U + "kerninfo", "Kernel in"),
    (UP + "kerninfo", "Kernel in"),
    ("x" * 300, "Unknown command 'xxx"),
])
def test_line(shared, line, says):
    assert says in shared.run(line)


def test_step_and_continue(monitor):
    rips = [int(re.search(r"rip (\w{16})", shown)[1], 16)
            for shown in (monitor.run("regs"), monitor.run("step"),
                          monitor.run("step"))]
    assert rips[0] < rips[1] and rips[1] != rips[2]
    monitor.machine.send("continue\r")
    monitor.machine.expect("\nbreakpoint: back from the monitor\n")
    assert monitor.machine.end() == 0


def test_panic_comes_here(monitor):
    monitor.machine.send("panic\r")
    again = Monitor(monitor.machine)
    assert re.search(r"kernel panic on CPU 0 at kern/monitor\.c:\d+: asked "
                     "for in the monitor\n", again.greeting)
    shown = again.run("backtrace")
    assert re.search(r"cmd_panic\+\d+ +kern/monitor\.c:\d+", shown)
    assert re.search(r" trap\+\d+ +kern/trap\.c:\d+", shown)
    assert "Nothing was interrupted." in again.run("regs")
    assert "No program was interrupted." in again.run("step")
    assert "init" in again.run("envs")


def test_other_processors_run_on(machine):
    monitor = Monitor(machine("breakpoint", cpus=4))
    assert "4 of 8 processors" in monitor.run("kerninfo")
    assert re.search(r" trap\+\d+ ", monitor.run("backtrace"))
    monitor.machine.send("continue\r")
    assert monitor.machine.end() == 0


def test_poweroff(monitor):
    monitor.machine.send("poweroff\r")
    assert monitor.machine.end() == 0


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("guest")
def test_guest(machine):
    """A guest in the background, seen from the host's monitor."""
    m = machine("vmm", engine=guest_engine(), patience=240)
    m.expect(GUEST_PROMPT)
    m.send("\x1b")
    m.expect(HOST_PROMPT)
    m.send("breakpoint\r")
    monitor = Monitor(m)
    row = re.search(r"^(\w{8}) +16384 +(\d+) +(\d+) ", monitor.run("guests"),
                    re.M)
    assert int(row[2]) > 10 and int(row[3]) >= 4
    assert re.search(row[1] + r" \w{8} guest ", monitor.run("envs"))
    walk = monitor.run(f"ept {row[1]} 7abc").splitlines()
    assert [line.split()[1] for line in walk[:4]] == ["3", "2", "1", "0"]
    assert all("RWX" in line for line in walk[:4])
    assert re.fullmatch(r"0000000000007abc -> \w{13}abc", walk[4])
    assert "is not mapped" in monitor.run(f"ept {row[1]} a0000")
    assert "A guest: see ept" in monitor.run(f"mappings 0 1 {row[1]}")
    m.send("continue\r")
    m.expect(HOST_PROMPT)
