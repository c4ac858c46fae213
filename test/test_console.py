"""Serial line, keyboard and screen, the last two by way of QEMU's socket."""
import json
import socket
import time

import pytest

from conftest import HOST_PROMPT, guest_engine

KEYS = {" ": "spc", "!": "shift-1", "\"": "shift-apostrophe", "-": "minus",
        "_": "shift-minus", "|": "shift-backslash", ">": "shift-dot",
        ".": "dot", "/": "slash", "\r": "ret", "\b": "backspace",
        "~": "shift-grave_accent", "{": "shift-bracket_left", "=": "equal",
        "\x03": "ctrl-c", "\x15": "ctrl-u", "UP": "up", "LEFT": "left",
        "CAPS": "caps_lock", "kp/": "kp_divide", "END": "end"}


class Qemu:
    """QEMU's control socket (QMP)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.answers = self.socket.makefile("r")
        self.answers.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.socket.sendall(json.dumps(
            {"execute": command, "arguments": arguments}).encode())
        while "return" not in (answer := json.loads(self.answers.readline())):
            assert "error" not in answer, answer
        return answer["return"]

    def press(self, keys):
        """Presses keys one after the other, on a PS/2 keyboard."""
        for key in keys:
            code = KEYS.get(key, "shift-" + key.lower() if key.isupper()
                            else key)
            self.ask("human-monitor-command",
                     **{"command-line": f"sendkey {code} 1"})
            time.sleep(0.005)       # QEMU holds a key for a millisecond

    def screen(self):
        """The 25 lines of the screen."""
        dump = self.ask("human-monitor-command",
                        **{"command-line": "xp /2000hx 0xb8000"})
        cells = [int(cell, 16) & 0xff for line in dump.splitlines()
                 for cell in line.split(":")[1].split()]
        text = bytes(cells).decode("latin-1")
        return [text[i:i + 80].rstrip() for i in range(0, 2000, 80)]


@pytest.fixture(scope="module")
def host(shared_machine, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("qmp") / "qmp")
    m = shared_machine(options=["--qemu-extra",
                                f"-qmp unix:{path},server=on,wait=off"])
    m.boot()
    m.qemu = Qemu(path)
    return m


@pytest.mark.parametrize("keys, output", [
    ("echo one two\r", "one two"),
    ("echo Aa-_.=/ ! ~ {\r", "Aa-_.=/ ! ~ {"),
    (["CAPS", *"echo ", "CAPS", *"ab\r"], None),
    ("echo wrong\b\b\b\b\bright\r", "right"),
    ("junk\x15echo clean\r", "clean"),
    ([*"echo bc", "LEFT", "LEFT", "a", "END", *"d\r"], "abcd"),
    ([*"echo a", "kp/", *"b\r"], "a/b"),
])
def test_keyboard(host, keys, output):
    host.qemu.press(keys)
    host.expect(f"\n{output}\n$ " if output else "ECHO ab")


def test_arrow_recalls(host):
    host.shell("echo recalled")
    host.qemu.press(["UP", "\r"])
    host.expect("\nrecalled\n$ ")


def test_screen_shows_what_the_line_does(host):
    for n in range(30):
        host.shell(f"echo line {n}")
    shown = host.qemu.screen()
    lines = [line for line in shown if line]
    assert lines[-1] == "$"
    assert lines[-2:-6:-2] == ["line 29", "line 28"]
    assert lines[-3] == "$ echo line 29"


def paste(m, lines):
    """More than the ring holds, at once: each line gets its answer."""
    m.send("".join(f"echo {'x' * 50}{n}\r" for n in range(lines)))
    for n in range(lines):
        m.expect(f"\n{'x' * 50}{n}\n")
    m.expect("$ ")


def test_nothing_pasted_is_lost(host):
    paste(host, 100)


@pytest.mark.timeout(300)
def test_nothing_pasted_is_lost_on_bochs(machine):
    m = machine(engine="bochs")
    m.boot()
    paste(m, 40)


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("guest")
def test_nothing_pasted_into_a_guest_is_lost(machine):
    m = machine("vmm", engine=guest_engine(), patience=240)
    m.expect("\nvm$ ")
    paste(m, 40)


def test_long_output_is_whole(host):
    shown = host.shell("cat motd motd motd motd motd motd motd motd")
    assert shown.count("tortoise standing on") == 8
    assert HOST_PROMPT not in shown
