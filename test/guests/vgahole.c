// Touches the VGA hole, where a guest has no memory.
#include "tiny.h"

int main(void)
{
	*(volatile char *)0xb8000 = 'A';
	puts("the hole can be written\n");
	return 1;
}
