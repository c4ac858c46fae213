// Tests of lib/vminsn.c and lib/vmpaging.c: mmio_test NAME runs one, mmio_test
// lists them.
#include "mmio_machine.h"

#define EQUAL(a, b) do {						\
	unsigned long a_ = (a), b_ = (b);				\
	if (a_ != b_) {							\
		fprintf(stderr, "%s:%d: %s: %s is %#lx, not %#lx\n",	\
			__FILE__, __LINE__, doing, #a, a_, b_);		\
		exit(1);						\
	}								\
} while (0)

enum { RIP = BASE + 0x100, KEPT = -1 };

static const char *doing = "";		// for messages
static uint8_t code[64];
static size_t ncode;

static void put_hex(const char *hex)
{
	doing = hex;
	for (ncode = 0; hex[2 * ncode]; ncode++) {
		char digits[3] = { hex[2 * ncode], hex[2 * ncode + 1], 0 };

		code[ncode] = strtoul(digits, NULL, 16);
	}
	put_code(RIP - mmio.regs.seg[VM_CS].base, code, ncode);
}

// A guest whose EBX, ESI and EDI point to the device, and an instruction.
static void start(enum mode mode, const char *hex)
{
	static const uint64_t gpr[VM_NGPRS] = {
		0x1122334455667788, 2, 0xd0d1d2d3d4d5d6d7, DEVICE,
		DATA + PGSIZE, 0, DEVICE + 0x10, DEVICE + 0x20,
		0x0807060504030201, 1,
	};

	make_guest(mode);
	memcpy(mmio.regs.gpr, gpr, sizeof(gpr));
	for (int i = 0; mode == REAL && i < VM_NGPRS; i++)
		if (gpr[i] >= BASE && gpr[i] < LIMIT)
			mmio.regs.gpr[i] = gpr[i] - BASE;
	mmio.regs.seg[VM_FS].base += 0x20;
	for (int i = 0; i < LIMIT - DEVICE; i++)
		high[DEVICE - BASE + i] = 0x80 + i;
	put_hex(hex);
}

static const struct {
	enum mode mode;
	const char *code;
	int offset, size;	// in the device
	int reads, writes;
	uint64_t data;		// written
	int reg;		// that changes, or KEPT
	uint64_t value;
} encodings[] = {
	// MOV to memory
	{ LONG, "8803", 0, 1, 0, 1, 0x88, KEPT, 0 },
	{ LONG, "8823", 0, 1, 0, 1, 0x77, KEPT, 0 },		// AH
	{ LONG, "408833", 0, 1, 0, 1, 0x10, KEPT, 0 },		// SIL
	{ LONG, "668903", 0, 2, 0, 1, 0x7788, KEPT, 0 },
	{ LONG, "8903", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "488903", 0, 8, 0, 1, 0x1122334455667788, KEPT, 0 },
	{ LONG, "66488903", 0, 8, 0, 1, 0x1122334455667788, KEPT, 0 },
	{ LONG, "48668903", 0, 2, 0, 1, 0x7788, KEPT, 0 },	// REX is none
	{ LONG, "44894304", 4, 4, 0, 1, 0x04030201, KEPT, 0 },
	{ LONG, "428904cb", 8, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "898b00010000", 256, 4, 0, 1, 2, KEPT, 0 },
	{ LONG, "89042500400010", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "8905fa3e0000", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "c705f63e000001000000", 0, 4, 0, 1, 1, KEPT, 0 },
	{ LONG, "648903", 32, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "642e8903", 32, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "2e8903", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "a30040001000000000", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ LONG, "67a200400010", 0, 1, 0, 1, 0x88, KEPT, 0 },
	{ LONG, "c60342", 0, 1, 0, 1, 0x42, KEPT, 0 },
	{ LONG, "66c7033412", 0, 2, 0, 1, 0x1234, KEPT, 0 },
	{ LONG, "48c703fbffffff", 0, 8, 0, 1, -5ul, KEPT, 0 },
	// and from it
	{ LONG, "8a03", 0, 1, 1, 0, 0, VM_RAX, 0x1122334455667780 },
	{ LONG, "8a23", 0, 1, 1, 0, 0, VM_RAX, 0x1122334455668088 },
	{ LONG, "408a23", 0, 1, 1, 0, 0, VM_RSP, DATA + PGSIZE + 0x80 },
	{ LONG, "448a03", 0, 1, 1, 0, 0, VM_R8, 0x0807060504030280 },
	{ LONG, "668b03", 0, 2, 1, 0, 0, VM_RAX, 0x1122334455668180 },
	{ LONG, "8b03", 0, 4, 1, 0, 0, VM_RAX, 0x83828180 },
	{ LONG, "488b03", 0, 8, 1, 0, 0, VM_RAX, 0x8786858483828180 },
	{ LONG, "48a10040001000000000", 0, 8, 1, 0, 0, VM_RAX,
		0x8786858483828180 },
	{ LONG, "0fb603", 0, 1, 1, 0, 0, VM_RAX, 0x80 },
	{ LONG, "660fb603", 0, 1, 1, 0, 0, VM_RAX, 0x1122334455660080 },
	{ LONG, "480fb703", 0, 2, 1, 0, 0, VM_RAX, 0x8180 },
	{ LONG, "0fbe03", 0, 1, 1, 0, 0, VM_RAX, 0xffffff80 },
	{ LONG, "660fbe03", 0, 1, 1, 0, 0, VM_RAX, 0x112233445566ff80 },
	{ LONG, "480fbf03", 0, 2, 1, 0, 0, VM_RAX, 0xffffffffffff8180 },
	{ LONG, "486303", 0, 4, 1, 0, 0, VM_RAX, 0xffffffff83828180 },
	{ LONG, "666303", 0, 2, 1, 0, 0, VM_RAX, 0x1122334455668180 },
	{ LONG, "6303", 0, 4, 1, 0, 0, VM_RAX, 0x83828180 },
	// Both
	{ LONG, "0803", 0, 1, 1, 1, 0x88, KEPT, 0 },
	{ LONG, "8303ff", 0, 4, 1, 1, 0x8382817f, KEPT, 0 },
	{ LONG, "f0800301", 0, 1, 1, 1, 0x81, KEPT, 0 },
	{ LONG, "48812b80818283", 0, 8, 1, 1, 0x8786858500000000, KEPT, 0 },
	{ LONG, "3303", 0, 4, 1, 0, 0, VM_RAX, 0xd6e4f608 },
	{ LONG, "3b03", 0, 4, 1, 0, 0, KEPT, 0 },
	{ LONG, "f60380", 0, 1, 1, 0, 0, KEPT, 0 },
	{ LONG, "8703", 0, 4, 1, 1, 0x55667788, VM_RAX, 0x83828180 },
	{ LONG, "8623", 0, 1, 1, 1, 0x77, VM_RAX, 0x1122334455668088 },
	// 32-bit code
	{ PROTECTED, "8903", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ PAGED, "668903", 0, 2, 0, 1, 0x7788, KEPT, 0 },
	{ PAE, "8b03", 0, 4, 1, 0, 0, VM_RAX, 0x83828180 },
	{ PROTECTED, "a300400010", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ PROTECTED, "c7050040001078563412", 0, 4, 0, 1, 0x12345678, KEPT,
		0 },
	{ PROTECTED, "648903", 32, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ PROTECTED, "89440b06", 8, 4, 0, 1, 0x55667788, KEPT, 0 },
	// 16-bit code
	{ REAL, "8807", 0, 1, 0, 1, 0x88, KEPT, 0 },
	{ REAL, "8907", 0, 2, 0, 1, 0x7788, KEPT, 0 },
	{ REAL, "668907", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ REAL, "67668903", 0, 4, 0, 1, 0x55667788, KEPT, 0 },
	{ REAL, "a20040", 0, 1, 0, 1, 0x88, KEPT, 0 },
	{ REAL, "c70600403412", 0, 2, 0, 1, 0x1234, KEPT, 0 },
	{ REAL, "648907", 32, 2, 0, 1, 0x7788, KEPT, 0 },
	{ REAL, "8804", 16, 1, 0, 1, 0x88, KEPT, 0 },		// [SI]
	{ REAL, "884502", 34, 1, 0, 1, 0x88, KEPT, 0 },		// [DI+2]
	{ REAL, "88860040", 0, 1, 0, 1, 0x88, KEPT, 0 },	// [BP+disp]
	{ REAL, "8b07", 0, 2, 1, 0, 0, VM_RAX, 0x1122334455668180 },
};

static void test_encodings(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
		static struct vm_regs before;

		start(encodings[i].mode, encodings[i].code);
		before = mmio.regs;
		EQUAL(step(DEVICE + encodings[i].offset), VM_MMIO_DONE);
		EQUAL(last.gpa, DEVICE + encodings[i].offset);
		EQUAL(last.size, encodings[i].size);
		EQUAL(accesses, encodings[i].reads + encodings[i].writes);
		EQUAL(last.write, encodings[i].writes);
		if (last.write)
			EQUAL(last.data, encodings[i].data);
		EQUAL(mmio.regs.rip, before.rip + ncode);
		if (encodings[i].reg != KEPT)
			before.gpr[encodings[i].reg] = encodings[i].value;
		for (int n = 0; n < VM_NGPRS; n++)
			EQUAL(mmio.regs.gpr[n], before.gpr[n]);
	}
}

// All opcodes of one byte and, behind 0F, of two, with some prefixes, all
// values of ModRM's reg field and both of CF: where they are known, they are
// what the processor does.
static void test_processor(void)
{
	static const char *const prefix[] = {
		"", "66", "40", "48", "49", "f0", "6648", "67f3", "f2",
	};
	int compared = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(prefix) << 13; i++) {
		static char hex[64];

		// [RBX + 8] or [R11 + 8], and what may be an immediate.
		snprintf(hex, sizeof(hex), "%s%s%02x%02x08817283f485",
			 prefix[i >> 13], i & 1 ? "0f" : "", i >> 1 & 0xff,
			 0x43 | (i >> 9 & 7) << 3);
		start(LONG, hex);
		mmio.regs.gpr[VM_RCX] |= 1ul << 32;
		mmio.regs.gpr[VM_R11] = DEVICE;
		mmio.regs.rflags |= i >> 12 & 1;
		compared += same_as_processor();
	}
#ifdef __x86_64__
	CHECK(compared > 5000);
#endif
}

static void test_refused(void)
{
	static const struct {
		enum mode mode;
		const char *code;
	} refused[] = {
		{ LONG, "88c3" },		// registers alone
		{ LONG, "8bc3" }, { LONG, "0fb6c3" },
		{ LONG, "c64b0101" },		// C6 /1
		{ LONG, "f61b" }, { LONG, "f613" },	// NEG, NOT
		{ LONG, "ff03" }, { LONG, "ff33" },	// INC, PUSH
		{ LONG, "0f0b" }, { LONG, "90" }, { LONG, "f4" },
		{ LONG, "0fa303" }, { LONG, "0fb103" }, // BT, CMPXCHG
		{ LONG, "a6" }, { LONG, "ae" }, { LONG, "6c" },
		{ LONG, "f3a6" }, { LONG, "f2ae" },
		{ LONG, "660f6f03" }, { LONG, "c5fa6f03" }, // MOVDQA, VEX
		{ LONG, "f08903" }, { LONG, "f08b03" }, // LOCK of no RMW
		{ LONG, "f03b03" }, { LONG, "f0a4" }, { LONG, "f0833b01" },
		{ PROTECTED, "6303" },			// ARPL
		{ PROTECTED, "408903" }, { REAL, "408907" },	// INC
		{ LONG, "6666666666666666666666666666668903" },	// 17 bytes
		{ LONG, "66666666666666666666666666c70334" },	// 16
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		static struct vm_regs before;

		start(refused[i].mode, refused[i].code);
		before = mmio.regs;
		EQUAL(step(DEVICE), (unsigned long)VM_MMIO_UNKNOWN);
		EQUAL(accesses, 0);
		EQUAL(memcmp(&before, &mmio.regs, sizeof(before)), 0);
	}
	start(LONG, "6666666666666666666666668903");	// 15: the longest
	EQUAL(step(DEVICE), VM_MMIO_DONE);
}

// The access that was refused is none of the instruction's operands.
static void test_other_access(void)
{
	start(LONG, "488903");
	EQUAL(step(DEVICE + 8), (unsigned long)VM_MMIO_OTHER);
	EQUAL(step(DEVICE - 1), (unsigned long)VM_MMIO_OTHER);
	EQUAL(step(ROOT), (unsigned long)VM_MMIO_OTHER);
	EQUAL(step(DEVICE + 7), VM_MMIO_DONE);
	start(LONG, "f3aa");
	mmio.regs.gpr[VM_RCX] = 0;
	EQUAL(step(DEVICE + 32), (unsigned long)VM_MMIO_OTHER);
	EQUAL(accesses, 0);
}

static void test_strings(void)
{
	start(LONG, "f3ab");				// REP STOSD
	EQUAL(step(DEVICE + 32), VM_MMIO_DONE);
	EQUAL(last.data, 0x55667788);
	EQUAL(mmio.regs.rip, RIP);
	EQUAL(mmio.regs.gpr[VM_RCX], 1);
	EQUAL(mmio.regs.gpr[VM_RDI], DEVICE + 36);
	EQUAL(step(DEVICE + 36), VM_MMIO_DONE);
	EQUAL(mmio.regs.rip, RIP + 2);
	EQUAL(mmio.regs.gpr[VM_RCX], 0);
	start(LONG, "67f3aa");				// by ECX
	mmio.regs.gpr[VM_RCX] = 1ul << 32 | 1;
	EQUAL(step(DEVICE + 32), VM_MMIO_DONE);
	EQUAL(mmio.regs.rip, RIP + 3);
	EQUAL(mmio.regs.gpr[VM_RCX], 0);
	start(REAL, "a5");				// down, and around
	mmio.regs.rflags |= FL_DF;
	mmio.regs.gpr[VM_RSI] = 0xabcd4000;
	mmio.regs.gpr[VM_RDI] = 0xabcd0000;
	put_code(0x300, "\xa5", 1);
	mmio.regs.seg[VM_ES].base = BASE + 0x2000;
	EQUAL(step(DEVICE), VM_MMIO_DONE);
	EQUAL(mmio.regs.gpr[VM_RSI], 0xabcd3ffe);
	EQUAL(mmio.regs.gpr[VM_RDI], 0xabcdfffe);
	EQUAL(high[0x2000], 0x80);
	EQUAL(high[0x2001], 0x81);
	start(LONG, "a5");				// device to device
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	EQUAL(accesses, 2);
	EQUAL(last.data, 0x93929190);
	EQUAL(last.gpa, DEVICE + 32);
	EQUAL(mmio.regs.rip, RIP + 1);
}

// Addresses and EIP have 32 bits outside of 64-bit code.
static void test_around_4g(void)
{
	start(PROTECTED, "8903");
	mmio.regs.seg[VM_CS].base = RIP + 2;
	mmio.regs.rip = 0xfffffffe;
	mmio.regs.seg[VM_DS].base = 0x20;
	mmio.regs.gpr[VM_RBX] = DEVICE - 0x20;
	EQUAL(step(DEVICE), VM_MMIO_DONE);
	EQUAL(mmio.regs.rip, 0);
	mmio.regs.rip = 0xfffffffe;
	mmio.regs.seg[VM_DS].base = DEVICE + 8;
	mmio.regs.gpr[VM_RBX] = 0xfffffff8;
	EQUAL(step(DEVICE), VM_MMIO_DONE);
}

// Flags that are not the instruction's stay, but for RF.
static void test_flags(void)
{
	start(LONG, "8303ff");
	mmio.regs.rflags = 0x10ed6;
	EQUAL(step(DEVICE), VM_MMIO_DONE);
	EQUAL(mmio.regs.rflags, 0x683);		// CF SF, no OF PF AF ZF
	start(LONG, "8903");
	mmio.regs.rflags = 0x8d7;
	EQUAL(step(DEVICE), VM_MMIO_DONE);
	EQUAL(mmio.regs.rflags, 0x8d7);
}

// Operands and code on two pages.
static void test_two_pages(void)
{
	start(LONG, "8903");
	mmio.regs.gpr[VM_RBX] = DEVICE + PGSIZE - 2;
	EQUAL(step(DEVICE + PGSIZE), (unsigned long)VM_MMIO_TWO_PAGES);
	EQUAL(step(DEVICE + PGSIZE + 2), (unsigned long)VM_MMIO_OTHER);
	mmio.regs.gpr[VM_RBX] = DEVICE - 1;
	EQUAL(step(DEVICE), (unsigned long)VM_MMIO_TWO_PAGES);
	EQUAL(accesses, 0);
	start(LONG, "a5");			// device to RAM's two pages
	mmio.regs.gpr[VM_RDI] = DATA + PGSIZE - 1;
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	EQUAL(memcmp(high + (DATA + PGSIZE - 1 - BASE), "\x90\x91\x92\x93", 4),
	      0);
	start(LONG, "a5");			// and back
	mmio.regs.gpr[VM_RSI] = DATA + PGSIZE - 1;
	EQUAL(step(DEVICE + 32), VM_MMIO_DONE);
	EQUAL(last.data, 0);
	for (int n = 1; n < 7; n++) {
		start(LONG, "c70378563412");
		put_code(CODE + PGSIZE - n, code, ncode);
		EQUAL(step(DEVICE), VM_MMIO_DONE);
		EQUAL(last.data, 0x12345678);
	}
	start(REAL, "8907");			// code where RAM ends
	put_code(DEVICE - BASE - 2, code, 2);
	EQUAL(step(DEVICE), VM_MMIO_DONE);
	start(REAL, "8907");
	put_code(DEVICE - BASE - 1, code, 2);
	EQUAL(step(DEVICE), (unsigned long)VM_MMIO_NO_MEMORY);
}

// --------------------------------------------------------------
// Segments

// MOVS from the device to RAM.
static void movs(enum mode mode)
{
	start(mode, "a5");
	mmio.regs.gpr[VM_RDI] = mode == REAL ? DATA - BASE : DATA;
}

static void is_fault(uint32_t vector, uint32_t error)
{
	EQUAL(step(DEVICE + 16), VM_MMIO_FAULT);
	EQUAL(mmio.vector, vector);
	EQUAL(mmio.error, error);
	EQUAL(accesses, 0);
	EQUAL(mmio.regs.rip, RIP - mmio.regs.seg[VM_CS].base);
}

static void test_segments(void)
{
	movs(REAL);
	mmio.regs.seg[VM_ES].limit = DATA - BASE;
	is_fault(T_GPFLT, 0);
	movs(LONG);					// has no limits
	mmio.regs.seg[VM_ES].limit = 0;
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	movs(PROTECTED);
	mmio.regs.seg[VM_ES].limit = DATA + 2;
	is_fault(T_GPFLT, 0);
	mmio.regs.seg[VM_ES].limit = DATA + 3;
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	movs(PROTECTED);
	mmio.regs.seg[VM_ES].rights = 0xc097;		// expand-down
	mmio.regs.seg[VM_ES].limit = DATA;
	is_fault(T_GPFLT, 0);
	mmio.regs.seg[VM_ES].limit = DATA - 1;
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	movs(PROTECTED);
	mmio.regs.seg[VM_ES].rights = 0xc091;		// read-only
	is_fault(T_GPFLT, 0);
	mmio.regs.seg[VM_ES].rights = 0xc09b;		// code
	is_fault(T_GPFLT, 0);
	mmio.regs.seg[VM_ES].rights = 0x1c093;		// unusable
	is_fault(T_GPFLT, 0);
	start(PROTECTED, "2ea5");			// reads from CS
	mmio.regs.gpr[VM_RDI] = DATA;
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	start(PROTECTED, "2ea5");
	mmio.regs.seg[VM_CS].rights = 0xc099;		// execute-only
	is_fault(T_GPFLT, 0);
	start(PROTECTED, "36a5");
	mmio.regs.seg[VM_SS].limit = 1;
	is_fault(T_STACK, 0);
	start(LONG, "a5");
	mmio.regs.gpr[VM_RDI] = 1ul << 47;		// not canonical
	is_fault(T_GPFLT, 0);
	mmio.regs.gpr[VM_RDI] = (1ul << 47) - 1;
	is_fault(T_GPFLT, 0);
}

// --------------------------------------------------------------
// Page tables

static uint64_t entry_at(uint64_t gpa, size_t n)
{
	uint64_t entry = 0;

	memcpy(&entry, low + gpa, n);
	return entry;
}

static void set_entry(uint64_t gpa, uint64_t entry, size_t n)
{
	memcpy(low + gpa, &entry, n);
}

// Where a linear address is; -1ul: the result is not 0.
static uint64_t where(uint64_t linear, enum vm_intent intent, int want)
{
	struct vm_operand o = { .gpa = { 0 } };

	EQUAL((unsigned long)vm_locate(&mmio, linear, 1, intent, &o),
	      (unsigned long)want);
	return want == 0 ? o.gpa[0] : -1ul;
}

static void is_page_fault(uint64_t linear, enum vm_intent intent,
			  uint32_t error)
{
	where(linear, intent, VM_MMIO_FAULT);
	EQUAL(mmio.vector, T_PGFLT);
	EQUAL(mmio.error, error);
	EQUAL(mmio.regs.cr2, linear);
}

static void test_walks(void)
{
	doing = "32-bit";
	make_guest(PAGED);
	EQUAL(where(DATA + 5, VM_READ, 0), DATA + 5);
	set_entry(ROOT + 4 * 0x300, 0x12c00083, 4);	// 4 MiB, if PSE
	mmio.regs.cr4 = CR4_PSE;
	EQUAL(where(0xc0234567, VM_READ, 0), 0x12e34567);
	set_entry(ROOT + 4 * 0x300, 0x12c06083, 4);	// PSE-36
	EQUAL(where(0xc0234567, VM_READ, 0), 0x312e34567);
	set_entry(ROOT + 4 * 0x300, 0x12e00083, 4);	// bit 21
	is_page_fault(0xc0234567, VM_READ, 9);
	mmio.regs.cr4 = 0;
	set_entry(ROOT + 4 * 0x300, (ROOT + PGSIZE) | 0x83, 4);
	EQUAL(where(0xc0000000 + (DATA & 0x3fffff), VM_READ, 0), DATA);
	doing = "PAE";
	make_guest(PAE);
	EQUAL(where(DEVICE + 5, VM_WRITE, 0), DEVICE + 5);
	set_entry(ROOT + 8 * 3, (ROOT + 3 * PGSIZE) | PTE_P, 8);
	set_entry(ROOT + 3 * PGSIZE, 0x8000001200000083, 8);
	EQUAL(where(0xc0123456, VM_READ, 0), 0x1200123456);
	set_entry(ROOT + 8 * 3, (ROOT + 3 * PGSIZE) | 3, 8);	// no W there
	is_page_fault(0xc0123456, VM_READ, 9);
	doing = "4-level";
	make_guest(LONG);
	EQUAL(where(CODE + 5, VM_FETCH, 0), CODE + 5);
	set_entry(ROOT + 8 * 511, (ROOT + PGSIZE) | 7, 8);
	set_entry(ROOT + PGSIZE + 8 * 511, 0x4000000083, 8);	// 1 GiB
	EQUAL(where(-5ul, VM_READ, 0), 0x403ffffffb);
	set_entry(ROOT + PGSIZE + 8 * 511, (ROOT + 2 * PGSIZE) | 7, 8);
	set_entry(ROOT + 2 * PGSIZE + 8 * 511, 0x4000200083, 8); // 2 MiB
	EQUAL(where(-5ul, VM_READ, 0), 0x40003ffffb);
}

static void test_hostile_tables(void)
{
	enum { PT = ROOT + 3 * PGSIZE };

	doing = "hostile tables";
	make_guest(LONG);
	for (int i = 0; i < 512; i++)		// one table is all levels
		set_entry(ROOT + 8 * i, ROOT | 7, 8);
	EQUAL(where(0x123456789abc, VM_WRITE, 0), ROOT + 0xabc);
	set_entry(ROOT, ROOT | 0x87, 8);	// PS in level 4
	is_page_fault(0, VM_READ, 9);
	set_entry(ROOT, 0x100000007, 8);	// a table beyond memory
	where(0, VM_READ, VM_MMIO_NO_MEMORY);
	mmio.regs.cr3 = 0xffffffffff000;
	where(0, VM_READ, VM_MMIO_NO_MEMORY);
	start(LONG, "8903");
	mmio.regs.cr3 = LOW;
	EQUAL(step(DEVICE), (unsigned long)VM_MMIO_NO_MEMORY);
	make_guest(LONG);
	set_entry(ROOT + 2 * PGSIZE + 8 * 128, 0x10006087, 8); // 2 MiB, bit 14
	is_page_fault(BASE, VM_READ, 9);
	set_entry(ROOT + 2 * PGSIZE + 8 * 128, 0, 8);
	is_page_fault(BASE, VM_READ, 0);
	is_page_fault(BASE, VM_WRITE, 2);
	is_page_fault(BASE, VM_FETCH, 0x10);
	start(LONG, "8903");			// gone under running code
	set_entry(PT, 0, 8);
	EQUAL(step(DEVICE), VM_MMIO_FAULT);
	EQUAL(mmio.error, 0x10);
	EQUAL(mmio.regs.cr2, RIP);
	start(LONG, "8903");			// fetched as far as needed
	put_code(CODE + PGSIZE - 2, code, 2);
	set_entry(PT + 8, 0, 8);
	EQUAL(step(DEVICE), VM_MMIO_DONE);
	start(LONG, "c70378563412");
	put_code(CODE + PGSIZE - 2, code, 6);
	set_entry(PT + 8, 0, 8);
	EQUAL(step(DEVICE), VM_MMIO_FAULT);
	EQUAL(mmio.regs.cr2, CODE + PGSIZE);
}

// A string goes to pages that its guest may not write: nothing else checks.
static void test_rights(void)
{
	enum { PT = ROOT + 3 * PGSIZE };

	start(LONG, "a5");
	mmio.regs.gpr[VM_RDI] = CODE + PGSIZE;		// read-only
	is_fault(T_PGFLT, 3);
	EQUAL(mmio.regs.cr2, CODE + PGSIZE);
	mmio.regs.cr0 &= ~CR0_WP;
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	movs(LONG);
	mmio.regs.seg[VM_SS].rights |= 0x60;
	set_entry(PT + 8 * 2, DATA | PTE_P | PTE_W, 8);	// supervisor's
	is_fault(T_PGFLT, 7);
	set_entry(PT + 8 * 2, DATA | PTE_P | PTE_U, 8);
	mmio.regs.cr0 &= ~CR0_WP;			// not for ring 3
	is_fault(T_PGFLT, 7);
	set_entry(ROOT, (ROOT + PGSIZE) | PTE_P | PTE_W, 8);
	set_entry(PT + 8 * 2, DATA | 7, 8);		// all levels count
	is_fault(T_PGFLT, 5);				// the source's
	movs(LONG);
	mmio.regs.cr4 |= CR4_SMAP;
	is_fault(T_PGFLT, 1);
	mmio.regs.rflags |= FL_AC;
	EQUAL(step(DEVICE + 16), VM_MMIO_DONE);
	EQUAL(entry_at(PT + 8 * 2, 8), DATA | 7 | PTE_A | PTE_D);
	EQUAL(entry_at(PT + 8 * 4, 8), DEVICE | 7 | PTE_A);
	EQUAL(entry_at(ROOT, 8), (ROOT + PGSIZE) | 7 | PTE_A);
	start(LONG, "a5");				// the second page's
	mmio.regs.gpr[VM_RDI] = DATA + PGSIZE - 2;
	set_entry(PT + 8 * 3, 0, 8);
	is_fault(T_PGFLT, 2);
	EQUAL(mmio.regs.cr2, DATA + PGSIZE);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "encodings", test_encodings }, { "processor", test_processor },
	{ "refused", test_refused }, { "other_access", test_other_access },
	{ "strings", test_strings }, { "around_4g", test_around_4g },
	{ "flags", test_flags }, { "two_pages", test_two_pages },
	{ "segments", test_segments }, { "walks", test_walks },
	{ "hostile_tables", test_hostile_tables }, { "rights", test_rights },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (argc < 2)
			puts(tests[i].name);
		else if (strcmp(argv[1], tests[i].name) == 0)
			return tests[i].run(), 0;
	return argc >= 2;
}
