// libFuzzer's input, read as numbers; behind its end there are zeros.
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input, *end_of_input;

static inline uint8_t byte(void)
{
	return input < end_of_input ? *input++ : 0;
}

// Of so many bytes (0 to 8), the highest first.
static inline uint64_t word(int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | byte();
	return value;
}
