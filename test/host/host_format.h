// Formats on the development machine: %e, our errors, is no standard there.
#pragma once

#include <stdarg.h>
#include <stddef.h>

// vsnprintf, which the includer declares; %e shows the error's number.
static inline int host_format(char *buf, size_t size, const char *fmt,
			      va_list ap)
{
	char c[512];
	size_t n = 0;

	for (; fmt[n] && n < sizeof(c) - 1; n++)
		c[n] = n > 0 && fmt[n - 1] == '%' && fmt[n] == 'e' ? 'd'
			: fmt[n];
	c[n] = 0;
	return vsnprintf(buf, size, c, ap);
}
