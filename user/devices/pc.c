#include <user/devices/pc.h>

#define ROW(device, first, last) \
	{ #device, first, last, offsetof(struct pc, device), \
	  device##_in, device##_out }

static const struct device devices[] = {
	ROW(uart, 0x3f8, 0x3ff),
	ROW(pic, PIC1, PIC1 + 1),
	ROW(pic, PIC2, PIC2 + 1),
	ROW(pit, PIT_COUNTER, PIT_CONTROL),
	ROW(pit, PIT_GATE, PIT_GATE),
	ROW(i8042, I8042_DATA, I8042_DATA),
	ROW(i8042, I8042_STATUS, I8042_STATUS),
	ROW(rtc, RTC_INDEX, RTC_DATA),
	ROW(debugport, 0xe9, 0xe9),
	ROW(exitport, 0xf4, 0xf4),
};

static struct irq_line line(struct pc *pc, int irq)
{
	return (struct irq_line){ pic_set_irq, &pc->pic, irq };
}

void pc_init(struct pc *pc, const struct pc_host *host, int64_t unix_time)
{
	bus_init(&pc->bus, devices, sizeof(devices) / sizeof(devices[0]));
	pc->now = 0;
	pic_init(&pc->pic);
	uart_init(&pc->uart, host->console, host->ctx, line(pc, PC_IRQ_UART));
	pit_init(&pc->pit, line(pc, PC_IRQ_PIT));
	rtc_init(&pc->rtc, unix_time, line(pc, PC_IRQ_RTC));
	i8042_init(&pc->i8042, host->reset, host->ctx);
	debugport_init(&pc->debugport, host->debug, host->ctx);
	exitport_init(&pc->exitport, host->exit, host->ctx);
}

uint32_t pc_in(struct pc *pc, uint16_t port, int size, uint64_t now)
{
	pc_advance(pc, now);
	return devices_in(&pc->bus, pc, port, size);
}

void pc_out(struct pc *pc, uint16_t port, int size, uint32_t value,
	    uint64_t now)
{
	pc_advance(pc, now);
	devices_out(&pc->bus, pc, port, size, value);
}

const char *pc_device(const struct pc *pc, uint16_t port)
{
	const struct device *device = device_at(&pc->bus, port);

	return device ? device->name : NULL;
}

bool pc_input(struct pc *pc, uint8_t c)
{
	return uart_push(&pc->uart, c);
}

int pc_input_room(const struct pc *pc)
{
	return uart_room(&pc->uart);
}

void pc_advance(struct pc *pc, uint64_t now)
{
	if (now < pc->now || now > INT64_MAX)
		now = pc->now;
	pc->now = now;
	pit_advance(&pc->pit, now);
	rtc_advance(&pc->rtc, now);
}

// An edge that the interrupt controller would not pass on need not be on time.
uint64_t pc_next_event(const struct pc *pc)
{
	uint64_t due = pic_deaf(&pc->pic, PC_IRQ_PIT) ? TIME_NEVER :
		pc->pit.due;

	return due < pc->rtc.due ? due : pc->rtc.due;
}

bool pc_has_interrupt(const struct pc *pc)
{
	return pic_pending(&pc->pic);
}

int pc_interrupt(struct pc *pc)
{
	return pic_pending(&pc->pic) ? pic_ack(&pc->pic) : -1;
}
