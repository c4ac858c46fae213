"""All that takes what a hostile party gives, on this machine under libFuzzer
and the sanitizers: the PC's devices, the decoder of memory-mapped I/O, what the
kernel does for guests and VMMs, the loaders of guests and programs, the file
server. test/host/NAME_fuzz.c, its corpus beside it. FUZZ_RUNS and FUZZ_SEED
make that longer, or other."""
import glob
import os
import shutil
import subprocess

import pytest

from conftest import ROOT
from test_devices import DEVICES
from test_host_fs import SERVER
from test_mmio import DECODER

FLAGS = """-std=gnu11 -g -O1 -DHOST_TOOL -D_GNU_SOURCE -include sys/types.h
    -Wall -Wextra -Werror -Wno-unused-parameter -fno-builtin
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all""".split()
# The first folder's headers come before the real ones. What the kernel is
# given as a pointer may be any number.
KERNEL = """-Itest/host/kernel -I. -fno-sanitize=pointer-overflow
    vmm/vmexits.c vmm/vmabi.c vmm/vmregs.c vmm/vmx.c vmm/ept.c vmm/explain.c
    vmm/dump.c kern/env.c kern/tty.c kern/clock.c kern/syscall.c
    test/host/exits_*.c""".split()
LOADERS = """-Itest/host/user -I. lib/spawn.c user/devices/*.c
    test/host/loader_*.c""".split()
# What to compile, and how many inputs are tried.
FUZZERS = {"devices": (["-I.", *DEVICES, "test/host/devices_fuzz.c"], 3000),
           "mmio": (["-I.", *DECODER, "test/host/mmio_fuzz.c"], 10000),
           "exits": (KERNEL, 1500), "loader": (LOADERS, 5000),
           "fs": (SERVER + ["test/host/fs_fuzz.c"], 500)}


@pytest.fixture(scope="module", autouse=True)
def built():
    """Nothing of the tree's own build is needed."""


def compile_fuzzer(name, output):
    assert shutil.which("clang"), "there is no clang: run make deps"
    files = [f for w in FUZZERS[name][0] for f in
             (sorted(glob.glob(w, root_dir=ROOT)) if "*" in w else [w])]
    subprocess.run(["clang", *FLAGS, "-o", output, *files], cwd=ROOT,
                   check=True)
    return output


def fuzz(binary, name, runs, seed, found):
    """Status and output. What it finds that is new goes to `found`."""
    done = subprocess.run(
        [binary, f"-runs={runs}", f"-seed={seed}", "-timeout=10", found,
         os.path.join(ROOT, "test/host/corpus", name)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=found)
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.mark.parametrize("name", FUZZERS)
def test_fuzz(name, tmp_path):
    """The corpus, and a little more."""
    binary = compile_fuzzer(name, tmp_path / "fuzz")
    runs = int(os.environ.get("FUZZ_RUNS", FUZZERS[name][1]))
    found = tmp_path / "found"
    found.mkdir()
    status, output = fuzz(binary, name, runs,
                          os.environ.get("FUZZ_SEED", 1), found)
    assert status == 0, output
    assert f"Done {runs} runs" in output, output
