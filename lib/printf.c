// Formatted output to the console, a buffer at a time: each system call
// comes out in one piece.
#include <inc/lib.h>

struct consbuf {
	char buf[256];
	size_t n;
	int total;
};

static void consbuf_putch(int c, void *arg)
{
	struct consbuf *b = arg;

	b->buf[b->n++] = c;
	b->total++;
	if (b->n == sizeof(b->buf)) {
		sys_cputs(b->buf, b->n);
		b->n = 0;
	}
}

int vcprintf(const char *fmt, va_list ap)
{
	struct consbuf b;

	b.n = 0;
	b.total = 0;
	vprintfmt(consbuf_putch, &b, fmt, ap);
	if (b.n > 0)
		sys_cputs(b.buf, b.n);
	return b.total;
}

int cprintf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vcprintf(fmt, ap);
	va_end(ap);
	return n;
}
