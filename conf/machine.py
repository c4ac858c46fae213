"""One run of a machine: its private disks, its engine's command line, its end.

Every run works on copies under obj/run/, so runs don't disturb each other and
each starts from what was built; DISK=file alone keeps a file system.
"""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile

import detect
from terminal import Line, RawTerminal, Session

KERNEL_IMG = "obj/kern/kernel.img"
FS_IMG = "obj/fs/fs.img"
RUNS = "obj/run"
SECTOR = 512
BLOCK = 1 << 20


class Failure(Exception):
    """Ends the launcher with this message."""


def sparse_copy(src, dst):
    """Copies a file's data and leaves its holes."""
    with open(src, "rb") as fin, open(dst, "wb") as fout:
        size = os.fstat(fin.fileno()).st_size
        fout.truncate(size)
        start = 0
        while start < size:
            try:
                start = os.lseek(fin.fileno(), start, os.SEEK_DATA)
            except OSError:         # a hole up to the end
                return
            end = os.lseek(fin.fileno(), start, os.SEEK_HOLE)
            fin.seek(start)
            fout.seek(start)
            while start < end:
                data = fin.read(min(BLOCK, end - start))
                fout.write(data)
                start += len(data)


def lock(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_dead_runs():
    """Removes what runs left that were killed without warning."""
    for name in os.listdir(RUNS):
        folder = os.path.join(RUNS, name)
        try:
            fd = os.open(os.path.join(folder, "lock"), os.O_RDWR)
        except OSError:
            continue
        if lock(fd):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(fd)


class Disks:
    """The run's folder with the images in it; gone at the end."""

    def __init__(self, cmdline, keep):
        self.cmdline = cmdline.encode("ascii")
        self.keep = keep
        if len(self.cmdline) >= SECTOR:
            raise Failure(f"the command line is longer than {SECTOR - 1}")

    def __enter__(self):
        for image in KERNEL_IMG, FS_IMG:
            if not os.path.exists(image):
                raise Failure(f"no {image}: run make first")
        os.makedirs(RUNS, exist_ok=True)
        remove_dead_runs()
        self.locks = []
        self.folder = tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=RUNS)
        try:
            self.fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def fill(self):
        self.hold(self.path("lock"))
        self.kernel = self.path("kernel.img")
        sparse_copy(KERNEL_IMG, self.kernel)
        with open(self.kernel, "r+b") as image:
            image.seek(SECTOR)
            image.write(self.cmdline.ljust(SECTOR, b"\0"))
        self.fs = self.keep or self.path("fs.img")
        if self.keep:
            self.hold(self.keep)
            if os.path.getsize(self.keep):
                return
        sparse_copy(FS_IMG, self.fs)

    def hold(self, path):
        """Creates the file when missing, and locks it."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self.locks.append(fd)
        if not lock(fd):
            raise Failure(f"{path} is in use by another machine")

    def path(self, name):
        return os.path.join(self.folder, name)

    def __exit__(self, *exc):
        shutil.rmtree(self.folder, ignore_errors=True)
        for fd in self.locks:
            os.close(fd)


class Qemu:
    """QEMU, on KVM or by emulation."""

    def __init__(self, disks, options):
        self.log = disks.path("qemu.log")
        self.options = options
        self.disks = disks

    def command(self, serial, control):
        opt, disks = self.options, self.disks
        command = [
            detect.QEMU, "-accel", opt.engine.name, "-cpu", opt.engine.cpu,
            "-smp", str(opt.cpus), "-m", str(opt.memory), "-nodefaults",
            "-no-user-config", "-no-reboot", "-vga", "std",
            "-chardev", f"serial,id=com1,path={serial}",
            "-serial", "chardev:com1",
            "-chardev", f"serial,id=mon,path={control}",
            "-mon", "chardev=mon,mode=readline",
            "-qmp", "stdio"]    # tells why the machine ended: see verdict()
        for image in disks.kernel, disks.fs:
            # A comma in a name is written twice.
            command += ["-drive", "if=ide,media=disk,format=raw,"
                        "cache=unsafe,file=" + image.replace(",", ",,")]
        if not opt.window:
            command += ["-display", "none"]
        if opt.gdb:
            command += ["-gdb", f"tcp:127.0.0.1:{opt.gdb}", "-S"]
        return command + opt.qemu_extra

    def start(self, serial, control):
        out = open(self.log, "wb")
        self.process = subprocess.Popen(
            self.command(serial.path, control.path), start_new_session=True,
            stdin=subprocess.PIPE, stdout=out, stderr=out)
        out.close()
        try:
            self.process.stdin.write(b'{"execute": "qmp_capabilities"}\n')
            self.process.stdin.flush()
        except BrokenPipeError:     # it has ended: verdict() says why
            pass
        return self.process

    interrupt = None

    def verdict(self):
        """None when the machine switched itself off, else what happened."""
        with open(self.log, errors="replace") as log:
            text = log.read()
        for line in text.splitlines():
            if '"SHUTDOWN"' not in line:
                continue
            if json.loads(line)["data"].get("reason") == "guest-reset":
                return "the machine was reset (by a triple fault?)"
            return None
        return "QEMU ended:\n" + "\n".join(
            line for line in text.splitlines() if not line.startswith("{"))


BOCHSRC = """\
config_interface: textconfig
display_library: {display}
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, \
serial=1, iodebug=1
cpu: model={model}, count={cpus}, ips=10000000, reset_on_triple_fault=0, \
ignore_bad_msrs=0
clock: sync=none, time0=1000000000
memory: guest={memory}, host={memory}
romimage: file={bios}
vgaromimage: file={vgabios}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={kernel}, mode=flat
ata0-slave: type=disk, path={fs}, mode=flat
boot: disk
log: {log}
panic: action=fatal
com1: enabled=1, mode=term, dev={serial}
"""


class Bochs:
    """Bochs, with a processor model that has VMX and EPT."""

    def __init__(self, disks, options):
        self.log = disks.path("bochs.log")
        self.options = options
        self.disks = disks

    def configure(self, serial):
        opt, disks = self.options, self.disks
        bios, vgabios = detect.bochs_roms()
        rc = disks.path("bochsrc")
        with open(rc, "w") as f:
            f.write(BOCHSRC.format(
                display=detect.bochs_display(), model=opt.model, cpus=opt.cpus,
                memory=opt.memory, bios=bios, vgabios=vgabios, serial=serial,
                kernel=disks.kernel, fs=disks.fs, log=self.log))
        return rc

    def start(self, serial, control):
        command = [detect.BOCHS, "-q", "-unlock", "-f",
                   self.configure(serial.path)]
        if detect.bochs_has_debugger():
            # With the debugger it waits for commands: continue.
            with open(self.disks.path("rc"), "w") as f:
                f.write("c\n")
            command += ["-rc", self.disks.path("rc")]
        env = dict(os.environ)
        if not self.options.window:     # for whatever display Bochs has
            env.update(SDL_VIDEODRIVER="dummy", TERM="vt100")
        self.process = subprocess.Popen(
            command, start_new_session=True, env=env, stdin=control.slave,
            stdout=control.slave, stderr=control.slave)
        return self.process

    def interrupt(self):
        """Stops the machine; Bochs's debugger prompts."""
        self.process.send_signal(signal.SIGINT)

    def verdict(self):
        """None when the machine switched itself off, else what happened."""
        with open(self.log, errors="replace") as log:
            lines = log.read().splitlines()
        if any("shutdown requested" in line or "soft power off" in line
               for line in lines):
            return None
        return "Bochs ended; its last words:\n" + "\n".join(lines[-15:])


def stop(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(options):
    """Runs a machine to its end; returns the launcher's exit status."""
    kind = Bochs if options.engine.name == "bochs" else Qemu
    serial, control = Line(), Line()
    with Disks(options.cmdline, options.disk) as disks, RawTerminal():
        engine = kind(disks, options)
        process = engine.start(serial, control)
        try:
            ended = Session(process, serial, control, engine.interrupt).run()
        finally:
            stop(process)
        if not ended:
            return 0
        message = engine.verdict()
    if message:
        raise Failure(message)
    return 0
