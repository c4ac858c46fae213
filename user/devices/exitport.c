#include <user/devices/exitport.h>

void exitport_init(struct exitport *e,
		   void (*exit)(void *ctx, uint8_t status), void *ctx)
{
	e->exit = exit;
	e->ctx = ctx;
}

uint8_t exitport_in(void *exitport, uint16_t port)
{
	(void)exitport;
	(void)port;
	return 0;
}

void exitport_out(void *exitport, uint16_t port, uint8_t value)
{
	struct exitport *e = exitport;

	(void)port;
	e->exit(e->ctx, value);
}
