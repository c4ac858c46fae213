// Keeps the processor, with interrupts off.
#include "tiny.h"

int main(void)
{
	puts("spinning\n");
	cli();
	for (;;)
		__asm__ volatile("");
}
