#!/usr/bin/python3
"""Attacks with large counts: make fuzz SEED=… N=….

N is the count for each kind of attack; the seed repeats a run. The figures of
each, the pages that are free before and after, and what the host says to a
second guest afterwards.
"""
import argparse
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from conftest import GUEST_PROMPT, HOST_PROMPT, Machine, motd  # noqa: E402

ESC = "\x1b"
# Guests' kinds of attacks, and what share of N each gets.
GUEST_KINDS = {"ports": 1, "msrs": 1, "crs": 1, "calls": 1, "faults": 1,
               "insns": 1, "tables": 0.1, "ipc": 0.1, "smc": 0.3}
HOST_FUZZERS = {"devices": "test_devices.py::test_fuzz",
                "mmio": "test_mmio.py::test_fuzz",
                "exits": "test_host_vmm.py::test_fuzz[exits]",
                "loader": "test_host_vmm.py::test_fuzz[loader]"}
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


def guest_attack(kind, seed, count, limit_ms=60000):
    return (f"vmm -b /guests/fuzz -k none -d none -t {limit_ms} "
            f"-a '{kind} {seed} {count}'")


def attack(m, line):
    """Runs it; how it ended, in a few words."""
    output = m.shell(line)
    assert not PANIC.search(output), output
    said = DONE.search(output) or re.search(r"fuzz(?:vm|sys) seed=.*", output)
    if said:
        return said[1] if said.re is DONE else said[0]
    ended = ENDED.search(output)
    assert ended, output
    return ended[1] or ended[0]


def guest_attacks(m, seed, n):
    """All kinds, each in a guest of its own: kind and its end."""
    for kind, share in GUEST_KINDS.items():
        line = guest_attack(kind, seed, max(1, int(n * share)))
        yield kind, attack(m, line)


def program_attack(m, name, seed, count):
    yield name, attack(m, f"{name} {seed} {count}")


def report(m, attacks):
    before = free_pages(m)
    for kind, end in attacks:
        print(f"  {kind:8} {end}", flush=True)
    after = free_pages(m)
    print(f"  free pages: {before} before, {after} after", flush=True)
    return before != after


def on_bochs(seed, n):
    """Guests and VMMs."""
    m = Machine(engine="bochs", patience=3600)
    try:
        m.boot()
        start_second_guest(m)
        attack(m, guest_attack("msrs", 1, 1))
        attack(m, "fuzzvm 1 1")
        lost = report(m, guest_attacks(m, seed, n))
        lost += report(m, program_attack(m, "fuzzvm", seed,
                                         max(1, n // 100)))
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
    """What is compiled for this machine, under libFuzzer: N inputs each."""
    env = dict(os.environ, FUZZ_SEED=str(seed % 2**32), FUZZ_RUNS=str(n))
    failed = 0
    for name, test in HOST_FUZZERS.items():
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             "-o", "timeout=0", test], cwd=os.path.dirname(__file__),
            env=env, stdout=subprocess.PIPE, text=True)
        failed += done.returncode != 0
        print(f"  {name:8} {n} inputs" if done.returncode == 0 else
              f"{done.stdout}  {name:8} failed", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=100_000)
    args = parser.parse_args()
    print(f"make fuzz SEED={args.seed} N={args.count}", flush=True)
    failed = 0
    for what, run in (
            ("host", lambda: on_host(args.seed, args.count)),
            ("guests, on Bochs", lambda: on_bochs(args.seed, args.count)),
            ("programs", lambda: on_tcg(args.seed, args.count, 1)),
            ("programs, 4 processors",
             lambda: on_tcg(args.seed, args.count, 4))):
        print(what, flush=True)
        failed += run()
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
