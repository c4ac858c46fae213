// Faults, and has no handler for the fault of its fault.
#include "tiny.h"

int main(void)
{
	lidt(NULL, 0);
	__asm__ volatile("ud2");
	return 1;
}
