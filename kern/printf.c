// cprintf for the kernel: collects the text, so that a message of up to a
// buffer's length is written at once, undivided by other processors' (and in
// a guest by one hypercall).

#include <inc/stdio.h>
#include <kern/console.h>

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
