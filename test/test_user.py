"""The user programs that test the kernel: what each must print.

They run one after the other on a machine that stays: none may harm the host,
and each gives back its pages. Each runs twice, since the first time the file
server's cache grows by its blocks.
"""
import glob
import os
import re

import pytest

from conftest import ROOT, motd

pytestmark = pytest.mark.timeout(240)

FAULT = r"\[{id}\] user fault: {name}, ip [0-9a-f]+ err {err}\n"
PAGE_FAULT = r"\[{id}\] user fault va {va} ip [0-9a-f]+\n"
DUMP = r"TRAP frame at (.*\n)+ +trap \d+ .*\n"
ID = "[0-9a-f]{4,8}"
PRIMES = [n for n in range(2, 300) if all(n % d for d in range(2, n))]


def fault(name, err="0x0"):
    return FAULT.format(id=ID, name=name, err=err) + DUMP


def page_fault(va):
    return PAGE_FAULT.format(id=ID, va=va) + DUMP


def lines(*texts):
    return "".join(text + "\n" for text in texts)


# Program: a regular expression for all that it prints.
PROGRAMS = {
    "badsegment": fault("General Protection", "0x28"),
    "buggyhello": "buggyhello: bad address refused\n",
    "buggyhello2": "buggyhello2: bad length refused\n",
    "divzero": fault("Divide error"),
    "dumbfork": r"(\d+: I am the (parent|child)!\n){30}"
                "dumbfork: parent and child are done\n",
    "evilhello": "evilhello: kernel address refused\n",
    "fairness": r"(child \d ran \d+ times\n){3}"
                "fairness: all children had their turns\n",
    "faultalloc": lines("fault 0xdeadbeef",
                        "this string was faulted in at 0xdeadbeef",
                        "fault 0xcafebffe", "fault 0xcafec000",
                        "this string was faulted in at 0xcafebffe",
                        "faultalloc: handler and nested fault work"),
    "faultallocbad": "faultallocbad: bad address refused\n",
    "faultbadhandler": page_fault("deadbeef"),
    "faultdie": "i faulted at va deadbeef, err 6\n",
    "faultevilhandler": page_fault("00000000"),
    "faultio": "faultio: writing to a port of the disk\n"
               + fault("General Protection"),
    "faultnostack": page_fault("00000000"),
    "faultread": page_fault("00000000"),
    "faultreadkernel": page_fault("ffff800000100000"),
    "faultregs": "faultregs: registers are the same after a fault\n",
    "faultwrite": page_fault("00000000"),
    "faultwritekernel": page_fault("ffff800000100000"),
    "forkbomb": "(.*\n)+",
    "forktree": f"({ID}: I am '[01]*'\n){{15}}"
                "forktree: all 15 environments are done\n",
    "hello": f"hello, world\ni am environment {ID}\n",
    "icode": "icode: open /motd\nicode: read /motd\n" + re.escape(motd())
             + lines("icode: close /motd", "icode: spawn /bin/init",
                     "initarg1 initarg2", "icode: exiting"),
    "lsfd": r"(fd [012]: name <cons> isdir 0 size 0 dev cons\n){3}(.*\n)*",
    "pingpong": f"send 0 from {ID} to {ID}\n"
                + "".join(f"{ID} got {n} from {ID}\n" for n in range(11)),
    "pingpongs": "".join(f"{ID} got {n} from {ID} \\(shared is {n}\\)\n"
                         for n in range(11)),
    "primes": "".join(f"CPU \\d: {n}\n" for n in PRIMES)
              + "primes: all below 300\n",
    "primespipe": "".join(f"{n}\n" for n in PRIMES)
                  + "primespipe: all below 300\n",
    "sendpage": lines(
        f"{ID} got message: hello child environment! how are you\\?",
        "child received correct message",
        f"{ID} got message: hello parent environment! I'm good\\.",
        "parent received correct message"),
    "softint": fault("General Protection", "0x[0-9a-f]+"),
    "spawnfaultio": f"i am parent environment {ID}\n"
                    "faultio: writing to a port of the disk\n"
                    + fault("General Protection")
                    + "spawnfaultio: faultio was killed\n",
    "spawnhello": f"i am parent environment {ID}\nhello, world\n"
                  f"i am environment {ID}\nspawnhello: hello has ended\n",
    "spawninit": f"i am parent environment {ID}\ninit has started\n"
                 "spawninit: init has ended\n",
    "spin": "(.*\n)*I am the parent.  Killing the child...\n(.*\n)*",
    "stresssched": "stresssched: 20 children on \\d CPUs counted right\n",
    "testbss": "Making sure bss works right...\n"
               "Yes, good.  Now doing a wild write off the end...\n"
               + page_fault("0[0-9a-f]+"),
    "testfdsharing": "(.*\n)*testfdsharing: works over fork and spawn\n",
    "testfile": "(.*\n)*testfile: all is good\n",
    "testfpu": "testfpu: SSE state is kept apart\n",
    "testmalloc": "testmalloc: all memory is back\n",
    "testpipe": "(.*\n)*pipe tests passed\n",
    "testpipekill": "testpipekill: nobody sleeps for ever\n",
    "testpiperace": "testing for dup race...\nrace didn't happen\n",
    "testpteshare": lines("fork handles PTE_SHARE right",
                          "spawn handles PTE_SHARE right"),
    "testshell": "shell ran correctly\n",
    "testsyscalls": r"(\[VMM\] VMX extension not supported.\n)*"
                    r"testsyscalls: \d+ checks, all pages are back\n",
    "testunborn": "testunborn: nobody is left\n",
    "writemotd": "OLD MOTD\n" + re.escape(motd()) + "===\nNEW MOTD\n.*\n===\n"
                 "writemotd: works\n",
    "yield": f"Hello, I am environment {ID}.\n"
             + "".join(f"Back in environment {ID}, iteration {n}.\n"
                       for n in range(5))
             + f"All done in environment {ID}.\n",
}
# What several processors or preemption could upset.
SMP = ["dumbfork", "faultregs", "forkbomb", "forktree", "pingpong",
       "pingpongs", "primes", "primespipe", "sendpage", "stresssched",
       "testfdsharing", "testfpu", "testmalloc", "testpipe", "testpipekill",
       "testpiperace", "testpteshare", "testshell", "testsyscalls",
       "testunborn"]


def free_pages(host):
    return int(re.search(r"^free=(\d+)", host.shell("ps -l"), re.M)[1])


def check(host, name):
    for _ in range(2):
        before = free_pages(host)
        shown = host.shell(name)
        assert re.fullmatch(PROGRAMS[name], shown), shown
    assert free_pages(host) == before


@pytest.fixture(scope="module")
def one_cpu(shared_machine):
    host = shared_machine()
    host.boot()
    host.shell("testfile; testshell")   # the block cache fills up
    return host


@pytest.fixture(scope="module")
def four_cpus(shared_machine):
    host = shared_machine(cpus=4)
    host.boot()
    host.shell("testfile; testshell")
    return host


@pytest.mark.xdist_group("user")
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(one_cpu, name):
    check(one_cpu, name)


@pytest.mark.xdist_group("smp")
@pytest.mark.parametrize("name", SMP)
def test_program_on_four_cpus(four_cpus, name):
    check(four_cpus, name)


@pytest.mark.xdist_group("user")
def test_lines_from_the_console(one_cpu):
    one_cpu.send("testkbd\r")
    one_cpu.expect("Type a line: ")
    one_cpu.send("somme\x08\x1b[D\x1b[D\x7f\rfoo\r")
    one_cpu.expect("\nsmm\n")
    one_cpu.expect("Type a line: foo\nfoo\nType a line: ")
    one_cpu.send("\x04")
    one_cpu.expect("(end of file received)\n$ ")


@pytest.mark.xdist_group("user")
def test_breakpoint_enters_the_monitor(one_cpu):
    one_cpu.send("breakpoint\r")
    one_cpu.expect("Welcome to the JOS kernel monitor!")
    one_cpu.expect("\nK> ")
    one_cpu.send("continue\r")
    one_cpu.expect("\n$ ")


def test_every_program_is_tested():
    """A new test program gets a line in the table, or a test elsewhere."""
    texts = ""
    for path in glob.glob(f"{ROOT}/test/*.py"):
        with open(path) as f:
            texts += f.read()
    for path in glob.glob(f"{ROOT}/user/*.c"):
        name = os.path.basename(path)[:-2]
        if name.startswith(("test", "fault")):
            assert re.search(rf"\b{name}\b", texts), name
