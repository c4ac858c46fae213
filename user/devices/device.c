// The bus: which device a port belongs to.

#include <user/devices/device.h>

const struct device *device_at(const struct device *table, size_t n,
			       uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (port >= table[i].first && port <= table[i].last)
			return &table[i];
	return NULL;
}

static void *state_of(const struct device *device, void *board)
{
	return (char *)board + device->state;
}

static uint8_t byte_in(const struct device *table, size_t n, void *board,
		       uint32_t port)
{
	const struct device *device;

	if (port > UINT16_MAX)
		return 0xff;
	device = device_at(table, n, port);
	return device ? device->in(state_of(device, board), port) : 0xff;
}

static void byte_out(const struct device *table, size_t n, void *board,
		     uint32_t port, uint8_t value)
{
	const struct device *device;

	if (port > UINT16_MAX)
		return;
	device = device_at(table, n, port);
	if (device)
		device->out(state_of(device, board), port, value);
}

uint32_t devices_in(const struct device *table, size_t n, void *board,
		    uint16_t port, int size)
{
	uint32_t value = 0;

	for (int i = 0; i < size && i < 4; i++)
		value |= (uint32_t)byte_in(table, n, board, port + i) << 8 * i;
	return value;
}

void devices_out(const struct device *table, size_t n, void *board,
		 uint16_t port, int size, uint32_t value)
{
	for (int i = 0; i < size && i < 4; i++)
		byte_out(table, n, board, port + i, value >> 8 * i);
}
