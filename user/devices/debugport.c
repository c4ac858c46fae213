#include <user/devices/debugport.h>

void debugport_init(struct debugport *d,
		    void (*output)(void *ctx, uint8_t c), void *ctx)
{
	d->output = output;
	d->ctx = ctx;
}

uint8_t debugport_in(void *debugport, uint16_t port)
{
	(void)debugport;
	return port;
}

void debugport_out(void *debugport, uint16_t port, uint8_t value)
{
	struct debugport *d = debugport;

	(void)port;
	d->output(d->ctx, value);
}
