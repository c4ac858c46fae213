#!/usr/bin/python3
"""Runs the tests: check.py [pytest's arguments]. The last line counts them."""
import glob
import os
import subprocess
import sys
import tempfile

MODULES = ("pytest", "pexpect", "pytest_timeout", "xdist")


def find_python():
    """A python3 that has the modules: the system's own is asked first, since
    another one may come first on PATH."""
    probe = ("import sys; from importlib.util import find_spec; "
             "sys.exit(not all(map(find_spec, sys.argv[1:])))")
    paths = ["/usr/bin/python3", sys.executable]
    for folder in os.get_exec_path():
        paths += glob.glob(os.path.join(folder, "python3"))
    for python in dict.fromkeys(paths):
        if os.path.exists(python) and not subprocess.call(
                [python, "-c", probe, *MODULES]):
            return python
    sys.exit(f"check.py: no python3 here has {', '.join(MODULES)}; "
             "run make deps")


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    os.chdir(root)
    os.makedirs("obj", exist_ok=True)
    arguments = sys.argv[1:] or ["test"]
    # Nothing is written outside obj/.
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory(prefix="test-", dir="obj") as folder:
        return subprocess.call(
            [find_python(), "-m", "pytest", "-p", "no:cacheprovider",
             "-n", "2", "--dist", "loadgroup", "-ra", "--tb=short",
             "--basetemp", os.path.join(root, folder, "tmp"), *arguments],
            env=env)


if __name__ == "__main__":
    sys.exit(main())
