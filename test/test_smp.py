"""What processors do to each other's programs."""
import pytest


@pytest.mark.timeout(240)
@pytest.mark.parametrize("cpus", [2, 4])
def test_processors_change_each_others_programs(machine, cpus):
    m = machine(cpus=cpus)
    m.boot()
    for _ in range(2):
        assert m.shell("stresssmp") == "stresssmp: passed\n"
    m.poweroff()
