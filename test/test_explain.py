"""vmm/explain.c on the development machine: every rule, broken alone."""
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = ["test/host/explain_test.c", "vmm/explain.c"]


def test_each_rule(tmp_path):
    program = tmp_path / "explain_test"
    subprocess.run(
        [os.environ.get("HOSTCC", "cc"), "-std=gnu11", "-O1", "-g", "-I.",
         "-DHOST_TOOL", "-fno-builtin", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror",
         *SOURCES, "-o", program], cwd=ROOT, check=True)
    run = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    assert run.returncode == 0, run.stdout
    with open(os.path.join(ROOT, SOURCES[1]), encoding="ascii") as f:
        source = re.sub(r'"\s+"', "", f.read())
    sentences = re.findall(r'"([^"\\%]{12,}\.)"', source)
    assert len(sentences) > 100
    untested = [s for s in sentences if s not in run.stdout]
    assert not untested
