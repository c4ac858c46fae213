// Who has the terminal: the host's programs, or one guest. A lone ESC, with
// nothing behind it for ESC_MS, takes it from a guest; an escape sequence
// (a key like an arrow) reaches the guest.

#include <inc/error.h>
#include <inc/string.h>
#include <inc/x86.h>
#include <kern/console.h>
#include <kern/tty.h>
#include <vmm/vmabi.h>

enum { ESC = '\033', ESC_MS = 50 };

static struct Env *owner;		// a guest; null: the host
static struct EnvQueue readers = { NULL, &readers.tqh_first };
static struct EnvQueue waiters = { NULL, &waiters.tqh_first };

static void esc_alone(struct timer *t);
static struct timer esc_timer = { .tm_fired = esc_alone };

// There is something to read.
static void notify(void)
{
	if (owner && owner->env_vcpu->vc_calls_console)
		vmx_raise_irq(owner, IRQ_SERIAL);
	else if (owner)
		vm_console_input(owner);
	else if (!TAILQ_EMPTY(&readers))
		env_restart(TAILQ_FIRST(&readers));
}

static void esc_alone(struct timer *t)
{
	(void)t;
	if (owner)
		tty_back(1);
}

void cons_input(int c)
{
	if (esc_timer.tm_slot) {	// the ESC begins a sequence
		timer_cancel(&esc_timer);
		cons_put_ring(ESC);
	} else if (owner && c == ESC) {
		timer_arm(&esc_timer, rdtsc() + ms2tsc(ESC_MS));
		return;
	}
	cons_put_ring(c);
	notify();
}

int64_t tty_getc(struct Env *e)
{
	int c = owner ? -1 : cons_getc();

	if (c < 0) {
		env_block(e, WAIT_CONSOLE, &readers);
		return -E_RESTART;
	}
	return c;
}

int64_t tty_give(struct Env *e, struct Env *guest)
{
	if (owner && owner != guest)
		tty_back(1);
	owner = guest;
	vmx_show_output(guest);
	notify();		// of what was typed meanwhile
	env_block(e, WAIT_FOREGROUND, &waiters);
	return 0;
}

void tty_back(int64_t result)
{
	struct Env *e;

	owner = NULL;
	timer_cancel(&esc_timer);
	while ((e = TAILQ_FIRST(&waiters)))
		env_wake(e, result);
	if (!TAILQ_EMPTY(&readers))
		env_restart(TAILQ_FIRST(&readers));
}

void tty_release(struct Env *guest)
{
	if (owner == guest)
		tty_back(1);
}

void tty_env_gone(struct Env *e)
{
	if (owner == e)
		tty_back(0);
	// A character may have come for a reader that ends unread.
	else if (!owner && !TAILQ_EMPTY(&readers))
		env_restart(TAILQ_FIRST(&readers));
}

void tty_guest_write(struct Env *guest, const char *s, size_t n)
{
	if (owner == guest)
		cons_write(s, n);
	else
		vmx_keep_output(guest, s, n);
}

int tty_guest_getc(struct Env *guest)
{
	int c = owner == guest ? cons_getc() : -1;

	return c < 0 ? -E_EOF : c;
}
