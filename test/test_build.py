"""The build: what an edit rebuilds, both compilers, and nothing outside obj/.

Works on a copy of the tree, so that the other tests' files stay as they are.
"""
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("build")]


class Tree:
    def __init__(self, path):
        self.path = str(path)
        shutil.copytree(ROOT, self.path, symlinks=True,
                        ignore=shutil.ignore_patterns("obj", ".git"))

    def name(self, path):
        return os.path.join(self.path, path)

    def make(self, *args, ok=True):
        run = subprocess.run(["make", "-j2", *args], cwd=self.path, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (run.returncode == 0) == ok, run.stdout
        return run.stdout

    def times(self, top="obj"):
        """Path of each file below top: when it was written."""
        found = {}
        for folder, _, files in os.walk(self.name(top)):
            for file in files:
                path = os.path.join(folder, file)
                found[os.path.relpath(path, self.path)] = \
                    os.stat(path).st_mtime_ns
        return found

    def changed(self, *args):
        """What make writes anew."""
        before = self.times()
        self.make(*args)
        return {path for path, time in self.times().items()
                if before.get(path) != time}

    def append(self, path, text):
        with open(self.name(path), "a") as f:
            f.write(text)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    tree = Tree(tmp_path_factory.mktemp("build") / "tree")
    before = tree.times(".")
    tree.make()
    outside = {path: time for path, time in tree.times(".").items()
               if not path.startswith("obj/")}
    assert outside == before, "make wrote outside obj/"
    return tree


def test_second_make_writes_nothing(tree):
    assert tree.changed() == set()


IMAGES = {"obj/fs/clean-fs.img", "obj/fs/fs.img", "obj/kern/kernel.img"}
HOST = {"obj/fs/fs.img", "obj/kern/kernel.img"}
FS = {"obj/fs/fs.img", "obj/fs/clean-fs.img"}


@pytest.mark.parametrize("path, text, written, kept", [
    ("user/ls.c", "\n", {"obj/user/ls", *FS},
     {"obj/user/cat", "obj/kern/kernel", "obj/kern/kernel.img", "obj/fs/fs"}),
    ("user/vmm.c", "\n", {"obj/user/vmm", "obj/fs/fs.img"},
     {"obj/user/ls", "obj/fs/clean-fs.img", "obj/kern/kernel"}),
    ("user/devices/uart.c", "\n", {"obj/user/devices.a", "obj/user/vmm"},
     {"obj/user/ls", "obj/user/devices/pit.o", "obj/kern/kernel"}),
    ("user/files/motd", "\n", FS,
     {"obj/user/ls", "obj/kern/kernel", "obj/kern/kernel.img"}),
    ("kern/pmap.c", "\n", {"obj/kern/kernel", *HOST},
     {"obj/user/ls", "obj/kern/env.o", "obj/fs/clean-fs.img", "obj/fs/fs"}),
    ("vmm/ept.c", "\n", {"obj/kern/kernel", *HOST},
     {"obj/kern/pmap.o", "obj/fs/clean-fs.img"}),
    ("kern/pmap.h", "\n", {"obj/kern/pmap.o", *HOST},
     {"obj/user/ls", "obj/fs/clean-fs.img"}),
    ("kern/kernel.ld", "\n", {"obj/kern/kernel", *HOST},
     {"obj/kern/pmap.o", "obj/fs/clean-fs.img"}),
    ("conf/symtab.py", "\n", {"obj/kern/kernel", *HOST},
     {"obj/kern/kernel.1", "obj/fs/clean-fs.img"}),
    ("fs/bc.c", "\n", {"obj/fs/fs", "obj/kern/kernel", *HOST},
     {"obj/fs/clean-fs.img", "obj/user/ls", "obj/kern/pmap.o"}),
    ("user/init.c", "\n", {"obj/user/init", "obj/kern/kernel", *HOST},
     {"obj/fs/clean-fs.img", "obj/user/ls"}),
    ("lib/printfmt.c", "\n", {"obj/lib/libjos.a", "obj/user/ls",
                              "obj/fs/fs", "obj/kern/kernel", *IMAGES},
     {"obj/kern/pmap.o", "obj/user/ls.o", "obj/boot/boot"}),
    ("lib/fork.c", "\n", {"obj/lib/libjos.a", "obj/user/ls", *IMAGES},
     {"obj/lib/pipe.o", "obj/kern/lib/string.o"}),
    ("boot/boot.S", "\n", {"obj/boot/boot", "obj/kern/kernel.img"},
     {"obj/kern/kernel", "obj/fs/fs.img", "obj/boot/main.o"}),
    ("guest/boot.S", "\n", {"obj/guest/boot", "obj/fs/fs.img"},
     {"obj/kern/kernel.img", "obj/boot/boot", "obj/fs/clean-fs.img"}),
    ("fs/fsformat.c", "\n", {"obj/fs/fsformat", *FS},
     {"obj/fs/fs", "obj/kern/kernel.img"}),
    ("inc/lib.h", "\n", {"obj/user/ls.o", "obj/lib/fork.o", *IMAGES},
     {"obj/kern/pmap.o", "obj/boot/main.o"}),
    ("user/user.ld", "\n", {"obj/user/ls", "obj/fs/fs", *IMAGES},
     {"obj/user/ls.o", "obj/lib/libjos.a"}),
    ("README.md", "\n", set(), {"obj/kern/kernel", *IMAGES}),
])
def test_edit(tree, path, text, written, kept):
    tree.append(path, text)
    changed = tree.changed()
    assert written <= changed, f"not rebuilt: {written - changed}"
    assert not kept & changed, f"rebuilt for nothing: {kept & changed}"
    assert tree.changed() == set()


def test_sources_that_come_and_go(tree):
    program = "user/zz.c"
    with open(tree.name(program), "w") as f:
        f.write("#include <inc/lib.h>\n\n"
                "void umain(int argc, char **argv)\n"
                "{\n\tUSED(argc);\n\tUSED(argv);\n}\n")
    changed = tree.changed()
    assert "obj/fs/fs.img" in changed and "obj/user/zz" in changed
    os.remove(tree.name(program))
    assert "obj/fs/fs.img" in tree.changed()
    with open(tree.name("user/files/zz"), "w") as f:
        f.write("zz\n")
    assert FS <= tree.changed()
    os.remove(tree.name("user/files/zz"))
    assert FS <= tree.changed()
    assert tree.changed() == set()


def test_clang_and_flags(tree):
    gcc = open(tree.name("obj/kern/kernel"), "rb").read()
    changed = tree.changed("CC=clang")
    assert {"obj/kern/pmap.o", "obj/user/ls.o", "obj/boot/main.o",
            *IMAGES} <= changed
    assert tree.changed("CC=clang") == set()
    assert IMAGES <= tree.changed()     # gcc again
    assert open(tree.name("obj/kern/kernel"), "rb").read() == gcc, \
        "the same source and compiler gave another kernel"


def test_gccprefix(tree, tmp_path):
    for tool in "gcc", "ld", "ar", "objcopy", "readelf":
        os.symlink(shutil.which(tool), tmp_path / f"odd-{tool}")
    run = subprocess.run(
        ["make", "-j2", "V=1", "GCCPREFIX=odd-"], cwd=tree.path, text=True,
        env=dict(os.environ, PATH=f"{tmp_path}:{os.environ['PATH']}"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0, run.stdout
    assert re.search(r"^odd-gcc .* -c .*kern/pmap.c$", run.stdout, re.M)
    assert not re.search(r"^(gcc|ld|ar|objcopy) ", run.stdout, re.M)
    tree.make()


def test_boot_block_that_is_too_long(tree):
    source = tree.name("boot/boot.S")
    text = open(source).read()
    tree.append("boot/boot.S", "\n.text\n.space 400\n")
    output = tree.make(ok=False)
    with open(source, "w") as f:
        f.write(text)
    assert re.search(r"obj/boot/boot: \d+ bytes, a boot block holds 510",
                     output)
    tree.make()


def test_boot_blocks(tree):
    for path in "obj/boot/boot", "obj/guest/boot":
        block = open(tree.name(path), "rb").read()
        assert len(block) == 512 and block.endswith(b"\x55\xaa")


def test_images_are_whole_cylinders(tree):
    for path in HOST:
        assert os.path.getsize(tree.name(path)) % (16 * 63 * 512) == 0
    assert os.path.getsize(tree.name("obj/fs/fs.img")) >= 128 << 20
    stat = os.stat(tree.name("obj/fs/fs.img"))
    assert stat.st_blocks * 512 < 32 << 20, "fs.img is not sparse"


def test_kernel_uses_no_sse(tree):
    """User programs' registers are in the FPU while the kernel runs."""
    dump = subprocess.run(["objdump", "-d", "-j", ".text",
                           tree.name("obj/kern/kernel")], text=True,
                          stdout=subprocess.PIPE, check=True).stdout
    assert "%xmm" not in dump


def test_compiler_warnings_are_errors(tree):
    path = tree.name("user/cat.c")
    text = open(path).read()
    tree.append("user/cat.c", "\nint unused_prototype_missing(void)\n"
                "{\n\treturn 0;\n}\n")
    output = tree.make(ok=False)
    with open(path, "w") as f:
        f.write(text)
    assert "Werror" in output
    tree.make()


def test_clean(tree):
    tree.make("clean")
    assert not os.path.exists(tree.name("obj"))
    tree.make()
