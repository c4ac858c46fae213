"""Attacks with small counts (test/fuzz.py has large ones): the host goes on,
serves a second guest, and all its pages are back."""
import re

import pytest

import fuzz
from conftest import guest_engine

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("fuzz")]
COUNTS = {"ports": 2000, "msrs": 500, "crs": 3000, "calls": 2000,
          "faults": 2000, "delivery": 1000, "irqs": 500, "insns": 1000,
          "tables": 200, "ipc": 300, "smc": 300, "high": 300}


@pytest.fixture(scope="module")
def host(shared_machine):
    m = shared_machine(engine=guest_engine(), patience=240)
    m.boot()
    fuzz.start_second_guest(m)
    # The file server keeps what it has read.
    fuzz.attack(m, fuzz.guest_attack("msrs", 1, 1))
    m.shell("wc bin/fuzzvm bin/ps bin/sync bin/vmmanager")
    return m


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", COUNTS)
def test_guest(host, kind, seed):
    before = fuzz.free_pages(host)
    end = fuzz.attack(host, fuzz.guest_attack(kind, seed, COUNTS[kind],
                                              2000))
    # These may end in whatever way; even seeds do not look for the end.
    if kind not in ("insns", "tables", "smc"):
        assert "done" in end
    assert fuzz.free_pages(host) == before


def test_vmm(host):
    before = fuzz.free_pages(host)
    end = fuzz.attack(host, "fuzzvm 3 50")
    assert "all pages are back" in end
    records = dict(re.findall(r"(\w+)=(\d+)", end))
    assert len(records) == 10 and "0" not in records.values(), records
    assert fuzz.free_pages(host) == before


def test_second_guest_is_served(host):
    fuzz.second_guest_answers(host)


def test_killed_on_other_processors(machine):
    m = machine(engine=guest_engine(), cpus=4, patience=240)
    m.boot()
    fuzz.start_second_guest(m)
    m.shell("fuzzsmp 1 1")
    m.shell("wc bin/ps bin/sync")
    before = fuzz.free_pages(m)
    end = fuzz.attack(m, "fuzzsmp 1 40")
    assert "all pages are back" in end
    assert int(re.search(r"(\d+) of them while", end)[1]) > 10, end
    assert int(re.search(r"(\d+) flushes", end)[1]) > 0, end
    assert fuzz.free_pages(m) == before
    fuzz.second_guest_answers(m)


@pytest.mark.parametrize("cpus", [1, 4])
def test_programs(machine, cpus):
    m = machine(cpus=cpus)
    m.boot()
    m.shell("wc bin/fuzzsys bin/ps bin/sync")
    m.shell("fuzzsys 1 1")
    before = fuzz.free_pages(m)
    assert "all pages are back" in fuzz.attack(m, "fuzzsys 1 50000")
    assert fuzz.free_pages(m) == before
    m.poweroff()
