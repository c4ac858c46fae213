"""Connects this terminal, or a pipe, with the machine's serial line.

The keys are the same for all engines, since this loop handles them. Input
waits until the machine has said something (its UART is set up then); the end
of the input becomes one Ctrl-D, on a line of its own. The UART takes a
character when it has room, so nothing is lost however long the machine is
busy.
"""
import os
import select
import signal
import sys
import termios
import tty

CTRL_A = 1
CTRL_D = b"\x04"
KEYS = b"""
Ctrl-a x       end the machine
Ctrl-a b       the engine's own prompt (QEMU's monitor, Bochs's debugger, where
               c continues), and back
Ctrl-a Ctrl-a  send Ctrl-a
Ctrl-a h       this help
"""
ENOUGH = 4096   # bytes to hold back before a pipe must wait


class RawTerminal:
    """Standard input in raw mode, when it is a terminal; always restored."""

    def __enter__(self):
        self.fd = sys.stdin.fileno() if sys.stdin else -1
        self.saved = None
        if self.fd >= 0 and os.isatty(self.fd):
            self.saved = termios.tcgetattr(self.fd)
            tty.setraw(self.fd, termios.TCSANOW)
            now = termios.tcgetattr(self.fd)
            now[1] = self.saved[1]      # output stays cooked
            termios.tcsetattr(self.fd, termios.TCSANOW, now)
        return self

    def __exit__(self, *exc):
        if self.saved:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)


class Line:
    """One pseudo-terminal: an end for us, a path for the engine."""

    def __init__(self):
        self.fd, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.fd, False)
        self.path = os.ttyname(self.slave)
        self.pending = b""      # to the engine

    def read(self):
        """What has arrived, b"" when there is nothing."""
        try:
            return os.read(self.fd, 65536)
        except OSError:         # empty, or the other end is closed
            return b""

    def flush(self):
        try:
            self.pending = self.pending[os.write(self.fd, self.pending):]
        except BlockingIOError:
            pass

    def close(self):
        os.close(self.slave)
        os.close(self.fd)


def write_all(data):
    out = sys.stdout.fileno()
    while data:
        data = data[os.write(out, data):]


class Session:
    """Runs until the engine ends or the user ends it."""

    def __init__(self, process, serial, control, interrupt=None):
        self.process = process
        self.serial, self.control = serial, control
        self.focus = serial         # where keys go
        self.interrupt = interrupt  # makes the engine listen on control
        self.prefix = False         # Ctrl-a was typed
        self.awake = False          # the machine has said something
        self.in_line = False        # input has begun a line and not ended it
        self.quit = False
        self.stdin = sys.stdin.fileno() if sys.stdin else None
        self.is_tty = self.stdin is not None and os.isatty(self.stdin)

    def command(self, key):
        if key in b"xX":
            self.quit = True
        elif key in b"hH?":
            write_all(KEYS)
        elif key in b"bB":
            to_control = self.focus is self.serial
            self.focus = self.control if to_control else self.serial
            if to_control and self.interrupt:
                self.interrupt()
        elif key in b"aA\x01":
            self.focus.pending += b"\x01"

    def keys(self, data):
        for byte in data:
            if self.prefix:
                self.prefix = False
                self.command(byte)
            elif byte == CTRL_A:
                self.prefix = True
            else:
                self.focus.pending += bytes([byte])

    def read_input(self):
        try:
            data = os.read(self.stdin, 1024)
        except OSError:             # the terminal has gone
            data = b""
        self.keys(data)
        if data:
            self.in_line = data[-1] not in b"\r\n"
        else:
            self.serial.pending += b"\n" * self.in_line + CTRL_D
            self.stdin = None

    def show(self, line):
        data = line.read()
        if line is self.serial:
            self.awake = self.awake or bool(data)
        elif self.focus is not line:
            return data             # the engine's chat while nobody asks
        write_all(data)
        return data

    def writable(self):
        return [line for line in (self.serial, self.control) if line.pending
                and (self.awake or line is not self.serial)]

    def step(self, wakeup):
        readable = [wakeup, self.serial.fd, self.control.fd]
        if self.stdin is not None and (
                self.is_tty or len(self.serial.pending) < ENOUGH):
            readable.append(self.stdin)
        waiting = {line.fd: line for line in self.writable()}
        ready, room, _ = select.select(readable, list(waiting), [])
        for line in (self.serial, self.control):
            if line.fd in ready:
                self.show(line)
        for fd in room:
            waiting[fd].flush()
        if self.stdin in ready:
            self.read_input()
        if wakeup in ready:
            os.read(wakeup, 512)

    def run(self):
        """True when the engine ended, False when the user ended it."""
        wakeup, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        old = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        try:
            while not self.quit and self.process.poll() is None:
                self.step(wakeup)
        finally:
            signal.set_wakeup_fd(old)
            os.close(wakeup)
            os.close(wake)
        while self.show(self.serial):
            pass
        return not self.quit
