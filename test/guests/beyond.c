// Touches the first byte beyond its memory.
#include "tiny.h"

int main(void)
{
	*(volatile char *)GUEST_MEM_SZ = 1;
	puts("there is memory beyond the end\n");
	return 1;
}
