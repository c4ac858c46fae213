// Registers of the PC16550D by offset, and their bits (data sheet,
// "Registers").
#pragma once

enum {
	REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR,
	REG_SCR,
	REG_FCR = REG_IIR,	// written

	IER_RECEIVED = 0x01,
	IER_THR_EMPTY = 0x02,
	IER_LINE_STATUS = 0x04,
	IER_MODEM_STATUS = 0x08,
	IER_ALL = 0x0f,

	IIR_MODEM_STATUS = 0x00,
	IIR_NONE = 0x01,
	IIR_THR_EMPTY = 0x02,
	IIR_RECEIVED = 0x04,
	IIR_LINE_STATUS = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFO = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RECEIVER = 0x02,
	FCR_KEPT = 0xc9,	// enable, DMA mode, trigger level

	LCR_DLAB = 0x80,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_ALL = 0x1f,

	LSR_RECEIVED = 0x01,
	LSR_OVERRUN = 0x02,
	LSR_SENT = 0x60,	// holding and shift register empty

	MSR_CHANGES = 0x0b,	// of CTS, DSR and DCD, by the line >> 4
	MSR_RING_ENDED = 0x04,
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RING = 0x40,
	MSR_DCD = 0x80,
};
