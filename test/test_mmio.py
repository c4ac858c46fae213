"""The decoder of memory-mapped I/O (inc/vmmio.h) on this machine, under the
sanitizers; test/host/mmio_test.c has the tests. What a real guest sees is in
test_hostile.py."""
import os
import re

import pytest

from conftest import ROOT
from test_devices import compile_host, run

DECODER = ["lib/vminsn.c", "lib/vmpaging.c", "test/host/mmio_machine.c"]
TESTS = """encodings processor refused other_access strings around_4g flags
    two_pages segments walks hostile_tables rights""".split()

pytestmark = pytest.mark.xdist_group("mmio")


@pytest.fixture(scope="module", autouse=True)
def built():
    """Nothing of the tree's own build is needed."""


@pytest.fixture(scope="module", params=["gcc", "clang"])
def mmio_test(request, tmp_path_factory):
    return compile_host(request.param, tmp_path_factory.mktemp("mmio") /
                        "mmio_test", "-DHOST_TOOL", "test/host/mmio_test.c",
                        *DECODER)


@pytest.mark.parametrize("name", TESTS)
def test_decoder(mmio_test, name):
    status, output = run(mmio_test, name)
    assert status == 0, output


def test_no_test_forgotten(mmio_test):
    assert run(mmio_test)[1].split() == TESTS


def test_pure():
    """It includes no more of the tree than what describes a processor."""
    for path in DECODER[:2] + ["inc/vmmio.h", "inc/vmabi.h"]:
        with open(os.path.join(ROOT, path), encoding="ascii") as f:
            for name in re.findall(r"#include\s+(.*)", f.read()):
                assert re.fullmatch(r"<inc/(mmu|trap|types|vmabi|vmmio)\.h>",
                                    name), f"{path}: {name}"
