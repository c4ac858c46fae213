"""The launcher: engines, terminal, private disks, and how it ends."""
import errno
import os
import re
import shutil
import subprocess
import sys

import pexpect
import pytest

from conftest import ROOT, Machine, detect

ENGINE = os.path.join(ROOT, "conf/engine.py")
CTRL_A = "\x01"
pytestmark = pytest.mark.timeout(180)


def launch(*args, **kwargs):
    return subprocess.run([sys.executable, ENGINE, *args], cwd=ROOT,
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, **kwargs)


def engine_processes(machine):
    """Ids of the processes that work on the machine's disks."""
    wanted = f"obj/run/{machine.pid}-".encode()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if wanted in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


# --- choosing ---------------------------------------------------------------

def test_doctor():
    run = launch("doctor")
    for engine in "kvm", "tcg", "bochs":
        report = re.search(rf"^{engine} +(.*(?:\n +.*)*)", run.stdout, re.M)
        assert report, run.stdout
        if "runs the host and guests" not in report[1]:
            assert "why: " in report[1] and "remedy: " in report[1]
    assert (run.returncode == 0) == \
        ("runs the host and guests" in run.stdout)


def test_doctor_without_engines(tmp_path):
    run = launch("doctor", env={"PATH": str(tmp_path)})
    assert run.returncode == 1
    assert "no qemu-system-x86_64" in run.stdout
    assert "no bochs" in run.stdout
    assert run.stdout.count("install") >= 2
    assert "Nothing here can run a guest." in run.stdout


@pytest.mark.parametrize("flags, error, vmx, nested, why, remedy", [
    ({"vmx"}, errno.EACCES, 0, None, "no permission", "usermod -aG kvm"),
    ({"vmx"}, errno.ENOENT, 0, None, "/dev/kvm", "modprobe kvm_intel"),
    (set(), errno.ENOENT, 0, None, "neither VMX nor SVM", "VT-x in the BIOS"),
    (set(), 0, 1, None, "in software", "VT-x in the BIOS"),
    ({"svm"}, 0, 0, None, "AMD", "Bochs"),
    ({"vmx"}, 0, 0, "N", "nested virtualization is off", "nested=1"),
    ({"vmx"}, 0, 0, "Y", "does not offer VMX", "Bochs"),
    ({"vmx"}, 0, 1, "Y", "", ""),
])
def test_what_doctor_says_of_kvm(monkeypatch, flags, error, vmx, nested, why,
                                 remedy):
    """Each kind of machine, of which there is but one here."""
    def open_kvm(*_):
        if error:
            raise OSError(error, os.strerror(error))
        return os.dup(1)

    def ioctl(_fd, request, *_):
        return {detect.KVM_GET_API_VERSION: detect.KVM_API_VERSION,
                detect.KVM_CREATE_VM: os.dup(1)}[request]
    monkeypatch.setattr(detect.os, "open", open_kvm)
    monkeypatch.setattr(detect.fcntl, "ioctl", ioctl)
    monkeypatch.setattr(detect, "cpu_flags", lambda: flags)
    monkeypatch.setattr(detect, "module_parameter", lambda *_: nested)
    monkeypatch.setattr(detect, "kvm_cpu", lambda: "host")
    monkeypatch.setattr(detect, "kvm_leaf1_ecx",
                        lambda _: detect.CPUID_1_ECX_VMX * vmx)
    engine = detect.kvm()
    assert why in engine.why and remedy in engine.remedy
    assert engine.guests == (not why)
    assert engine.runs == (not error and "software" not in why)


def test_no_engine_for_a_guest(tmp_path):
    """Without Bochs and without VMX in KVM: says why, does not start."""
    os.symlink(shutil.which("qemu-system-x86_64"),
               tmp_path / "qemu-system-x86_64")
    if "kvm   runs the host and guests" in launch("doctor").stdout:
        pytest.skip("KVM here runs guests")
    run = launch("run", "vmm", env={"PATH": str(tmp_path)},
                 stdin=subprocess.DEVNULL)
    assert run.returncode == 1
    assert "nothing here can run a guest" in run.stdout
    assert "install Bochs" in run.stdout


def test_forced_engine_that_is_missing(tmp_path):
    run = launch("run", "--engine", "bochs", env={"PATH": str(tmp_path)},
                 stdin=subprocess.DEVNULL)
    assert run.returncode == 1
    assert "bochs can't be used: no bochs" in run.stdout


def test_bochs_has_no_gdb():
    run = launch("run", "--engine", "bochs", "--gdb", "1",
                 stdin=subprocess.DEVNULL)
    assert run.returncode == 1 and "no gdb stub" in run.stdout


def test_engine_line(machine):
    m = machine("echo", engine="tcg")
    m.expect("Engine: tcg (QEMU")
    m.end()


def test_make_targets_pass_on_what_was_asked():
    for target, options in {
            "qemu-nox": [], "run-echo-nox": ["echo"],
            "bochs-nox": ["--engine 'bochs'"],
            "run-echo": ["--window", "echo"],
            "run-echo-nox-gdb": ["--gdb", "echo"]}.items():
        out = subprocess.run(
            ["make", "-n", target, "CPUS=4", "DISK=a b"], cwd=ROOT,
            text=True, stdout=subprocess.PIPE, check=True).stdout
        command = [line for line in out.splitlines() if "engine.py" in line]
        assert len(command) == 1
        for option in [*options, "--cpus 4", "--disk 'a b'"]:
            assert option in command[0]
        assert ("--window" in command[0]) == ("-nox" not in target)


# --- input ------------------------------------------------------------------

def test_input_from_a_pipe():
    run = launch("run", "--engine", "tcg",
                 input="echo one two three | wc\npoweroff\n")
    assert run.returncode == 0, run.stdout
    assert re.search(r"1\s+3\s+14", run.stdout)


def test_much_input_from_a_pipe():
    """More than any buffer on the way: nothing is lost."""
    lines = [f"echo line{i} is here" for i in range(300)]
    run = launch("run", "--engine", "tcg",
                 input="\n".join(lines) + "\npoweroff\n")
    assert run.returncode == 0
    shown = re.findall(r"^\r*line(\d+) is here", run.stdout, re.M)
    assert list(map(int, shown)) == list(range(300))


def test_no_input():
    run = launch("run", "--engine", "tcg", "echo", "hello",
                 stdin=subprocess.DEVNULL)
    assert run.returncode == 0 and "hello" in run.stdout


def test_end_of_input_is_a_ctrl_d():
    run = launch("run", "--engine", "tcg", "cat", input="some text")
    assert run.returncode == 0 and "some text" in run.stdout


def test_keys(machine):
    m = machine()
    m.boot()
    m.send(CTRL_A + "h")
    m.expect("Ctrl-a x")
    # The shell gets one Ctrl-A, which goes to the beginning of the line.
    m.send("cho begun" + CTRL_A + CTRL_A + "e\r")
    m.expect("\nbegun\n$ ")
    m.send(CTRL_A + "x")
    assert m.end() == 0


# --- the terminal afterwards ------------------------------------------------

def end_by_key(child):
    child.expect("\\$ $")
    child.send(CTRL_A + "x")


def end_by_poweroff(child):
    child.expect("\\$ $")
    child.send("poweroff\r")


def end_by_signal(child):
    child.expect("\\$ $")
    [pid] = subprocess.run(["pgrep", "-P", str(child.pid), "-f", "engine.py"],
                           stdout=subprocess.PIPE).stdout.split()
    os.kill(int(pid), 15)


@pytest.mark.parametrize("engine", ["tcg", "bochs"])
@pytest.mark.parametrize("end", [end_by_key, end_by_poweroff, end_by_signal])
def test_terminal_is_as_before(engine, end):
    script = (f"stty -g; {sys.executable} {ENGINE} run --engine {engine}; "
              "echo status $?; stty -g")
    child = pexpect.spawn("/bin/sh", ["-c", script], cwd=ROOT, timeout=120,
                          encoding="latin-1")
    try:
        child.expect(r"([0-9a-f:]{30,})\r\n")
        before = child.match[1]
        end(child)
        child.expect(r"status (\d+)\r\n([0-9a-f:]{30,})\r\n")
        assert child.match[2] == before
        assert child.match[1] == ("143" if end is end_by_signal else "0")
    finally:
        child.close(force=True)


# --- what is left -----------------------------------------------------------

@pytest.mark.parametrize("engine", ["tcg", "bochs"])
@pytest.mark.parametrize("signal", [15, 1])
def test_signal_leaves_nothing(machine, engine, signal):
    m = machine(engine=engine)
    m.boot()
    assert m.run_folders() and engine_processes(m)
    m.child.kill(signal)
    assert m.end() == 128 + signal
    assert not m.run_folders() and not engine_processes(m)


def test_killed_launcher_is_tidied_up_by_the_next(machine):
    m = machine()
    m.boot()
    [folder] = m.run_folders()
    m.child.kill(9)
    m.end()
    assert os.path.exists(folder)
    machine("echo").end()
    assert not os.path.exists(folder) and not engine_processes(m)


# --- disks ------------------------------------------------------------------

def test_two_at_once_and_each_from_the_same_start(machine):
    one, two = machine(), machine()
    one.boot()
    two.boot()
    one.shell("echo one >mark")
    assert one.shell("cat mark") == "one\n"
    assert "one" not in two.shell("cat mark")
    one.poweroff()
    two.poweroff()
    again = machine()
    again.boot()
    assert "one" not in again.shell("cat mark")


def test_disk_keeps_files(machine, tmp_path):
    options = ("--disk", str(tmp_path / "disk"))
    m = machine(options=options)
    m.boot()
    m.shell("echo kept >mark")
    other = machine(options=options)
    assert other.end() == 1
    assert "is in use by another machine" in other.output
    m.poweroff()
    m = machine(options=options, engine="bochs")
    m.boot()
    assert m.shell("cat mark") == "kept\n"
    m.poweroff()


# --- the engine's own prompt ------------------------------------------------

def test_qemu_monitor(machine):
    m = machine()
    m.boot()
    m.send(CTRL_A + "b")
    m.send("info status\r")
    m.expect("VM status: running")
    m.expect("(qemu) ")
    m.send(CTRL_A + "b")
    assert m.shell("echo back") == "back\n"
    m.poweroff()


def test_bochs_debugger(machine):
    m = machine(engine="bochs")
    m.boot()
    m.send(CTRL_A + "b")
    m.expect("<bochs:")
    m.send("c\r" + CTRL_A + "b")
    assert m.shell("echo back") == "back\n"
    m.poweroff()


def test_command_line_too_long():
    run = launch("run", "--engine", "tcg", "echo", "x" * 600,
                 stdin=subprocess.DEVNULL)
    assert run.returncode == 1 and "longer than" in run.stdout


def test_machines_are_ended_by_the_fixture():
    m = Machine()
    m.boot()
    m.close()
    assert not m.run_folders() and not engine_processes(m)
