// Formatted output to a descriptor.
#include <inc/lib.h>

struct fdbuf {
	int fd;
	int result;		// bytes written so far, or the first error
	size_t n;
	char buf[256];
};

static void flush(struct fdbuf *b)
{
	ssize_t r;

	if (b->result >= 0 && b->n > 0) {
		r = write(b->fd, b->buf, b->n);
		b->result = r < 0 ? r : b->result + r;
	}
	b->n = 0;
}

static void fdbuf_putch(int c, void *arg)
{
	struct fdbuf *b = arg;

	b->buf[b->n++] = c;
	if (b->n == sizeof(b->buf))
		flush(b);
}

static int vfprintf(int fd, const char *fmt, va_list ap)
{
	struct fdbuf b;

	b.fd = fd;
	b.result = 0;
	b.n = 0;
	vprintfmt(fdbuf_putch, &b, fmt, ap);
	flush(&b);
	return b.result;
}

int fprintf(int fd, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vfprintf(fd, fmt, ap);
	va_end(ap);
	return r;
}

int printf(const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vfprintf(1, fmt, ap);
	va_end(ap);
	return r;
}
