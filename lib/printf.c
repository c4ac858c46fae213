// Formatted output to the console, in the kernel and in programs: collects the
// text, so that what fits into a buffer is written at once, undivided by
// others' and, in a guest, by one hypercall.
#include <inc/stdio.h>

struct outbuf {
	int total;
	size_t len;
	char text[256];
};

static void putch(int c, void *arg)
{
	struct outbuf *b = arg;

	b->text[b->len++] = c;
	b->total++;
	if (b->len == sizeof(b->text)) {
		cons_write(b->text, b->len);
		b->len = 0;
	}
}

int vcprintf(const char *fmt, va_list ap)
{
	struct outbuf b;

	b.total = 0;
	b.len = 0;
	vprintfmt(putch, &b, fmt, ap);
	if (b.len > 0)
		cons_write(b.text, b.len);
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
