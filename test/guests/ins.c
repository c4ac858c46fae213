// Uses a string instruction on a port, which nobody emulates.
#include "tiny.h"

int main(void)
{
	char buf[4];

	insl(0x1f0, buf, 1);
	puts("insl was emulated\n");
	return 1;
}
