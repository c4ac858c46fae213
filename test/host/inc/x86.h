// Nothing of the processor's is for tests on the development machine.
#pragma once
