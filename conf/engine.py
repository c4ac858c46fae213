#!/usr/bin/python3
"""Picks an engine, says which and why, and runs the kernel on it.

    engine.py run [options] [NAME ARGUMENT...]   a program, else the shell
    engine.py doctor                             what can run here
"""
import argparse
import os
import shlex
import signal
import sys

sys.dont_write_bytecode = True      # nothing outside obj/
import detect       # noqa: E402
import machine      # noqa: E402


def note(text):
    print(text, file=sys.stderr, flush=True)


def describe(engine):
    """The engine's report for the doctor."""
    if engine.guests:
        state = "runs the host and guests"
    elif engine.runs:
        state = "runs the host, but no guest"
    else:
        state = "can't be used"
    lines = [f"{engine.name:6}{state}"]
    if engine.version:
        lines.append(f"found: {engine.version}")
    if engine.why:
        lines.append(f"why: {engine.why}")
    if engine.remedy:
        lines.append(f"remedy: {engine.remedy}")
    return "\n      ".join(lines)


def doctor():
    engines = [find() for find in detect.FIND.values()]
    for engine in engines:
        print(describe(engine))
    able = [engine.name for engine in engines if engine.guests]
    if able:
        print(f"make run-vmm-nox will use {able[0]}.")
        return 0
    print("Nothing here can run a guest.")
    return 1


def choose_for_guest():
    """Nested KVM, else Bochs."""
    kvm = detect.kvm()
    if kvm.guests:
        return kvm, "KVM offers nested VMX"
    bochs = detect.bochs()
    if bochs.guests:
        return bochs, f"it has VMX; KVM can't run guests: {kvm.why}"
    reports = "\n".join(map(describe, (kvm, detect.tcg(), bochs)))
    raise machine.Failure(f"nothing here can run a guest:\n{reports}")


def choose_for_host(gdb):
    """KVM, else QEMU's emulation, else Bochs."""
    kvm = detect.kvm()
    if kvm.runs:
        return kvm, "KVM works here"
    tcg = detect.tcg()
    if tcg.runs:
        return tcg, f"no KVM: {kvm.why}"
    bochs = detect.bochs()
    if gdb:
        raise machine.Failure(f"gdb needs QEMU: {tcg.why}; {tcg.remedy}")
    if bochs.runs:
        return bochs, f"no QEMU: {tcg.why}"
    raise machine.Failure(f"no engine: {tcg.why}, {bochs.why}; run make deps")


def forced(name, guest, gdb):
    engine = detect.FIND[name]()
    if not engine.runs:
        raise machine.Failure(
            f"{name} can't be used: {engine.why}; {engine.remedy}")
    if gdb and name == "bochs":
        raise machine.Failure("Bochs has no gdb stub: use ENGINE=tcg or kvm")
    why = "as asked"
    if guest and not engine.guests:
        why += f", but it can't run a guest: {engine.why}"
    return engine, why


def choose(name, guest, gdb):
    """(engine, why it)."""
    if name:
        return forced(name, guest, gdb)
    if guest and not gdb:
        return choose_for_guest()
    return choose_for_host(gdb)


def run(opt):
    opt.cmdline = " ".join(opt.command)
    opt.qemu_extra = shlex.split(opt.qemu_extra)
    # vmm, vmmanager, and the tests whose names start alike
    guest = bool(opt.command) and opt.command[0].startswith("vm")
    opt.engine, why = choose(opt.engine, guest, opt.gdb)
    note(f"Engine: {opt.engine.name} ({opt.engine.version}): {why}.")
    if opt.window and not (os.environ.get("DISPLAY")
                           or os.environ.get("WAYLAND_DISPLAY")
                           or sys.platform == "darwin"):
        note("No display here: only the serial line.")
        opt.window = False
    if opt.gdb:
        with open("obj/gdb-target", "w") as f:
            f.write(f"target remote 127.0.0.1:{opt.gdb}\n")
        note(f"Waiting for gdb on port {opt.gdb}: gdb -x conf/gdbinit")
    note("Ctrl-a x ends the machine, Ctrl-a h lists the keys.")
    return machine.run(opt)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    sub = parser.add_subparsers(dest="action", required=True)
    sub.add_parser("doctor")
    add = sub.add_parser("run").add_argument
    add("--memory", type=int, default=256, metavar="MIB")
    add("--engine", choices=[*detect.FIND, ""], default="")
    add("--model", default="corei7_haswell_4770", help="Bochs's CPU model")
    add("--cpus", type=int, default=1)
    add("--window", action="store_true", help="with a screen")
    add("--gdb", type=int, help="wait for gdb on this port")
    add("--disk", help="keep the file system in this file")
    add("--qemu-extra", default="", help="further arguments for QEMU")
    add("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def end_on_signal(number, _frame):
    for ignored in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    opt = parse()
    if opt.action == "doctor":
        return doctor()
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(number, end_on_signal)
    try:
        return run(opt)
    except machine.Failure as failure:
        note(f"engine.py: {failure}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
