"""The file server's own code and the image builder on this machine, under the
sanitizers; test/host/fs_test.c has the tests."""
import os
import subprocess

import pytest

from conftest import ROOT

FLAGS = """-std=gnu11 -g -O1 -DHOST_TOOL -D_GNU_SOURCE -Wall -Wextra -Werror
    -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wpointer-arith
    -Wwrite-strings -Wvla -fsanitize=address,undefined
    -fno-sanitize-recover=undefined""".split()
# The folder's inc/lib.h comes before the real one.
SERVER = """-Itest/host -I. -include sys/types.h test/host/fs_client.c
    test/host/fs_machine.c test/host/fs_server.c fs/journal.c
    fs/host.c""".split()
TESTS = """basic holes sizes modes directories copy temporary full_disk
    removed_while_open bad_requests changed_request many_open guests eviction
    read_error write_error no_memory scarce_memory no_disk full_journal
    commit_writes bad_journal bad_superblock bad_pointers bad_indirect
    bad_files past_end shared_blocks too_deep left_temporary bad_bitmap
    random fuzz fuzz_requests""".split()

pytestmark = pytest.mark.xdist_group("host_fs")


@pytest.fixture(scope="module", autouse=True)
def built():
    """Nothing of the tree's own build is needed."""


def compile_host(output, *arguments):
    subprocess.run([os.environ.get("HOSTCC", "cc"), *FLAGS, "-o", output,
                    *arguments], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def fs_test(tmp_path_factory):
    binary = tmp_path_factory.mktemp("fs") / "fs_test"
    compile_host(binary, *SERVER, "test/host/fs_test.c")
    return binary


@pytest.fixture(scope="module")
def fsformat(tmp_path_factory):
    binary = tmp_path_factory.mktemp("fsformat") / "fsformat"
    compile_host(binary, "-I.", "fs/fsformat.c")
    return binary


def run(*command):
    """Status, output and errors."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=110)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("name", TESTS)
def test_server(fs_test, name):
    status, _, errors = run(fs_test, name)
    assert status == 0, errors


def test_no_test_forgotten(fs_test):
    assert run(fs_test)[1].decode().split() == TESTS


class TestFsformat:
    """What the builder makes, the server finds in order."""

    def test_image(self, fsformat, fs_test, tmp_path):
        files = {"small": b"hello\n", "empty": b"",
                 "large": os.urandom(300000),
                 "holes": b"x" + bytes(200000) + b"y",
                 "zeros": bytes(100000)}
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        image = tmp_path / "image"
        many = [f"/d/many{i}={tmp_path}/small" for i in range(400)]
        (tmp_path / "list").write_text(
            f"# a comment\n/a/b/empty={tmp_path}/empty\n\n"
            f"holes={tmp_path}/holes   # another\n")
        status, _, errors = run(
            fsformat, image, 2048, f"/small={tmp_path}/small", "/dir/",
            f"/vmm/large={tmp_path}/large", f"/zeros={tmp_path}/zeros",
            f"@{tmp_path}/list", *many)
        assert (status, errors) == (0, "")
        assert image.stat().st_size == 2048 * 4096
        assert image.stat().st_blocks * 512 < 4 << 20
        status, output, errors = run(fs_test, image, "ls")
        assert status == 0, errors
        listed = dict(line.split() for line in output.decode().splitlines())
        assert len(listed) == 10 + len(many)
        assert listed["/vmm/large"] == "300000"
        for path, name in (("/small", "small"), ("/vmm/large", "large"),
                           ("/a/b/empty", "empty"), ("/holes", "holes"),
                           ("/zeros", "zeros"), ("/d/many399", "small")):
            status, output, errors = run(fs_test, image, "cat", path)
            assert (status, output) == (0, files[name]), errors
        again = tmp_path / "again"
        assert run(fsformat, again, 2048, f"/small={tmp_path}/small")[0] == 0
        first = again.read_bytes()
        assert run(fsformat, again, 2048, f"/small={tmp_path}/small")[0] == 0
        assert again.read_bytes() == first

    @pytest.mark.parametrize("arguments, message", [
        ((), "usage:"),
        (("3",), "a disk has 16 to"),
        (("1000000",), "a disk has 16 to"),
        (("many",), "a disk has 16 to"),
        (("64", "/x=/nonexistent"), "No such file"),
        (("64", "/x"), "neither DEST=SOURCE nor DEST/"),
        (("64", "/x=SRC", "/x=SRC"), "is there already"),
        (("64", "/x=SRC", "/x/y=SRC"), "x is a file"),
        (("64", "/x/=SRC"), "no name for the file"),
        (("64", "=SRC"), "no name for the file"),
        (("64", "/" + "n" * 128 + "=SRC"), "at most 127 characters"),
        (("64", "/big=BIG"), "no room for 'big'"),
        (("4096", "/big=HUGE"), "a file has at most 4235264 bytes"),
        (("64", "@/nonexistent"), "No such file"),
    ])
    def test_refuses(self, fsformat, tmp_path, arguments, message):
        (tmp_path / "src").write_bytes(b"x")
        (tmp_path / "big").write_bytes(b"x" * 300000)
        (tmp_path / "huge").write_bytes(b"x" * 4235265)
        for word, name in (("SRC", "src"), ("BIG", "big"), ("HUGE", "huge")):
            arguments = [a.replace(word, f"{tmp_path}/{name}")
                         for a in arguments]
        status, _, errors = run(fsformat, tmp_path / "image", *arguments)
        assert status == 1
        assert message in errors
