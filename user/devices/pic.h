// The two interrupt controllers of a PC: the second one's output is the first
// one's input 2 (Intel 8259A data sheet, "Cascade Mode").
#pragma once

#include <user/devices/i8259.h>

enum { PIC1 = 0x20, PIC2 = 0xa0, PIC_CASCADE = 2 };

struct pic {
	struct i8259 chip[2];
};

void pic_init(struct pic *p);

// Input irq goes high or low: 0 to 15, without 2; others are ignored.
// Fits struct irq_line.
void pic_set_irq(void *pic, int irq, bool level);

// Whether the output to the processor is on.
static inline bool pic_pending(const struct pic *p)
{
	return i8259_next(&p->chip[0]) != I8259_NONE;
}

// The processor acknowledges: returns the vector, 0 to 255. Where a request
// has gone in the meantime, it is the vector of input 7 of that chip, and no
// service begins there ("spurious": IRQ 7 and IRQ 15).
int pic_ack(struct pic *p);

// True when a rising edge of the input would wake nobody now: it is masked, or
// requested already.
static inline bool pic_deaf(const struct pic *p, int irq)
{
	const struct i8259 *c = &p->chip[irq / 8];

	return (c->irr | c->imr) >> irq % 8 & 1;
}

uint8_t pic_in(void *pic, uint16_t port);
void pic_out(void *pic, uint16_t port, uint8_t value);
