// The two 8259A interrupt controllers of a PC.

#include <inc/trap.h>
#include <kern/cpu.h>

enum { PIC1 = 0x20, PIC2 = 0xa0, PIC_EOI = 0x20 };

static uint16_t mask = 0xffff & ~(1 << IRQ_CASCADE);

static void set_mask(void)
{
	outb(PIC1 + 1, mask);
	outb(PIC2 + 1, mask >> 8);
}

void pic_init(void)
{
	outb(PIC1, 0x11);		// ICW1: edge, cascade, ICW4 follows
	outb(PIC1 + 1, IRQ_OFFSET);	// ICW2: first vector
	outb(PIC1 + 1, 1 << IRQ_CASCADE);	// ICW3
	outb(PIC1 + 1, 1);		// ICW4: 8086 mode
	outb(PIC2, 0x11);
	outb(PIC2 + 1, IRQ_OFFSET + 8);
	outb(PIC2 + 1, IRQ_CASCADE);
	outb(PIC2 + 1, 1);
	set_mask();
}

void pic_unmask(int irq)
{
	mask &= ~(1 << irq);
	set_mask();
}

void pic_eoi(int irq)
{
	if (irq >= 8)
		outb(PIC2, PIC_EOI);
	outb(PIC1, PIC_EOI);
}
