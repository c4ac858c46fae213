"""Which machines there are to run the kernel on, and which can run a guest.

An engine that can't do something tells why and what helps; nothing is
concluded from a file's mere existence (KVM without nested VMX boots a kernel
that sees no VMX).
"""
import errno
import fcntl
import functools
import glob
import os
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass

QEMU = "qemu-system-x86_64"
BOCHS = os.environ.get("BOCHS", "bochs")

# <linux/kvm.h>
KVM_GET_API_VERSION = 0xAE00
KVM_CREATE_VM = 0xAE01
KVM_GET_SUPPORTED_CPUID = 0xC008AE05
KVM_API_VERSION = 12
CPUID_1_ECX_VMX = 1 << 5

BIOS_DIRS = ("/usr/share/bochs", "/usr/local/share/bochs",
             "/opt/homebrew/share/bochs", "/usr/share/vgabios",
             "/usr/share/seabios")
BOCHS_DISPLAYS = ("sdl2", "sdl", "term", 'rfb, options="timeout=0"')


NESTED = ("enable Intel VT-x in the BIOS setup; in a virtual machine, have "
          "its host turn on nested virtualization; else use Bochs (package "
          "bochs)")


class Unusable(Exception):
    """Why something can't be done, and what helps."""

    def __init__(self, why, remedy=""):
        super().__init__(why)
        self.why, self.remedy = why, remedy


@dataclass
class Engine:
    name: str
    runs: bool = False      # can run the host kernel
    guests: bool = False    # and a guest in it
    version: str = ""
    why: str = ""           # why not
    remedy: str = ""
    cpu: str = "max"        # QEMU's name of the processor


@functools.lru_cache(None)
def first_line(*command):
    """First line that a command prints, "" when it can't be run."""
    try:
        out = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=20,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return out.stdout.decode(errors="replace").partition("\n")[0]


def cpu_flags():
    try:
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


def module_parameter(module, name):
    try:
        with open(f"/sys/module/{module}/parameters/{name}") as f:
            return f.read().strip()
    except OSError:
        return None


def kvm_leaf1_ecx(fd):
    """CPUID leaf 1, ECX, as KVM can show it to its machines."""
    room = 256
    buf = bytearray(struct.pack("II", room, 0) + bytes(40 * room))
    fcntl.ioctl(fd, KVM_GET_SUPPORTED_CPUID, buf)
    count, = struct.unpack_from("I", buf)
    for i in range(count):
        leaf, _, _, _, _, ecx, _ = struct.unpack_from("7I", buf, 8 + 40 * i)
        if leaf == 1:
            return ecx
    return 0


def explain_no_kvm(err):
    """Why /dev/kvm can't be opened, and what helps."""
    if err.errno in (errno.EACCES, errno.EPERM):
        return ("no permission to open /dev/kvm",
                "sudo usermod -aG kvm $USER, then log in again")
    if os.uname().machine not in ("x86_64", "amd64"):
        return (f"KVM on {os.uname().machine} runs no x86 machine", "")
    if not cpu_flags() & {"vmx", "svm"}:
        return "no /dev/kvm, and the CPU shows neither VMX nor SVM", NESTED
    return (f"/dev/kvm: {err.strerror}",
            "sudo modprobe kvm_intel (as root; kvm_amd on AMD)")


def explain_no_vmx():
    """KVM works, but its machines see no VMX."""
    if "svm" in cpu_flags():
        return ("this is an AMD processor: it has SVM, the guest needs VMX",
                "use Bochs (package bochs)")
    if module_parameter("kvm_intel", "nested") in ("N", "0"):
        return ("nested virtualization is off in kvm_intel",
                "sudo modprobe -r kvm_intel && sudo modprobe kvm_intel "
                "nested=1; to keep it: echo 'options kvm_intel nested=1' | "
                "sudo tee /etc/modprobe.d/kvm.conf")
    return ("KVM does not offer VMX to its machines",
            "update the host's kernel, or use Bochs (package bochs)")


def kvm_cpu():
    """A -cpu argument with which QEMU can start a machine on this KVM.

    Only a trial tells: some KVMs offer MSRs that they then refuse to set.
    """
    for cpu in "host", "host,-arch-capabilities":
        trial = subprocess.run(
            [QEMU, "-accel", "kvm", "-cpu", cpu, "-nodefaults", "-display",
             "none", "-S", "-monitor", "stdio"], input=b"quit\n", timeout=20,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if trial.returncode == 0:
            return cpu
    raise Unusable("QEMU can't start a machine on this KVM",
                   "use ENGINE=tcg, or Bochs for guests")


def kvm_offers_vmx():
    """Whether the machines that KVM makes have VMX."""
    try:
        fd = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError as err:
        raise Unusable(*explain_no_kvm(err)) from None
    try:
        if fcntl.ioctl(fd, KVM_GET_API_VERSION) != KVM_API_VERSION:
            raise Unusable("/dev/kvm speaks an unknown version")
        os.close(fcntl.ioctl(fd, KVM_CREATE_VM, 0))
        return bool(kvm_leaf1_ecx(fd) & CPUID_1_ECX_VMX)
    except OSError as err:
        raise Unusable(f"KVM refuses to make a machine: {err.strerror}",
                       "end other hypervisors, they hold the CPU's VMX")
    finally:
        os.close(fd)


def check_kvm(engine):
    if not shutil.which(QEMU):
        raise Unusable(f"no {QEMU}", "install QEMU: make deps")
    engine.version = first_line(QEMU, "--version")
    vmx = kvm_offers_vmx()
    if not cpu_flags() & {"vmx", "svm"}:
        # Such a KVM emulates a part of the instructions, too small for us.
        raise Unusable("the CPU shows neither VMX nor SVM, so this is a KVM "
                       "in software, which can't run all of x86", NESTED)
    engine.cpu = kvm_cpu()
    engine.runs, engine.guests = True, vmx
    if not vmx:
        raise Unusable(*explain_no_vmx())
    engine.cpu += ",+vmx"


def kvm():
    engine = Engine("kvm")
    try:
        check_kvm(engine)
    except Unusable as reason:
        engine.why, engine.remedy = reason.why, reason.remedy
    return engine


def tcg():
    engine = Engine("tcg")
    engine.version = first_line(QEMU, "--version")
    engine.runs = bool(engine.version)
    if engine.runs:
        engine.why = "QEMU's own emulation has no VMX"
        engine.remedy = "use nested KVM or Bochs"
    else:
        engine.why, engine.remedy = f"no {QEMU}", "install QEMU: make deps"
    return engine


def bochs_rom(name):
    for folder in BIOS_DIRS:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return None


def bochs_roms():
    """Paths of the BIOS and of the VGA BIOS, None for what is missing."""
    return (bochs_rom("BIOS-bochs-latest"),
            bochs_rom("VGABIOS-lgpl-latest") or bochs_rom("vgabios.bin"))


@functools.lru_cache(None)
def ask_bochs(*args):
    out = subprocess.run([BOCHS, *args], stdin=subprocess.DEVNULL, timeout=20,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return out.stdout.decode(errors="replace")


def bochs_version():
    match = re.search(r"Bochs x86 Emulator \S+", ask_bochs("--help"))
    return match[0] if match else "Bochs"


def bochs_has_debugger():
    return "-rc filename" in ask_bochs("--help")


def bochs_display():
    """A display library that this Bochs has; it works without a screen."""
    folder = re.search("default '(.*)'", ask_bochs("--help"))
    for display in BOCHS_DISPLAYS if folder else ():
        name = display.partition(",")[0]
        if glob.glob(os.path.join(folder[1], f"libbx_{name}_gui.*")):
            return display
    return BOCHS_DISPLAYS[0]


def bochs():
    engine = Engine("bochs", remedy="install Bochs: make deps")
    if not shutil.which(BOCHS):
        engine.why = f"no {BOCHS}"
        return engine
    engine.version = bochs_version()
    bios, vgabios = bochs_roms()
    if not bios:
        engine.why = "no BIOS-bochs-latest (package bochsbios)"
    elif not vgabios:
        engine.why = "no VGA BIOS (package vgabios)"
    elif "corei7_haswell_4770" not in ask_bochs("--help", "cpu"):
        engine.runs = True
        engine.why = "this Bochs lacks the CPU model corei7_haswell_4770"
        engine.remedy = "build Bochs with --enable-vmx=2"
    else:
        engine.runs = engine.guests = True
        engine.remedy = ""
    return engine


FIND = {"kvm": kvm, "tcg": tcg, "bochs": bochs}
