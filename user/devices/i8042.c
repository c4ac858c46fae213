#include <user/devices/i8042.h>

enum {
	STATUS_FULL = 0x01,	// there is a byte to read
	STATUS_TESTED = 0x04,
	STATUS_COMMAND = 0x08,	// written last was a command, not data
	STATUS_UNLOCKED = 0x10,
	STATUS_TIMEOUT = 0x40,

	CMD_READ_CONFIG = 0x20,
	CMD_WRITE_CONFIG = 0x60,
	CMD_TEST = 0xaa,
	CMD_TEST_KEYBOARD = 0xab,
	CMD_READ_OUTPUT = 0xd0,
	CMD_WRITE_OUTPUT = 0xd1,
	CMD_PULSE = 0xf0,	// the lines whose bits are clear

	CONFIG_DEFAULT = 0x14,	// tested, keyboard's clock off
	OUTPUT_RUN = 0x01,	// low: reset
	OUTPUT_A20 = 0x02,
	TEST_PASSED = 0x55,
	KEYBOARD_LINE_GOOD = 0x00,
	RESEND = 0xfe,
};

void i8042_init(struct i8042 *k, void (*reset)(void *ctx), void *ctx)
{
	*k = (struct i8042){
		.reset = reset,
		.ctx = ctx,
		.status = STATUS_TESTED | STATUS_UNLOCKED,
		.config = CONFIG_DEFAULT,
	};
}

static void answer(struct i8042 *k, uint8_t data)
{
	k->data = data;
	k->status |= STATUS_FULL;
}

static void command(struct i8042 *k, uint8_t value)
{
	k->command = 0;
	switch (value) {
	case CMD_READ_CONFIG:
		answer(k, k->config);
		break;
	case CMD_TEST:
		answer(k, TEST_PASSED);
		break;
	case CMD_TEST_KEYBOARD:
		answer(k, KEYBOARD_LINE_GOOD);
		break;
	case CMD_READ_OUTPUT:
		answer(k, OUTPUT_RUN | OUTPUT_A20);
		break;
	case CMD_WRITE_CONFIG:
	case CMD_WRITE_OUTPUT:
		k->command = value;
		break;
	default:
		if (value >= CMD_PULSE && !(value & OUTPUT_RUN))
			k->reset(k->ctx);
	}
}

static void data(struct i8042 *k, uint8_t value)
{
	uint8_t waiting = k->command;

	k->command = 0;
	switch (waiting) {
	case CMD_WRITE_CONFIG:
		k->config = value;
		break;
	case CMD_WRITE_OUTPUT:
		if (!(value & OUTPUT_RUN))
			k->reset(k->ctx);
		break;
	default:
		answer(k, RESEND);
		k->status |= STATUS_TIMEOUT;
	}
}

uint8_t i8042_in(void *i8042, uint16_t port)
{
	struct i8042 *k = i8042;

	if (port == I8042_STATUS)
		return k->status;
	k->status &= ~(STATUS_FULL | STATUS_TIMEOUT);
	return k->data;
}

void i8042_out(void *i8042, uint16_t port, uint8_t value)
{
	struct i8042 *k = i8042;

	if (port == I8042_STATUS) {
		k->status |= STATUS_COMMAND;
		command(k, value);
	} else {
		k->status &= ~STATUS_COMMAND;
		data(k, value);
	}
}
