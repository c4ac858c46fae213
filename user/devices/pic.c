#include <user/devices/pic.h>

void pic_init(struct pic *p)
{
	i8259_init(&p->chip[0], 1 << PIC_CASCADE);
	i8259_init(&p->chip[1], 0);
}

static void cascade(struct pic *p)
{
	bool output = i8259_next(&p->chip[1]) != I8259_NONE;

	i8259_set(&p->chip[0], PIC_CASCADE, output);
}

// The second chip's output falls with each acknowledge, and rises again when
// more is requested there.
static void second_acknowledged(struct pic *p)
{
	i8259_set(&p->chip[0], PIC_CASCADE, false);
	cascade(p);
}

void pic_set_irq(void *pic, int irq, bool level)
{
	struct pic *p = pic;

	if (irq < 0 || irq > 15 || irq == PIC_CASCADE)
		return;
	i8259_set(&p->chip[irq / 8], irq % 8, level);
	cascade(p);
}

int pic_ack(struct pic *p)
{
	int input = i8259_ack(&p->chip[0]);

	if (input != PIC_CASCADE)
		return i8259_vector(&p->chip[0], input);
	input = i8259_ack(&p->chip[1]);
	second_acknowledged(p);
	return i8259_vector(&p->chip[1], input);
}

uint8_t pic_in(void *pic, uint16_t port)
{
	struct pic *p = pic;
	struct i8259 *c = &p->chip[port >= PIC2];
	bool polled = c->poll;
	uint8_t value = i8259_in(c, port & 1);

	if (polled && port >= PIC2)
		second_acknowledged(p);
	return value;
}

void pic_out(void *pic, uint16_t port, uint8_t value)
{
	struct pic *p = pic;

	i8259_out(&p->chip[port >= PIC2], port & 1, value);
	cascade(p);
}
