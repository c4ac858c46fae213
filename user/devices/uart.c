#include <user/devices/uart.h>
#include <user/devices/uartregs.h>

void uart_init(struct uart *u, void (*output)(void *ctx, uint8_t c), void *ctx,
	       struct irq_line irq)
{
	*u = (struct uart){
		.output = output, .ctx = ctx, .irq = irq, .divisor = { 1, 0 },
	};
}

static int capacity(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

// What interrupts now, the most urgent first ("Interrupt Control Functions").
static uint8_t reason(const struct uart *u)
{
	static const uint8_t trigger[] = { 1, 4, 8, 14 };

	if ((u->ier & IER_LINE_STATUS) && u->lsr)
		return IIR_LINE_STATUS;
	if ((u->ier & IER_RECEIVED) && u->count > 0)
		return u->count >= trigger[u->fcr >> 6] ?
			IIR_RECEIVED : IIR_TIMEOUT;
	if ((u->ier & IER_THR_EMPTY) && u->thr_emptied)
		return IIR_THR_EMPTY;
	if ((u->ier & IER_MODEM_STATUS) && u->delta)
		return IIR_MODEM_STATUS;
	return IIR_NONE;
}

static void update(struct uart *u)
{
	bool gate = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	irq_set(&u->irq, gate && reason(u) != IIR_NONE);
}

// The modem's lines: all is well, or in loopback what the MCR says.
static uint8_t modem_lines(const struct uart *u)
{
	uint8_t mcr = u->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		(mcr & MCR_OUT1 ? MSR_RING : 0) |
		(mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void set_mcr(struct uart *u, uint8_t value)
{
	uint8_t before = modem_lines(u), after;

	u->mcr = value & MCR_ALL;
	after = modem_lines(u);
	u->delta |= (before ^ after) >> 4 & MSR_CHANGES;
	if (before & ~after & MSR_RING)
		u->delta |= MSR_RING_ENDED;
}

static void receive(struct uart *u, uint8_t c)
{
	if (u->count == capacity(u)) {
		u->lsr |= LSR_OVERRUN;
		if (!(u->fcr & FCR_ENABLE))
			u->fifo[u->first] = c;	// the old one is lost
		return;
	}
	u->fifo[(u->first + u->count++) % UART_FIFO] = c;
}

static uint8_t take(struct uart *u)
{
	uint8_t c = u->fifo[u->first];

	if (u->count == 0)
		return 0;
	u->first = (u->first + 1) % UART_FIFO;
	u->count--;
	return c;
}

static void send(struct uart *u, uint8_t c)
{
	u->thr_emptied = true;
	if (u->mcr & MCR_LOOP)
		receive(u, c);
	else
		u->output(u->ctx, c);
}

// The other bits are only heard together with the enable bit; a change of
// that bit empties the FIFO.
static void set_fcr(struct uart *u, uint8_t value)
{
	if (((u->fcr ^ value) & FCR_ENABLE) || (value & FCR_CLEAR_RECEIVER))
		u->count = 0;
	u->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
}

int uart_room(const struct uart *u)
{
	return u->mcr & MCR_LOOP ? 0 : capacity(u) - u->count;
}

bool uart_push(struct uart *u, uint8_t c)
{
	if (uart_room(u) == 0)
		return false;
	receive(u, c);
	update(u);
	return true;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t iir = reason(u);

	if (iir == IIR_THR_EMPTY)
		u->thr_emptied = false;
	return iir | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

// Flags that reading clears.
static uint8_t take_flags(uint8_t *flags)
{
	uint8_t taken = *flags;

	*flags = 0;
	return taken;
}

static uint8_t read(struct uart *u, int reg)
{
	switch (reg) {
	case REG_DATA:
		return take(u);
	case REG_IER:
		return u->ier;
	case REG_IIR:
		return read_iir(u);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return take_flags(&u->lsr) | LSR_SENT |
			(u->count ? LSR_RECEIVED : 0);
	case REG_MSR:
		return take_flags(&u->delta) | modem_lines(u);
	default:
		return u->scr;
	}
}

static void set_ier(struct uart *u, uint8_t value)
{
	if (~u->ier & value & IER_THR_EMPTY)
		u->thr_emptied = true;
	u->ier = value & IER_ALL;
}

// LSR and MSR are for reading only.
static void write(struct uart *u, int reg, uint8_t value)
{
	if (reg == REG_DATA)
		send(u, value);
	else if (reg == REG_IER)
		set_ier(u, value);
	else if (reg == REG_FCR)
		set_fcr(u, value);
	else if (reg == REG_LCR)
		u->lcr = value;
	else if (reg == REG_MCR)
		set_mcr(u, value);
	else if (reg == REG_SCR)
		u->scr = value;
}

uint8_t uart_in(void *uart, uint16_t port)
{
	struct uart *u = uart;
	int reg = port % UART_PORTS;
	uint8_t value;

	if ((u->lcr & LCR_DLAB) && reg <= REG_IER)
		return u->divisor[reg];
	value = read(u, reg);
	update(u);
	return value;
}

void uart_out(void *uart, uint16_t port, uint8_t value)
{
	struct uart *u = uart;
	int reg = port % UART_PORTS;

	if ((u->lcr & LCR_DLAB) && reg <= REG_IER) {
		u->divisor[reg] = value;
		return;
	}
	write(u, reg, value);
	update(u);
}
