"""Many guests at once: 32 of 16 MiB on a host of 512 MiB, on one processor and
on four; fair shares; and what a VMM's calls do."""
import re

import pytest

from conftest import GUEST_PROMPT, HOST_PROMPT, guest_engine

GUESTS = 32
HUNDREDTH = 100                 # of a processor, as benchidle counts
SPIN = "vmm -b /guests/spin -k none -d none &"
pytestmark = pytest.mark.timeout(600)


def start(machine, cpus=1, patience=100):
    m = machine(engine=guest_engine(), cpus=cpus, patience=patience,
                options=("--memory", "512"))
    m.boot()
    return m


def numbers(text, name):
    return [int(n) for n in re.findall(rf"\b{name}=(\d+)", text)]


@pytest.mark.parametrize("cpus", [1, 4])
def test_32_guests_at_their_prompts(machine, cpus):
    m = start(machine, cpus)
    m.command("vmm &")
    m.command("sh many")
    text = m.wait_halted(GUESTS)
    assert len(re.findall(r"vm=\d+ .*pages=\d+", text)) == GUESTS
    # Nobody has anything to do, so the processors sleep.
    m.settle()
    assert numbers(m.shell("benchidle"), "idle_share")[0] <= HUNDREDTH
    m.send(f"vmmanager {GUESTS}\r")
    m.expect("Resume vm.")
    m.send("\r")
    m.expect(GUEST_PROMPT)
    m.send("echo from the last\r")
    m.expect("\nfrom the last\n")
    assert "ignored" not in m.output    # of interrupts
    # Nor do they take anything from one that spins in the last one's place.
    m.send("poweroff\r")
    m.expect(HOST_PROMPT)
    m.command(SPIN)
    while 0 in (exits := numbers(m.listing(), "exits")) or len(exits) < GUESTS:
        pass
    m.settle()
    share = numbers(m.shell("benchidle"), "guest_share")[0]
    assert share > 97 * HUNDREDTH


def test_spinning_guests_share_a_processor(machine):
    """25 % each of four, whether they spin with interrupts off or do nothing
    but exit."""
    m = start(machine, patience=60)
    for guest in "spin", "exits", "spin", "exits":
        m.command(f"vmm -b /guests/{guest} -k none -d none &")

    def ticks(text):
        return numbers(" ".join(re.findall(r"env=.*name=guest", text)),
                       "ticks")
    before = ticks(m.listing())
    for _ in range(12):         # until half a second has passed
        after = m.listing()
    gone = [b - a for a, b in zip(before, ticks(after))]
    assert len(gone) == 4
    for each in gone:
        assert abs(each / (sum(gone) / 4) - 1) < 0.08, gone


def test_calls_of_a_monitor(machine):
    m = start(machine)
    assert re.search(r"testvm: \d+ checks", m.shell("testvm"))
    output = m.shell("vmm -b /guests/devices -k none -d none")
    assert "serial line works" in output
    assert "date: 20010909" in output       # Bochs's, see conf/machine.py
    assert "timer ticks: 5" in output
    assert "." * 200 in output
    assert "ended with status 21" in output
    assert "status -1" in m.shell(
        "vmm -t 200 -b /guests/spin -k none -d none")


def test_typed_ahead_reaches_the_guest_whole(machine):
    """Characters that come before the guest can read."""
    m = machine("vmm", engine=guest_engine(), patience=240)
    m.send("echo one\recho two\r")
    m.expect("\none\n")
    m.expect("\ntwo\n")
    m.prompt = GUEST_PROMPT
    m.poweroff()
