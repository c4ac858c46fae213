"""The host from its boot block to the shell, and what the shell can do."""
import re

import pytest

from conftest import motd

LEFT, UP, HOME, DELETE = "\x1b[D", "\x1b[A", "\x1b[H", "\x1b[3~"
BACKSPACE, KILL_LINE, KILL_WORD = "\x7f", "\x15", "\x17"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("engine, cpus", [
    ("tcg", 1), ("tcg", 4), ("bochs", 1), ("bochs", 2)])
def test_boot(machine, engine, cpus):
    m = machine(engine=engine, cpus=cpus)
    assert "panic" not in m.boot()
    assert f"ncpu={cpus} " in m.shell("ps -l")
    assert m.shell("cat motd") == motd()
    m.poweroff()


def test_motd_begins_as_the_labs_say():
    assert motd().startswith("What is the tortoise")


@pytest.mark.timeout(240)
def test_command_line_runs_one_program(machine):
    m = machine("echo", "some", "words")
    assert m.end() == 0
    assert "\nsome words\n" in m.output
    assert "$ " not in m.output


@pytest.mark.xdist_group("shell")
class TestShell:
    @pytest.fixture(scope="class")
    def host(self, shared_machine):
        m = shared_machine()
        m.boot()
        return m

    def test_ls(self, host):
        assert {"bin", "vmm", "motd"} <= set(host.shell("ls").split())
        assert {"bin/sh", "bin/ls", "bin/vmm"} <= \
            set(host.shell("ls bin").split())
        assert host.shell("ls vmm").split() == \
            ["vmm/kernel", "vmm/boot", "vmm/clean-fs.img"]

    @pytest.mark.parametrize("line, output", [
        ("echo one two", "one two\n"),
        ("echo 'a  b' \"c  d\" # comment", "a  b c  d\n"),
        ("echo a; echo b", "a\nb\n"),
        ("echo one >f1; cat f1", "one\n"),
        ("echo two >>f1; cat f1", "one\ntwo\n"),
        ("echo new >f1; cat f1", "new\n"),
        ("cat <f1", "new\n"),
        ("echo a b c | cat", "a b c\n"),
        ("echo a b c | cat | cat | cat", "a b c\n"),
        ("cat motd | grep tortoise | cat >f2; cat f2 | grep -c .", None),
        ("echo xyz | grep y", "xyz\n"),
        ("echo xyz | grep q", ""),
        ("cp f1 f3; cat f3; rm f3", "new\n"),
        ("mkdir d1; echo in >d1/f; cat d1/f", "in\n"),
    ])
    def test_line(self, host, line, output):
        shown = host.shell(line)
        if output is not None:
            assert shown == output

    def test_wc(self, host):
        assert host.shell("echo one two | wc").split() == ["1", "2", "8"]

    def test_script(self, host):
        host.shell("echo 'echo from a script | cat' >script")
        host.shell("echo '# a comment' >>script")
        host.shell("echo 'echo second' >>script")
        assert host.shell("sh script") == "from a script\nsecond\n"
        assert host.shell("sh <script").startswith("from a script\nsecond\n")

    def test_background(self, host):
        shown = host.shell("echo later & echo now; wait")
        assert sorted(shown.split()) == ["later", "now"]

    def test_errors(self, host):
        assert "nosuch" in host.shell("nosuch")
        assert "nosuch" in host.shell("cat nosuch")
        assert "nosuch" in host.shell("cat <nosuch")
        assert host.shell("echo fine") == "fine\n"

    def test_remove(self, host):
        host.shell("echo x >gone; rm gone")
        assert "gone" not in host.shell("ls").split()

    @pytest.mark.parametrize("keys, output", [
        ("ech hi" + LEFT * 3 + "o", "hi"),
        ("cho hi" + HOME + "e", "hi"),
        ("echo hix" + BACKSPACE, "hi"),
        ("xecho hi" + HOME + DELETE, "hi"),
        ("nonsense" + KILL_LINE + "echo hi", "hi"),
        ("echo hi nonsense" + KILL_WORD, "hi"),
        (UP, "hi"),
    ])
    def test_editing(self, host, keys, output):
        host.send(keys + "\r")
        host.expect(f"\n{output}\n$ ")

    def test_history_goes_back(self, host):
        host.shell("echo first")
        host.shell("echo second")
        host.send(UP + UP + "\r")
        host.expect("\nfirst\n$ ")

    def test_pages_are_given_back(self, host):
        def free():
            return re.search(r"free=(\d+)", host.shell("ps -l"))[1]
        host.shell("ls | cat | wc; cat motd >f4; rm f4")
        before = free()
        for _ in range(3):
            host.shell("ls | cat | wc; cat motd >f4; rm f4")
        assert free() == before

    def test_idle_host_sleeps(self, host):
        """Nothing polls: no environment runs while nobody asks."""
        def runs():
            shown = host.shell("ps -l")
            return {m[1]: int(m[2]) for m in re.finditer(
                r"^env=(\d+) .* runs=(\d+) ", shown, re.M)}
        runs()
        before = runs()
        host.shell("echo")
        after = runs()
        for env in set(before) & set(after):
            assert after[env] - before[env] < 400
