// The bus: which device a port belongs to.

#include <user/devices/device.h>

void bus_init(struct bus *bus, const struct device *table, size_t n)
{
	*bus = (struct bus){ .table = table };
	for (size_t i = 0; i < n; i++)
		for (int port = table[i].first; port <= table[i].last; port++)
			bus->row[port] = i + 1;
}

const struct device *device_at(const struct bus *bus, uint32_t port)
{
	if (port >= BUS_PORTS || bus->row[port] == 0)
		return NULL;
	return &bus->table[bus->row[port] - 1];
}

static void *state_of(const struct device *device, void *board)
{
	return (char *)board + device->state;
}

uint32_t devices_in(const struct bus *bus, void *board, uint16_t port,
		    int size)
{
	uint32_t value = 0;

	for (int i = 0; i < size && i < 4; i++) {
		const struct device *device = device_at(bus, port + i);
		uint8_t byte = 0xff;

		if (device)
			byte = device->in(state_of(device, board), port + i);
		value |= (uint32_t)byte << 8 * i;
	}
	return value;
}

void devices_out(const struct bus *bus, void *board, uint16_t port, int size,
		 uint32_t value)
{
	for (int i = 0; i < size && i < 4; i++) {
		const struct device *device = device_at(bus, port + i);

		if (device)
			device->out(state_of(device, board), port + i,
				    value >> 8 * i);
	}
}
