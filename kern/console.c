// The console. Serial line: National Semiconductor, PC16550D data sheet.
// Screen: VGA text mode, 80x25. Keyboard: PS/2, scan code set 1.

#include <inc/env.h>
#include <inc/error.h>
#include <inc/memlayout.h>
#include <inc/string.h>
#include <inc/vmx.h>
#include <inc/x86.h>
#include <kern/console.h>
#include <kern/pmap.h>

// ---- serial line ----------------------------------------------------------

enum {
	COM1 = 0x3f8,
	COM_DATA = COM1 + 0,	// with DLAB: divisor, low half
	COM_IER = COM1 + 1,	// with DLAB: divisor, high half
	COM_FCR = COM1 + 2,
	COM_LCR = COM1 + 3,
	COM_MCR = COM1 + 4,
	COM_LSR = COM1 + 5,

	IER_RECEIVED = 0x01,
	LCR_8N1 = 0x03,
	LCR_DLAB = 0x80,
	MCR_DTR_RTS_OUT2 = 0x0b,	// OUT2 lets the interrupt out
	LSR_RECEIVED = 0x01,
	LSR_THR_EMPTY = 0x20,
	LSR_IDLE = 0x40,		// shift register empty too
	DIVISOR_115200 = 1,
};

static bool serial_exists;

// The FIFO stays off: with it the emulators take input from their terminal
// faster than it is read here, and drop what does not fit.
static void serial_init(void)
{
	outb(COM_FCR, 0);
	outb(COM_LCR, LCR_DLAB);
	outb(COM_DATA, DIVISOR_115200);
	outb(COM_IER, 0);
	outb(COM_LCR, LCR_8N1);
	outb(COM_MCR, MCR_DTR_RTS_OUT2);
	outb(COM_IER, IER_RECEIVED);
	serial_exists = inb(COM_LSR) != 0xff;
}

static int serial_getc(void)
{
	if (!serial_exists || !(inb(COM_LSR) & LSR_RECEIVED))
		return -1;
	return inb(COM_DATA);
}

// False: nobody takes what is sent. That is waited for long (an emulator may
// have to wait for its reader), but once: the kernel goes on without.
static bool serial_wait(uint8_t state)
{
	static bool stuck;
	int tries = stuck ? 1 : 1000000;

	while (!(inb(COM_LSR) & state) && --tries > 0)
		pause();
	stuck = tries == 0;
	return !stuck;
}

static void serial_putc(int c)
{
	if (serial_exists && serial_wait(LSR_THR_EMPTY))
		outb(COM_DATA, c);
}

// ---- screen ---------------------------------------------------------------

enum {
	VGA_PADDR = 0xb8000,
	VGA_COLUMNS = 80,
	VGA_CELLS = 25 * VGA_COLUMNS,
	VGA_BLANK = 0x0700 | ' ',	// light grey on black

	CRTC_INDEX = 0x3d4,
	CRTC_DATA = 0x3d5,
	CRTC_CURSOR_HI = 14,
	CRTC_CURSOR_LO = 15,
};

static uint16_t *const vga = (uint16_t *)(KERNBASE + VGA_PADDR);
static int vga_pos;		// cell of the cursor

static void vga_init(void)
{
	outb(CRTC_INDEX, CRTC_CURSOR_HI);
	vga_pos = inb(CRTC_DATA) << 8;
	outb(CRTC_INDEX, CRTC_CURSOR_LO);
	vga_pos |= inb(CRTC_DATA);
	if (vga_pos >= VGA_CELLS)
		vga_pos = 0;
}

static void vga_scroll(void)
{
	memmove(vga, vga + VGA_COLUMNS,
		(VGA_CELLS - VGA_COLUMNS) * sizeof(*vga));
	for (int i = VGA_CELLS - VGA_COLUMNS; i < VGA_CELLS; i++)
		vga[i] = VGA_BLANK;
	vga_pos -= VGA_COLUMNS;
}

// Escape sequences are for terminals: the screen leaves them out.
static bool vga_in_escape(int c)
{
	static enum { TEXT, ESCAPE, CSI } state;

	switch (state) {
	case TEXT:
		if (c != '\033')
			return false;
		state = ESCAPE;
		return true;
	case ESCAPE:
		state = c == '[' ? CSI : TEXT;
		return true;
	default:
		if (c >= '@' && c <= '~')
			state = TEXT;
		return true;
	}
}

static void vga_putc(int c)
{
	if (vga_in_escape(c))
		return;
	switch (c) {
	case '\b':
		if (vga_pos > 0)
			vga_pos--;
		break;
	case '\n':
		vga_pos += VGA_COLUMNS;
		// fall through
	case '\r':
		vga_pos -= vga_pos % VGA_COLUMNS;
		break;
	case '\t':
		vga_pos = ROUNDUP(vga_pos + 1, 8);
		break;
	case '\a':
		break;
	default:
		vga[vga_pos++] = 0x0700 | (c & 0xff);
	}
	if (vga_pos >= VGA_CELLS)
		vga_scroll();
}

static void vga_show_cursor(void)
{
	outb(CRTC_INDEX, CRTC_CURSOR_HI);
	outb(CRTC_DATA, vga_pos >> 8);
	outb(CRTC_INDEX, CRTC_CURSOR_LO);
	outb(CRTC_DATA, vga_pos);
}

// ---- keyboard -------------------------------------------------------------

enum {
	KBD_DATA = 0x60,
	KBD_STATUS = 0x64,
	STATUS_FULL = 0x01,
	STATUS_MOUSE = 0x20,

	KEY_EXTENDED = 0xe0,	// prefix
	KEY_RELEASED = 0x80,
	KEY_CTRL = 0x1d,
	KEY_LSHIFT = 0x2a,
	KEY_RSHIFT = 0x36,
	KEY_CAPS = 0x3a,
	KEY_KP_SLASH = 0x35,	// and Enter: the extended keys that are text
	KEY_ENTER = 0x1c,
};

// US layout, by scan code.
static const char kbd_plain[] =
	"\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./"
	"\0*\0 ";
static const char kbd_shifted[] =
	"\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?"
	"\0*\0 ";

// What VT100 sends for the keys that a keyboard of 1986 added.
static const struct { uint8_t key; const char *text; } kbd_special[] = {
	{ 0x48, "\033[A" }, { 0x50, "\033[B" },		// up, down
	{ 0x4d, "\033[C" }, { 0x4b, "\033[D" },		// right, left
	{ 0x47, "\033[H" }, { 0x4f, "\033[F" },		// home, end
	{ 0x49, "\033[5~" }, { 0x51, "\033[6~" },	// page up, down
	{ 0x52, "\033[2~" }, { 0x53, "\033[3~" },	// insert, delete
};

static struct {
	bool shift[2], ctrl, caps, extended;
	const char *pending;	// rest of a special key's sequence
} kbd;

static bool is_letter(int c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static int kbd_text(uint8_t key)
{
	bool shift = kbd.shift[0] || kbd.shift[1];
	int c;

	if (key >= sizeof(kbd_plain) - 1)
		return -1;
	c = kbd_plain[key];
	if (shift != (kbd.caps && is_letter(c)))
		c = kbd_shifted[key];
	if (kbd.ctrl && c >= '@' && c <= '~')
		c &= 0x1f;
	return c ? c : -1;
}

static int kbd_special_key(uint8_t key)
{
	for (size_t i = 0; i < ARRAY_SIZE(kbd_special); i++) {
		if (kbd_special[i].key == key) {
			kbd.pending = kbd_special[i].text + 1;
			return kbd_special[i].text[0];
		}
	}
	return -1;
}

// Follows the keys that change others; true when this is one.
static bool kbd_modifier(uint8_t key, bool pressed)
{
	switch (key) {
	case KEY_LSHIFT:
	case KEY_RSHIFT:
		kbd.shift[key == KEY_RSHIFT] = pressed;
		return true;
	case KEY_CTRL:
		kbd.ctrl = pressed;
		return true;
	case KEY_CAPS:
		kbd.caps ^= pressed;
		return true;
	}
	return false;
}

// The character that a scan code makes, -1 when it makes none.
static int kbd_decode(uint8_t code)
{
	bool extended = kbd.extended;
	uint8_t key = code & ~KEY_RELEASED;

	kbd.extended = code == KEY_EXTENDED;
	if (kbd.extended)
		return -1;
	if (extended && (key == KEY_LSHIFT || key == KEY_RSHIFT))
		return -1;	// sent around arrows, not pressed
	if (kbd_modifier(key, !(code & KEY_RELEASED)))
		return -1;
	if (code & KEY_RELEASED)
		return -1;
	if (extended && key != KEY_KP_SLASH && key != KEY_ENTER)
		return kbd_special_key(key);
	return kbd_text(key);
}

static int kbd_getc(void)
{
	uint8_t status, code;
	int c;

	if (kbd.pending && *kbd.pending)
		return *kbd.pending++;
	while ((status = inb(KBD_STATUS)) & STATUS_FULL) {
		if (status == 0xff)	// no controller
			return -1;
		code = inb(KBD_DATA);
		if (status & STATUS_MOUSE)
			continue;
		c = kbd_decode(code);
		if (c >= 0)
			return c;
	}
	return -1;
}

// ---- the two roles --------------------------------------------------------

static void host_write(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			serial_putc('\r');
		serial_putc(s[i]);
		vga_putc(s[i]);
	}
	vga_show_cursor();
}

static int host_getc(void)
{
	int c = serial_getc();

	return c >= 0 ? c : kbd_getc();
}

// One hypercall a piece. The host reads the guest's physical memory, and s
// may be a user's: so the piece is copied to where both know its address.
static void guest_write(const char *s, size_t n)
{
	static char piece[1024] __attribute__((aligned(1024)));

	for (size_t len; n > 0; s += len, n -= len) {
		len = MIN(n, sizeof(piece));
		memcpy(piece, s, len);
		hypercall(VMX_VMCALL_CONS_WRITE, PADDR(piece), len);
	}
}

static int guest_getc(void)
{
	int64_t c = hypercall(VMX_VMCALL_CONS_READ, 0, 0);

	return c == -E_EOF ? -1 : (int)c;
}

static bool in_guest(void)
{
	return sysinfo.si_role == ROLE_GUEST;
}

static int device_getc(void)
{
	return in_guest() ? guest_getc() : host_getc();
}

void cons_init(void)
{
	if (in_guest())
		return;
	serial_init();
	vga_init();
}

void cons_flush(void)
{
	if (!in_guest() && serial_exists)
		serial_wait(LSR_IDLE);
}

// ---- output ---------------------------------------------------------------

static volatile uint32_t out_locked;
static volatile bool out_lock_broken;

void cons_break_lock(void)
{
	out_lock_broken = true;
}

void cons_write(const char *s, size_t n)
{
	while (xchg(&out_locked, 1) && !out_lock_broken)
		pause();
	if (in_guest())
		guest_write(s, n);
	else
		host_write(s, n);
	xchg(&out_locked, 0);
}

// ---- input ----------------------------------------------------------------

enum {
	RING = 1024,
	RING_SPARE = 8,		// cons_input() may add more than it was given
};

static struct {
	char text[RING];
	uint32_t head, tail;	// written at head, read at tail; they wrap
	bool stalled;		// characters may wait in the devices
} ring = { .stalled = true };	// some come before there are interrupts

bool cons_put_ring(int c)
{
	if (ring.head - ring.tail == RING)
		return false;
	ring.text[ring.head++ % RING] = c;
	return true;
}

void cons_intr(void)
{
	int c;

	for (;;) {
		ring.stalled = ring.head - ring.tail > RING - RING_SPARE;
		if (ring.stalled || (c = device_getc()) < 0)
			return;
		cons_input(c);
	}
}

static int ring_get(void)
{
	if (ring.head == ring.tail)
		return -1;
	return (uint8_t)ring.text[ring.tail++ % RING];
}

// The interrupt of what waits in a device has come and gone.
int cons_getc(void)
{
	int c = ring_get();

	if (ring.stalled)
		cons_intr();
	return c >= 0 ? c : ring_get();
}

int cons_poll(void)
{
	int c = ring_get();

	return c >= 0 ? c : device_getc();
}
