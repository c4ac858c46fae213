"""The machine that the tests talk to, and what all of them need."""
import fcntl
import glob
import os
import re
import subprocess
import sys

import pexpect
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOST_PROMPT = "\n$ "
GUEST_PROMPT = "\nvm$ "
# No wait is for time to pass: this only bounds one for what never comes.
PATIENCE = 90

sys.path.insert(0, os.path.join(ROOT, "conf"))
import detect       # noqa: E402


def guest_engine():
    """The fastest engine here that can run a guest."""
    return "kvm" if detect.kvm().guests else "bochs"


def motd():
    with open(os.path.join(ROOT, "user/files/motd")) as f:
        return f.read()


class Machine:
    """A kernel that runs on an engine, and its console."""

    def __init__(self, *command, engine="tcg", cpus=1, patience=PATIENCE,
                 options=()):
        args = [os.path.join(ROOT, "conf/engine.py"), "run", "--engine",
                engine, "--cpus", str(cpus), *options, *command]
        self.patience = patience
        self.prompt = HOST_PROMPT
        self.child = pexpect.spawn(
            sys.executable, args, cwd=ROOT, encoding="latin-1",
            timeout=patience, echo=False, dimensions=(24, 200))
        self.child.delaybeforesend = None
        self.log = []
        self.child.logfile_read = self
        self.pid = self.child.pid

    def write(self, text):
        self.log.append(text)

    def flush(self):
        pass

    @property
    def output(self):
        """All that the console showed."""
        return "".join(self.log).replace("\r", "")

    def expect(self, *patterns):
        """Waits for one of the texts; its index. Text is literal."""
        regexes = [re.escape(p).replace("\\\n", "\r*\n") for p in patterns]
        return self.expect_regex(*regexes)

    def expect_regex(self, *patterns):
        try:
            return self.child.expect(list(patterns))
        except (pexpect.EOF, pexpect.TIMEOUT) as end:
            raise AssertionError(
                f"{type(end).__name__} instead of {patterns}; the console "
                f"showed:\n{self.output[-4000:]}") from None

    def before(self):
        """What the console showed before the text that was expected last."""
        return self.child.before.replace("\r", "")

    @property
    def match(self):
        return self.child.match

    def send(self, text):
        self.child.send(text)

    def boot(self):
        """Waits for the prompt; returns what was shown before it."""
        self.expect(self.prompt)
        return self.before()

    def shell(self, line):
        """Runs a command line; returns its output without the echo."""
        self.send(line + "\r")
        self.expect(self.prompt)
        echo, _, output = self.before().partition("\n")
        assert line in echo, f"the shell echoed {echo!r}"
        return output + "\n" if output else ""

    def command(self, line):
        """Runs a line while others write, too: the prompt is where it is."""
        self.send(line + "\r")
        self.expect("$ ")

    def listing(self):
        """What `ps -l` says, once all of it has come."""
        self.send("ps -l\r")
        self.expect_regex(r"idle=\d+\s")
        return self.before()

    def wait_halted(self, guests):
        """Waits until that many guests sleep; the last listing."""
        while True:
            text = self.listing()
            if text.count("status=halted") == guests:
                return text

    def settle(self):
        """After the two above: the shell has said all, but its prompt."""
        self.send("echo set''tled\r")
        self.expect("\nsettled\n$ ")

    def end(self):
        """Waits until the machine ends; returns the launcher's status."""
        try:
            self.child.expect(pexpect.EOF)
        except pexpect.TIMEOUT:
            raise AssertionError("the machine goes on; the console showed:\n"
                                 + self.output[-4000:]) from None
        self.child.wait()
        status = self.child.exitstatus
        return -self.child.signalstatus if status is None else status

    def poweroff(self):
        self.send("poweroff\r")
        assert self.end() == 0, self.output

    def run_folders(self):
        return glob.glob(os.path.join(ROOT, f"obj/run/{self.pid}-*"))

    def close(self):
        if self.child.isalive():
            self.child.kill(15)
            try:
                self.child.expect(pexpect.EOF, timeout=20)
            except pexpect.TIMEOUT:
                pass
        self.child.close(force=True)


@pytest.fixture(scope="session", autouse=True)
def built():
    """The tree is built, once, whoever comes first."""
    os.makedirs(os.path.join(ROOT, "obj"), exist_ok=True)
    with open(os.path.join(ROOT, "obj/.testlock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make = subprocess.run(["make", "-j2", "all"], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert make.returncode == 0, make.stdout


def starts_machines():
    """machine(command..., engine=...) starts one; it ends with the scope."""
    machines = []

    def start(*args, **kwargs):
        machines.append(Machine(*args, **kwargs))
        return machines[-1]
    yield start
    for each in machines:
        each.close()


# For one test, and for all tests of a file.
machine = pytest.fixture(starts_machines)
shared_machine = pytest.fixture(scope="module")(starts_machines)


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    count = {kind: len(reporter.stats.get(kind, ()))
             for kind in ("passed", "failed", "error")}
    verdict = (f"{count['passed']} passed, "
               f"{count['failed'] + count['error']} failed")
    with open(os.path.join(ROOT, "obj/check.txt"), "w") as f:
        print(verdict, file=f)
    print(verdict, flush=True)
