"""The VMM's device models (user/devices) on this machine, under the
sanitizers; test/host/devices_test.c has the tests."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

FLAGS = """-std=gnu11 -g -O1 -I. -D_GNU_SOURCE -Wall -Wextra -Werror
    -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wpointer-arith
    -Wwrite-strings -Wvla -fsanitize=address,undefined
    -fno-sanitize-recover=undefined""".split()
DEVICES = sorted(os.path.relpath(f, ROOT) for f in
                 glob.glob(os.path.join(ROOT, "user/devices/*.c")))
TESTS = """bus clocks board odd_times debug_port exit_port keyboard
    keyboard_reset uart_registers uart_divisor uart_output uart_input
    uart_trigger_levels uart_interrupts uart_gate uart_loopback pic_vectors
    pic_priorities pic_cascade pic_masks pic_eoi pic_auto_eoi pic_rotation
    pic_special_mask pic_level pic_spurious pic_poll pic_poll_both
    pic_second_auto_eoi pit_mode_edge pic_words counters count_of_one
    mode_forgets pit_bytes pit_bcd pit_read_back pit_gate_port pit_one_shot
    pit_periodic date days rtc_time rtc_set_time rtc_registers rtc_updates
    rtc_periodic rtc_alarm""".split()

pytestmark = pytest.mark.xdist_group("devices")


@pytest.fixture(scope="module", autouse=True)
def built():
    """Nothing of the tree's own build is needed."""


def compile_host(compiler, output, *arguments):
    assert shutil.which(compiler), f"there is no {compiler}: run make deps"
    subprocess.run([compiler, *FLAGS, "-o", output, *arguments], cwd=ROOT,
                   check=True)
    return output


@pytest.fixture(scope="module", params=["gcc", "clang"])
def devices_test(request, tmp_path_factory):
    return compile_host(request.param, tmp_path_factory.mktemp("devices") /
                        "devices_test", "test/host/devices_test.c", *DEVICES)


def run(*command, cwd=ROOT):
    """Status and output."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=cwd)
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.mark.parametrize("name", TESTS)
def test_device(devices_test, name):
    status, output = run(devices_test, name)
    assert status == 0, output


def test_no_test_forgotten(devices_test):
    assert run(devices_test)[1].split() == TESTS


def test_pure():
    """No device includes anything but its like and the compiler's own."""
    for path in glob.glob(os.path.join(ROOT, "user/devices/*.[ch]")):
        with open(path, encoding="ascii") as f:
            for name in re.findall(r"#include\s+(.*)", f.read()):
                assert re.fullmatch(
                    r"<(user/devices/\w+\.h|std(bool|def|int)\.h)>", name), \
                    f"{path}: {name}"
