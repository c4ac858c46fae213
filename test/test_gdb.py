"""Breakpoints in the kernel and in user programs, by the stock gdb."""
import shutil
import socket
import subprocess

import pytest

from conftest import ROOT

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("gdb")]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def gdb(*commands):
    args = [shutil.which("gdb"), "-nx", "-batch", "-x", "conf/gdbinit"]
    for command in commands:
        args += ["-ex", command]
    run = subprocess.run(args, cwd=ROOT, text=True, timeout=120,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    return run.stdout


def test_kernel_breakpoint(machine):
    m = machine("echo", "hello", options=("--gdb", str(free_port())))
    m.expect("Waiting for gdb")
    m.expect("Ctrl-a h")
    out = gdb("hbreak env_create", "continue", "print name", "backtrace",
              "delete", "detach")
    assert "Breakpoint 1, env_create (" in out and "kern/env.c" in out, out
    assert '"fs"' in out and "i386_init" in out, out
    m.expect("hello")
    assert m.end() == 0


def test_user_breakpoint(machine):
    m = machine("echo", "hello", options=("--gdb", str(free_port())))
    m.expect("Waiting for gdb")
    m.expect("Ctrl-a h")
    out = gdb("stop echo", "continue", "print argc",
              "print argv[1]", "backtrace", "delete", "detach")
    assert "Breakpoint 1, umain (" in out and "user/echo.c" in out, out
    assert '"hello"' in out and "libmain" in out, out
    m.expect("hello")
    assert m.end() == 0
