// Ends with a status of its own.
#include "tiny.h"

int main(void)
{
	poweroff(42);
	return 1;
}
