#!/usr/bin/python3
"""The figures: prints a table and writes obj/bench.json.

All but the build's time are Bochs ticks (about an instruction each) or counts,
exact and the same on every machine. Each machine is booted twice; the two must
agree to the tick.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from conftest import (GUEST_PROMPT, HOST_PROMPT, ROOT,  # noqa: E402
                      Machine, motd)

# key: the bound or None, what is measured, what others need for it (finished
# student trees of the courseware that came before; Linux KVM without
# mitigations).
FIGURES = {
    "vmcall_null": (200, "hypercall that does nothing, round trip",
                    24742, 999),
    "cpuid": (220, "cpuid exit, round trip", 24765, 964),
    "ept_demand_4k": (1000, "first touch of a 4 KiB page, zeroed",
                      25031, 6170),
    "sys_ept_map": (400, "one call, page present", None, None),
    "boot_to_vm_shell": (30_000_000, "boot block's first instruction to vm$",
                         650_000_000, None),
    "entry_to_vm_shell": (8_000_000, "first VM entry to vm$",
                          80_000_000, None),
    "exits_to_vm_shell": (5000, "exits from first entry to vm$ (count)",
                          None, None),
    "guest_disk": (5_000_000, "making a guest's 2 MiB disk",
                   500_000_000, None),
    "guest_start": (3_000_000, "VMM begins to load, to first entry",
                    None, None),
    "io_user": (1000, "port answered by a device model in the VMM",
                None, 3057),
    "vmcall_null_32_idle": (None, "vmcall_null beside 31 idle guests",
                            None, None),
    "idle_32": (1, "busy share with 32 guests at prompts, percent",
                None, None),
    "guest_overhead_pages": (16, "pages that a 16 MiB guest costs beyond it",
                             None, None),
    "fs_write_1m": (None, "writing a file of 1 MiB, on the disk for good",
                    None, None),
    "fs_sync": (None, "sync after a change of one file", None, None),
    "build_seconds": (10, "make -j2 from clean, seconds", 22, None),
}
GUEST_BOOT = re.compile(r"JOS guest\nPhysical memory: 16M, \d+ pages free\n"
                        r"VMX extension hidden from guest\n(?P<motd>.*)\Z",
                        re.DOTALL)
ESC = "\x1b"


def boot_to_guest_shell():
    """Boots to vm$ and asks the host what that took."""
    m = Machine("vmm", engine="bochs", patience=300)
    try:
        m.prompt = GUEST_PROMPT
        shown = GUEST_BOOT.search(m.boot())
        assert shown and shown["motd"] + "\n" == motd(), m.output
        m.send(ESC)
        m.prompt = HOST_PROMPT
        m.boot()
        stats = {key: int(value) for key, value in re.findall(
            r"\b(start|last|exits|boot_tsc)=(\d+)", m.shell("ps -l"))}
    finally:
        m.close()
    return {"boot_to_vm_shell": stats["last"] - stats["boot_tsc"],
            "entry_to_vm_shell": stats["last"] - stats["start"],
            "exits_to_vm_shell": stats["exits"]}


def measure_costs():
    """Programs that measure themselves, on a host that has just booted."""
    m = Machine(engine="bochs", patience=300)
    try:
        m.boot()
        output = (m.shell("vmm -b /guests/bench -k none -d none") +
                  m.shell("benchept") + m.shell("benchfs") +
                  m.shell("vmm -b /guests/devices -k none -d none") +
                  m.shell("vmm -v -b /guests/status"))
    finally:
        m.close()
    return {key: int(value)
            for key, value in re.findall(r"\b(\w+)=(\d+)", output)
            if key in FIGURES}


def measure_many():
    """Thirty-one guests sleep; what does one more cost, and all of them?"""
    m = Machine(engine="bochs", patience=400, options=("--memory", "512"))
    try:
        m.boot()
        for _ in range(31):
            m.command("vmm &")
        m.wait_halted(31)
        m.settle()
        null = re.search(r"vmcall_null=(\d+)", m.shell(
            "vmm -b /guests/bench -k none -d none"))
        m.command("vmm &")
        m.wait_halted(32)
        m.settle()
        share = re.search(r"idle_share=(\d+)", m.shell("benchidle"))
    finally:
        m.close()
    return {"vmcall_null_32_idle": int(null[1]),
            "idle_32": int(share[1]) / 100}


def build_seconds():
    """A copy of the sources, built from nothing."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "obj")) as tree:
        for name in filter(None, names.split("\0")):
            os.makedirs(os.path.join(tree, os.path.dirname(name)),
                        exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join(tree, name))
        start = time.monotonic()
        subprocess.run(["make", "-j2"], cwd=tree, check=True,
                       stdout=subprocess.DEVNULL)
        return round(time.monotonic() - start, 1)


def twice(measure):
    first, second = measure(), measure()
    assert first == second, f"two runs differ: {first} {second}"
    return first


def number(value):
    return "–" if value is None else f"{value:,}"


def main():
    figures = {**twice(measure_costs), **twice(boot_to_guest_shell),
               **measure_many(), "build_seconds": build_seconds()}
    FIGURES["vmcall_null_32_idle"] = (
        figures["vmcall_null"] + 10, *FIGURES["vmcall_null_32_idle"][1:])
    missed = 0
    row = "{:21} {:>12} {:>12}  {:>12} {:>9}  {}"
    print(row.format("", "measured", "at most", "courseware", "KVM", ""))
    for key, (bound, what, courseware, kvm) in FIGURES.items():
        too_much = bound is not None and figures[key] > bound
        missed += too_much
        print(row.format(key, number(figures[key]), number(bound),
                         number(courseware), number(kvm), what +
                         (" (MISSED)" if too_much else "")))
    with open(os.path.join(ROOT, "obj/bench.json"), "w") as out:
        json.dump({key: figures[key] for key in FIGURES}, out, indent=1)
        out.write("\n")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
