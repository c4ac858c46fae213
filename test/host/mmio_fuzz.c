// Fuzzes the decoder of memory-mapped I/O under libFuzzer. Half of the inputs
// become instructions of 64-bit code that the processor executes, too: memory,
// registers and flags must be the same. The others are whole guests, tables
// and all. The corpus is in test/host/corpus/mmio.
#include "fuzz_input.h"
#include "mmio_machine.h"

// --------------------------------------------------------------
// Against the processor

static uint8_t code[32];
static size_t ncode;

static void emit(uint64_t value, int bytes)
{
	while (bytes-- > 0) {
		code[ncode++] = value;
		value >>= 8;
	}
}

// An address in or around RAM and device.
static uint64_t some_address(void)
{
	return DATA + PGSIZE + (int)(word(2) % (3 * PGSIZE)) - PGSIZE / 2;
}

static void emit_modrm(uint64_t rip)
{
	uint8_t modrm = byte(), sib = byte();
	int mod = modrm >> 6, rm = modrm & 7;

	emit(modrm, 1);
	if (rm == 4 && mod < 3)
		emit(sib, 1);
	if (mod == 1)
		emit(byte(), 1);
	else if (mod == 2)
		emit((int16_t)word(2), 4);
	else if (mod == 0 && rm == 5)
		emit(some_address() - rip - ncode - 4, 4);
	else if (mod == 0 && rm == 4 && (sib & 7) == 5)
		emit(some_address(), 4);
}

static void emit_instruction(uint64_t rip)
{
	static const uint8_t prefix[] = {
		0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x48,
	};
	int n = byte() % 4;
	uint8_t opcode;

	ncode = 0;
	while (n-- > 0)
		emit(prefix[byte() % sizeof(prefix)], 1);
	if ((n = byte()) & 0x80)
		emit(0x40 | (n & 15), 1);
	opcode = byte();
	if (n & 0x40)
		emit(0x0f, 1);
	emit(opcode, 1);
	if (!(n & 0x40) && opcode >= 0xa0 && opcode <= 0xa3)
		emit(some_address(), 8);
	else if ((n & 0x40) || opcode < 0xa4 || opcode > 0xaf)
		emit_modrm(rip);
	emit(word(8), 8);		// an immediate, or nothing
}

static void some_registers(void)
{
	struct vm_regs *r = &mmio.regs;

	for (int i = 0; i < VM_NGPRS; i++) {
		uint8_t kind = byte();

		r->gpr[i] = kind < 100 ? some_address() : kind < 200 ?
			byte() : word(8);
	}
	r->gpr[VM_RSP] = DATA + PGSIZE;	
	r->gpr[VM_RCX] = r->gpr[VM_RCX] % 8 ? r->gpr[VM_RCX] : 1;
	r->rflags = 2 | (word(2) & 0xcd5);
	for (int i = 0; i < LIMIT - DATA; i++)
		high[DATA - BASE + i] = i * 37 + r->gpr[i % 16];
}

static void compare(void)
{
	uint64_t rip = CODE + PGSIZE - 1 - byte() % 16;

	make_guest(LONG);
	emit_instruction(rip);
	put_code(rip, code, ncode);
	some_registers();
	same_as_processor();
}

// --------------------------------------------------------------
// Whole guests

static void some_state(struct vm_regs *r)
{
	for (int n = byte() % 8; n > 0; n--) {
		uint8_t what = byte();
		uint64_t *control[] = {
			&r->cr0, &r->cr3, &r->cr4, &r->efer, &r->rflags,
			&r->rip,
		};
		struct vm_segment *s = &r->seg[what % VM_NSEGS];

		if (what < 96)
			*control[what % 6] ^= 1ul << byte() % 64;
		else if (what < 128)
			*control[what % 6] = word(8);
		else if (what < 160)
			s->base = word(8);
		else if (what < 192)
			s->limit = word(4);
		else if (what < 224)
			s->rights ^= 1 << byte() % 17;
		else
			r->seg[VM_SS].rights ^= 0x60;	// ring 3
	}
}

static void some_tables(void)
{
	while (input < end_of_input) {
		uint64_t at = ROOT + word(2) % (LOW - ROOT - 8);
		uint64_t entry = word(2) | (uint64_t)(byte() % 8) << 12 |
			(uint64_t)byte() << 32 | (uint64_t)byte() << 56;

		memcpy(low + at, &entry, 8);
	}
}

static void whole_guest(void)
{
	struct vm_regs *r = &mmio.regs, before;
	enum vm_mmio_result result;
	uint64_t gpa;

	make_guest(byte() % NMODES);
	r->rip = (r->seg[VM_CS].base ? 0 : BASE) + PGSIZE - byte() % 16;
	for (int i = 0; i < 15; i++)
		code[i] = byte();
	put_code(r->rip, code, 15);
	some_registers();
	if (r->seg[VM_DS].base)
		for (int i = 0; i < VM_NGPRS; i++)
			r->gpr[i] &= 0xffff;
	some_state(r);
	some_tables();
	before = *r;
	gpa = word(8);
	for (int i = 0; i < 3; i++) {
		*r = before;
		result = step(gpa);
		CHECK(result >= VM_MMIO_NO_MEMORY && result <= VM_MMIO_FAULT);
		if (result == VM_MMIO_FAULT) {
			CHECK(mmio.vector >= T_STACK &&
			      mmio.vector <= T_PGFLT);
			CHECK(mmio.error < 32);
		}
		if (result != VM_MMIO_FAULT)
			CHECK(r->cr2 == before.cr2);
		r->cr2 = before.cr2;
		if (result != VM_MMIO_DONE)
			CHECK(memcmp(r, &before, sizeof(before)) == 0);
		else
			CHECK(mmio.insn.length > 0 && mmio.insn.length <= 15);
		CHECK(result >= 0 || *vm_mmio_error(result));
		gpa = i ? mmio.insn.target.gpa[0] : mmio.insn.source.gpa[0];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	end_of_input = data + size;
	if (byte() & 1)
		compare();
	else
		whole_guest();
	return 0;
}
