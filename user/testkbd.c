// Lines from the console, edited and echoed; ends with the input.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	char *line;
	int r;

	USED(argc);
	USED(argv);
	close(0);
	if ((r = opencons()) != 0)
		panic("opencons: %d", r);
	if ((r = dup(0, 1)) < 0)
		panic("dup: %e", r);
	while ((line = readline("Type a line: ")) != NULL)
		printf("%s\n", line);
	printf("(end of file received)\n");
}
