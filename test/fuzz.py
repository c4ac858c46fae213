#!/usr/bin/python3
"""Attacks with large counts: make fuzz SEED=… N=….

N is the count of what is cheapest, and sets those of all others; the seed
repeats a run. Each line of the summary is a kind of attack, what was done and
how it ended; the pages that are free before and after, and what the host says
to a second guest.
"""
import argparse
import os
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from conftest import (GUEST_PROMPT, HOST_PROMPT, Machine,  # noqa: E402
                      guest_engine, motd)
from test_host_fuzz import FUZZERS, compile_fuzzer, fuzz  # noqa: E402

ESC = "\x1b"
# Guests' kinds of attacks: the share of N, and how many at most in one guest.
# 0: each port once, in each width and direction.
GUEST_KINDS = {"ports": (0, 1), "msrs": (1, 1e9), "crs": (1, 1e9),
               "calls": (1, 1e9), "faults": (0.5, 1e9),
               "delivery": (0.5, 1e9), "irqs": (0.2, 1e9),
               "insns": (0.1, 1000), "tables": (0.02, 1000),
               "ipc": (0.1, 1e9), "smc": (0.2, 1e9), "high": (0.2, 1e9)}
DONE = re.compile(r"fuzz \w+ seed=\d+: (\d+ done, \d+ faults)")
ENDED = re.compile(r"\] guest (.*): ended|Unhandled VMEXIT|ended with status")
# How the host's own end would look.
PANIC = re.compile(r"kernel panic|\bK> ")


def free_pages(m):
    m.shell("sync")
    m.shell("ps -l")        # an ended parent's child may have been ending
    return int(re.search(r"\bfree=(\d+)", m.shell("ps -l"))[1])


def start_second_guest(m):
    """A guest with a shell, in the background."""
    m.send("vmm\r")
    m.expect(GUEST_PROMPT)
    m.send(ESC)
    m.expect(HOST_PROMPT)


def second_guest_answers(m):
    m.send("vmmanager 1\r")
    m.expect("Resume vm.1")
    m.send("cat motd\r")
    m.expect(GUEST_PROMPT)
    assert motd().split("\n")[0] in m.before(), m.output
    m.send(ESC)
    m.expect(HOST_PROMPT)


def guest_attack(kind, seed, count, limit_ms=300000):
    memory = "-m 4112 " if kind == "high" else ""
    return (f"vmm -b /guests/fuzz -k none -d none {memory}-t {limit_ms} "
            f"-a '{kind} {seed} {count}'")


def attack(m, line):
    """Runs it; how it ended, in a few words."""
    output = m.shell(line)
    assert not PANIC.search(output), output
    assert "rules broken" not in output, output
    said = DONE.search(output)
    if said:
        return said[1]
    said = re.search(r"fuzz(?:vm|sys|smp) seed=\d+: (.*)", output)
    if said:
        kinds = re.findall(r"^(?:records:|\w+ mode:|\d+ accesses).*",
                           output, re.M)
        return "; ".join(kinds + [said[1]])
    ended = ENDED.search(output)
    if ended:
        return ended[1] or ended[0]
    assert "Loading guest" in output, output    # its code led it astray
    return "ended with status 0"


def guest_attacks(m, seed, n):
    """All kinds, as often as that: kind and how the guests ended."""
    for kind, (share, batch) in GUEST_KINDS.items():
        left, ends = int(n * share), []
        while left > 0 or not ends:
            count = int(min(left, batch))
            limit = 3000 if batch == 1000 else 600000
            ends.append(attack(m, guest_attack(kind, seed + len(ends), count,
                                               limit)))
            left -= count
        done = [end for end in ends if "done" in end]
        yield kind, ends[0] if len(ends) == 1 else (
            f"{len(ends)} guests of {int(batch)}, {len(ends) - len(done)} "
            "ended before")


def program_attack(m, name, seed, count):
    yield name, attack(m, f"{name} {seed} {count}")


def monitor(m, line):
    assert m.expect("K> ", " loses ") == 0, m.output[-500:]
    m.send(f"{line}\r")


def nomem_attempt(m, fail):
    """One attempt of testnomem: what it showed, and how many allocations
    were left until the one that fails."""
    monitor(m, f"failalloc {fail}")
    monitor(m, "continue")
    monitor(m, "failalloc 0")
    shown = m.before()
    m.expect(" allocations were left")
    left = int(m.before().split()[-1])
    monitor(m, "continue")
    return shown, left


def nomem(m):
    """Each page allocation of testnomem's work fails in turn: how many there
    are, and how many attempts ended at which step."""
    m.send("testnomem 1\r")
    nomem_attempt(m, 0)
    total = 10**6 - nomem_attempt(m, 10**6)[1]
    m.expect("all pages are back")
    m.expect(HOST_PROMPT)
    m.send(f"testnomem {total}\r")
    nomem_attempt(m, 0)
    ends = {}
    for fail in range(1, total + 1):
        shown, left = nomem_attempt(m, fail)
        assert left == 0, (fail, shown)
        step = re.search(r"^(\w+): (-4|-1|1)$", shown, re.M)
        m.expect_regex(r"attempt \d+: status (-?\d+)")
        end = (step[1] if step else "in itself" if "out of memory" in shown
               else "none")
        assert (m.match[1] == "0") == (end == "none"), (fail, shown)
        ends[end] = ends.get(end, 0) + 1
    m.expect("all pages are back")
    m.expect(HOST_PROMPT)
    return total, ends


def report(m, attacks):
    before = free_pages(m)
    for kind, end in attacks:
        print(f"  {kind:8} {end}", flush=True)
    after = free_pages(m)
    print(f"  free pages: {before} before, {after} after", flush=True)
    return before != after


def on_bochs(seed, n, cpus):
    """Guests and VMMs."""
    m = Machine(engine=guest_engine(), cpus=cpus, patience=3600)
    try:
        m.boot()
        start_second_guest(m)
        attack(m, guest_attack("msrs", 1, 1))
        attack(m, "fuzzvm 1 1")
        attack(m, "fuzzsmp 1 1")
        lost = report(m, guest_attacks(m, seed, n))
        vmms = max(1, n // 100)
        lost += report(m, program_attack(m, "fuzzvm", seed, vmms))
        # With one processor nothing happens at the same time.
        lost += report(m, program_attack(m, "fuzzsmp", seed,
                                         vmms if cpus > 1 else
                                         max(1, vmms // 100)))
        second_guest_answers(m)
        return lost
    finally:
        m.close()


def on_tcg(seed, n, cpus):
    """Programs."""
    m = Machine(cpus=cpus, patience=3600)
    try:
        m.boot()
        m.shell("fuzzsys 1 1")
        return report(m, program_attack(m, "fuzzsys", seed, n * 10))
    finally:
        m.close()


def on_host(seed, n):
    """What is compiled for this machine, under libFuzzer."""
    failed = 0
    for name, (_, runs) in FUZZERS.items():
        runs = max(1, n * runs // 10_000)
        with tempfile.TemporaryDirectory() as folder:
            binary = compile_fuzzer(name, os.path.join(folder, name))
            found = os.path.join(folder, "found")
            os.mkdir(found)
            status, output = fuzz(binary, name, runs, seed % 2**32, found)
        print(f"  {name:8} {runs} inputs" if status == 0 else
              f"{output}  {name:8} failed", flush=True)
        failed += status != 0
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=1_000_000)
    args = parser.parse_args()
    print(f"make fuzz SEED={args.seed} N={args.count}", flush=True)
    failed = 0
    for what, run, *how in (
            ("host", on_host, args.count),
            ("guests and VMMs", on_bochs, args.count, 1),
            ("guests and VMMs, 4 processors", on_bochs, args.count // 10, 4),
            ("programs", on_tcg, args.count, 1),
            ("programs, 4 processors", on_tcg, args.count, 4)):
        start = time.time()
        print(what, flush=True)
        failed += run(args.seed, *how)
        print(f"  {time.time() - start:.0f} seconds", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
