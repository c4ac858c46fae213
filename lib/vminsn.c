// Decodes and carries out one instruction of a guest (inc/vmmio.h). SDM volume
// 2, "Instruction Format" and the pages of the instructions.

#include <inc/mmu.h>
#include <inc/trap.h>
#include <inc/vmmio.h>

enum {
	CF = 0x1, PF = 0x4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800,
	STATUS_FLAGS = CF | PF | AF | ZF | SF | OF, VM86 = 0x20000,
	// A segment's rights.
	SEG_W = 2, SEG_R = 2, SEG_DOWN = 4, SEG_CODE = 8, SEG_L = 1 << 13,
	SEG_DB = 1 << 14, SEG_UNUSABLE = 1 << 16,
	REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8,
};

// --------------------------------------------------------------
// The instructions

// The first eight are numbered as in encodings.
enum operation {
	ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, XCHG, MOV, MOVZX, MOVSX,
};

enum form {
	NONE,
	MEM_REG, REG_MEM,	// ModRM, first operand first
	MEM_IMM,		// ModRM, /0, and an immediate
	GROUP_IMM, GROUP_IMM8,	// ModRM, whose reg field is the operation
	MEM_ACC, ACC_MEM,	// A register and an address
	MOVS, STOS, LODS,
};

// size: of what is in memory, in bytes; 0: the operand size.
struct opcode {
	uint8_t form, op, size;
};

#define BOTH(code, form, op)						\
	[code] = { form, op, 1 }, [code + 1] = { form, op, 0 }
#define ALU(op)								\
	BOTH(8 * op, MEM_REG, op), BOTH(8 * op + 2, REG_MEM, op)

static const struct opcode one_byte[256] = {
	ALU(ADD), ALU(OR), ALU(ADC), ALU(SBB), ALU(AND), ALU(SUB), ALU(XOR),
	ALU(CMP),
	[0x63] = { REG_MEM, MOVSX, 4 },		// 64-bit code only
	BOTH(0x80, GROUP_IMM, 0), [0x83] = { GROUP_IMM8, 0, 0 },
	BOTH(0x84, MEM_REG, TEST), BOTH(0x86, MEM_REG, XCHG),
	BOTH(0x88, MEM_REG, MOV), BOTH(0x8a, REG_MEM, MOV),
	BOTH(0xa0, ACC_MEM, MOV), BOTH(0xa2, MEM_ACC, MOV),
	BOTH(0xa4, MOVS, MOV), BOTH(0xaa, STOS, MOV), BOTH(0xac, LODS, MOV),
	BOTH(0xc6, MEM_IMM, MOV), BOTH(0xf6, MEM_IMM, TEST),
};

static const struct opcode two_byte[256] = {	// 0F ...
	[0xb6] = { REG_MEM, MOVZX, 1 }, [0xb7] = { REG_MEM, MOVZX, 2 },
	[0xbe] = { REG_MEM, MOVSX, 1 }, [0xbf] = { REG_MEM, MOVSX, 2 },
};

static const uint8_t segment_prefix[256] = {	// the segment, and 1
	[0x26] = VM_ES + 1, [0x2e] = VM_CS + 1, [0x36] = VM_SS + 1,
	[0x3e] = VM_DS + 1, [0x64] = VM_FS + 1, [0x65] = VM_GS + 1,
};

static bool is_string(const struct vm_insn *in)
{
	return in->form >= MOVS;
}

static bool has_immediate(const struct vm_insn *in)
{
	return in->form == MEM_IMM || in->form == GROUP_IMM ||
		in->form == GROUP_IMM8;
}

static bool compares(const struct vm_insn *in)
{
	return in->op == CMP || in->op == TEST;
}

// --------------------------------------------------------------
// Values and registers

static uint64_t mask(int size)
{
	return -1ul >> (64 - 8 * size);
}

static uint64_t sign_extend(uint64_t value, int size)
{
	uint64_t sign = 1ul << (8 * size - 1);

	return ((value & mask(size)) ^ sign) - sign;
}

// Writes of 32 bits clear the rest, those of 8 and 16 bits keep it.
static uint64_t merge(uint64_t old, uint64_t new, int size)
{
	uint64_t keep = size < 4 ? ~mask(size) : 0;

	return (old & keep) | (new & mask(size));
}

// Without a REX prefix, bytes 4 to 7 are AH to BH.
static bool is_high_byte(const struct vm_insn *in)
{
	return in->register_size == 1 && !in->rex && in->reg >= 4;
}

static uint64_t get_register(const struct vm_mmio *m)
{
	const struct vm_insn *in = &m->insn;

	if (is_high_byte(in))
		return m->regs.gpr[in->reg - 4] >> 8;
	return m->regs.gpr[in->reg];
}

static void set_register(struct vm_mmio *m, uint64_t value)
{
	const struct vm_insn *in = &m->insn;
	uint64_t *gpr = m->regs.gpr;

	if (is_high_byte(in))
		gpr[in->reg - 4] = (gpr[in->reg - 4] & ~0xff00ul) |
			(value & 0xff) << 8;
	else
		gpr[in->reg] = merge(gpr[in->reg], value, in->register_size);
}

// --------------------------------------------------------------
// Addresses

static uint64_t linear(const struct vm_mmio *m, int seg, uint64_t offset)
{
	if (!m->insn.code64)
		return (uint32_t)(m->regs.seg[seg].base + offset);
	return offset + (seg == VM_FS || seg == VM_GS ?
			 m->regs.seg[seg].base : 0);
}

static bool is_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

// Whether the segment has these bytes, and for this. (SDM volume 3, "Limit
// Checking" and "Type Checking".)
static bool in_segment(const struct vm_regs *r, int seg, uint64_t offset,
		       int size, bool write)
{
	const struct vm_segment *s = &r->seg[seg];
	uint64_t last = offset + size - 1;
	bool code = s->rights & SEG_CODE;

	if (s->rights & SEG_UNUSABLE)
		return false;
	if ((r->cr0 & CR0_PE) && !(r->rflags & VM86) &&
	    (write ? code || !(s->rights & SEG_W) :
	     code && !(s->rights & SEG_R)))
		return false;
	if (!code && (s->rights & SEG_DOWN))
		return offset > s->limit &&
			last <= (s->rights & SEG_DB ? 0xffffffff : 0xffff);
	return last <= s->limit;
}

// Finds an operand in memory, or raises what the processor would.
static int find(struct vm_mmio *m, struct vm_operand *o, bool write)
{
	const struct vm_insn *in = &m->insn;
	uint64_t offset = o->offset & mask(in->address_size);
	uint64_t at = linear(m, o->segment, offset);
	bool ok = in->code64 ?
		is_canonical(at) && is_canonical(at + in->size - 1) :
		in_segment(&m->regs, o->segment, offset, in->size, write);

	if (ok)
		return vm_locate(m, at, in->size, write ? VM_WRITE : VM_READ,
				 o);
	m->vector = o->segment == VM_SS ? T_STACK : T_GPFLT;
	m->error = 0;
	return VM_MMIO_FAULT;
}

// Was the access that RAM refused one to this operand?
static bool touches(const struct vm_operand *o, int size, uint64_t gpa)
{
	return gpa - o->gpa[0] < o->first ||
		(o->first < size &&
		 gpa - o->gpa[1] < (uint64_t)(size - o->first));
}

// --------------------------------------------------------------
// Decoding. What fails shows in insn.failed; from then on bytes are 0.

static void fetch(struct vm_mmio *m)
{
	struct vm_insn *in = &m->insn;
	uint64_t at = linear(m, VM_CS, m->regs.rip + in->have);
	size_t n = MIN(sizeof(in->bytes) - in->have, PGSIZE - PGOFF(at));
	struct vm_operand where;

	in->failed = VM_MMIO_UNKNOWN;	// longer than any instruction
	if (n == 0 || (in->code64 && !is_canonical(at)))
		return;
	in->failed = vm_locate(m, at, n, VM_FETCH, &where);
	if (!in->failed && !m->memory(m->ctx, where.gpa[0],
				      in->bytes + in->have, n, false))
		in->failed = VM_MMIO_NO_MEMORY;
	in->have += n;
}

static uint8_t byte(struct vm_mmio *m)
{
	struct vm_insn *in = &m->insn;

	if (!in->failed && in->length == in->have)
		fetch(m);
	return in->failed ? 0 : in->bytes[in->length++];
}

// A number of `size` bytes, 0 to 8, sign-extended.
static uint64_t number(struct vm_mmio *m, int size)
{
	uint64_t value = 0;

	for (int i = 0; i < size; i++)
		value |= (uint64_t)byte(m) << 8 * i;
	return size ? sign_extend(value, size) : 0;
}

// Reads prefixes; returns the first byte behind them.
static uint8_t prefixes(struct vm_mmio *m)
{
	struct vm_insn *in = &m->insn;
	bool wide = in->code64 || (m->regs.seg[VM_CS].rights & SEG_DB);
	bool data = false, address = false;
	uint8_t code;
	int seg;

	for (;;) {
		code = byte(m);
		seg = segment_prefix[code] - 1;
		if (in->code64 && code >> 4 == 4) {
			in->rex = code;
			continue;
		}
		if (seg >= 0 && (!in->code64 || seg >= VM_FS))
			in->segment = seg;
		data |= code == 0x66;
		address |= code == 0x67;
		in->locked |= code == 0xf0;
		in->repeated |= code == 0xf2 || code == 0xf3;
		if (seg < 0 && (code < 0x66 || code > 0x67) &&
		    (code < 0xf0 || code > 0xf3 || code == 0xf1))
			break;
		in->rex = 0;		// it stands behind all others
	}
	in->register_size = in->rex & REX_W ? 8 : wide != data ? 4 : 2;
	in->address_size = in->code64 ? address ? 4 : 8 :
		wide != address ? 4 : 2;
	return code;
}

// SDM volume 2, "16-Bit Addressing Forms with the ModR/M Byte".
static void address16(struct vm_mmio *m, struct vm_operand *o, int mod, int rm)
{
	static const uint8_t base[] = {
		VM_RBX, VM_RBX, VM_RBP, VM_RBP, VM_RSI, VM_RDI, VM_RBP, VM_RBX,
	};
	const uint64_t *gpr = m->regs.gpr;
	bool none = mod == 0 && rm == 6;

	o->offset = number(m, none ? 2 : mod);
	if (none)
		return;
	o->offset += gpr[base[rm]];
	if (rm < 4)
		o->offset += gpr[rm & 1 ? VM_RDI : VM_RSI];
	if (base[rm] == VM_RBP)
		o->segment = VM_SS;
}

// "32-Bit Addressing Forms with the ModR/M Byte", and 64-bit ones.
static void address32(struct vm_mmio *m, struct vm_operand *o, int mod, int rm)
{
	struct vm_insn *in = &m->insn;
	const uint64_t *gpr = m->regs.gpr;
	bool sib = rm == 4;
	int base = rm, index;

	o->offset = 0;
	if (sib) {
		uint8_t code = byte(m);

		base = code & 7;
		index = (code >> 3 & 7) | (in->rex & REX_X ? 8 : 0);
		if (index != 4)
			o->offset = gpr[index] << (code >> 6);
	}
	if (mod == 0 && base == 5) {
		o->offset += number(m, 4);
		in->rip_relative = in->code64 && !sib;
		return;
	}
	base |= in->rex & REX_B ? 8 : 0;
	o->offset += gpr[base] + number(m, mod == 2 ? 4 : mod);
	if (base == VM_RSP || base == VM_RBP)
		o->segment = VM_SS;
}

// The ModRM byte and what belongs to it; for a group, the operation, too.
static void modrm(struct vm_mmio *m, struct vm_operand *o)
{
	struct vm_insn *in = &m->insn;
	uint8_t code = byte(m);
	int mod = code >> 6, reg = code >> 3 & 7;

	if (mod == 3 || (in->form == MEM_IMM && reg != 0)) {
		in->failed = in->failed ? in->failed : VM_MMIO_UNKNOWN;
		return;
	}
	if (in->form == GROUP_IMM || in->form == GROUP_IMM8)
		in->op = reg;
	in->reg = reg | (in->rex & REX_R ? 8 : 0);
	if (in->address_size == 2)
		address16(m, o, mod, code & 7);
	else
		address32(m, o, mod, code & 7);
}

static void decode_operands(struct vm_mmio *m, struct vm_operand *o)
{
	struct vm_insn *in = &m->insn;
	int immediate = MIN(in->size, 4);

	if (in->form == MEM_ACC || in->form == ACC_MEM)
		o->offset = number(m, in->address_size);
	else if (!is_string(in))
		modrm(m, o);
	if (in->form == GROUP_IMM8)
		immediate = 1;
	if (has_immediate(in))
		in->immediate = number(m, immediate);
	if (in->rip_relative)
		o->offset += m->regs.rip + in->length;
	if (in->segment >= 0)
		o->segment = in->segment;
}

static void decode(struct vm_mmio *m)
{
	struct vm_insn *in = &m->insn;
	const struct opcode *o;
	uint8_t code;

	*in = (struct vm_insn){ .segment = -1 };
	in->code64 = (m->regs.efer & EFER_LMA) &&
		(m->regs.seg[VM_CS].rights & SEG_L);
	code = prefixes(m);
	o = code == 0x0f ? &two_byte[byte(m)] : &one_byte[code];
	if (in->failed)
		return;
	in->failed = VM_MMIO_UNKNOWN;
	if (o->form == NONE || (code == 0x63 && !in->code64))
		return;
	in->failed = 0;
	in->form = o->form;
	in->op = o->op;
	in->size = o->size ? MIN(o->size, in->register_size) :
		in->register_size;
	if (in->op != MOVZX && in->op != MOVSX)
		in->register_size = in->size;
	in->source = (struct vm_operand){ .segment = VM_DS,
		.offset = m->regs.gpr[VM_RSI] };
	decode_operands(m, &in->source);
	in->target = in->source;
	if (in->form == MOVS || in->form == STOS)
		in->target = (struct vm_operand){ .segment = VM_ES,
			.offset = m->regs.gpr[VM_RDI] };
	in->to_register = in->form == REG_MEM || in->form == ACC_MEM ||
		in->form == LODS;
	in->writes = !in->to_register && !compares(in);
	in->reads = !in->writes || in->op != MOV || in->form == MOVS;
	if (!in->failed && in->locked &&
	    !(in->reads && in->writes && in->form != MOVS))
		in->failed = VM_MMIO_UNKNOWN;
}

// --------------------------------------------------------------
// Carrying out

// The result of a op b, and the status flags (SDM volume 1, "Status Flags").
// What is neither sum nor difference just gives b.
static uint64_t calculate(int op, uint64_t a, uint64_t b, int size,
			  uint64_t *flags)
{
	uint64_t top = 1ul << (8 * size - 1), carries = 0, r, overflow = 0;
	uint64_t carry = (op == ADC || op == SBB) && (*flags & CF);

	switch (op) {
	case ADD: case ADC:
		r = a + b + carry;
		carries = (a & b) | ((a | b) & ~r);
		overflow = (a ^ r) & (b ^ r);
		break;
	case SUB: case SBB: case CMP:
		r = a - b - carry;
		carries = (~a & b) | ((~a | b) & r);
		overflow = (a ^ b) & (a ^ r);
		break;
	case AND: case TEST:
		r = a & b;
		break;
	case OR:
		r = a | b;
		break;
	case XOR:
		r = a ^ b;
		break;
	default:
		return b;
	}
	*flags = (*flags & ~(uint64_t)STATUS_FLAGS) |
		(carries & top ? CF : 0) | (carries & 8 ? AF : 0) |
		(overflow & top ? OF : 0) | (r & top ? SF : 0) |
		(r & mask(size) ? 0 : ZF) |
		(__builtin_parity(r & 0xff) ? 0 : PF);
	return r;
}

static void add_to_register(struct vm_regs *r, int reg, int64_t n, int size)
{
	r->gpr[reg] = merge(r->gpr[reg], r->gpr[reg] + n, size);
}

// Behind one element of a string; false when there are more.
static bool step_string(struct vm_mmio *m)
{
	const struct vm_insn *in = &m->insn;
	struct vm_regs *r = &m->regs;
	int step = r->rflags & FL_DF ? -in->size : in->size;

	if (in->form == MOVS || in->form == LODS)
		add_to_register(r, VM_RSI, step, in->address_size);
	if (in->form == MOVS || in->form == STOS)
		add_to_register(r, VM_RDI, step, in->address_size);
	if (!in->repeated)
		return true;
	add_to_register(r, VM_RCX, -1, in->address_size);
	return (r->gpr[VM_RCX] & mask(in->address_size)) == 0;
}

static enum vm_mmio_result finish(struct vm_mmio *m)
{
	const struct vm_insn *in = &m->insn;
	struct vm_regs *r = &m->regs;

	if (!compares(in) && (in->to_register || in->op == XCHG))
		set_register(m, in->value);
	r->rflags = in->flags;
	if (is_string(in) && !step_string(m))
		return VM_MMIO_DONE;
	r->rip += in->length;
	if (!in->code64)
		r->rip = (uint32_t)r->rip;
	r->rflags &= ~FL_RF;
	return VM_MMIO_DONE;
}

// Moves m->data from or to RAM, or presents the access.
static enum vm_mmio_result transfer(struct vm_mmio *m,
				    const struct vm_operand *o, bool write)
{
	int size = m->insn.size, rest = size - o->first;
	bool ram = m->memory(m->ctx, o->gpa[0], &m->data, o->first, write);

	if (rest > 0)
		return ram && m->memory(m->ctx, o->gpa[1],
					(char *)&m->data + o->first, rest,
					write) ?
			VM_MMIO_DONE : VM_MMIO_TWO_PAGES;
	m->gpa = o->gpa[0];
	m->size = size;
	m->write = write;
	return ram ? VM_MMIO_DONE : VM_MMIO_ACCESS;
}

// What was in memory is in m->data.
static enum vm_mmio_result execute(struct vm_mmio *m)
{
	struct vm_insn *in = &m->insn;
	uint64_t data = m->data & mask(in->size);
	uint64_t other = has_immediate(in) ? in->immediate : get_register(m);
	int size = in->register_size;
	enum vm_mmio_result r;

	if (in->op == MOVSX)
		data = sign_extend(data, in->size);
	if (in->to_register)
		in->value = calculate(in->op, other & mask(size), data, size,
				      &in->flags);
	else if (in->form == MOVS)
		in->value = data;
	else
		in->value = calculate(in->op, data, other & mask(size), size,
				      &in->flags);
	if (in->writes) {
		m->data = in->value & mask(in->size);
		if (in->op == XCHG)
			in->value = data;
		r = transfer(m, &in->target, true);
		if (r != VM_MMIO_DONE)
			return r;
	}
	return finish(m);
}

enum vm_mmio_result vm_mmio_begin(struct vm_mmio *m, uint64_t gpa)
{
	struct vm_insn *in = &m->insn;
	int r = 0;

	decode(m);
	if (in->failed)
		return in->failed;
	if (is_string(in) && in->repeated &&
	    (m->regs.gpr[VM_RCX] & mask(in->address_size)) == 0)
		return VM_MMIO_OTHER;
	in->flags = m->regs.rflags;
	m->data = 0;
	if (in->reads)
		r = find(m, &in->source, in->writes && in->form != MOVS);
	if (r == 0 && in->writes)
		r = find(m, &in->target, true);
	if (r != 0)
		return r;
	if (!(in->reads && touches(&in->source, in->size, gpa)) &&
	    !(in->writes && touches(&in->target, in->size, gpa)))
		return VM_MMIO_OTHER;
	if (in->reads)
		r = transfer(m, &in->source, false);
	return r == 0 ? execute(m) : (enum vm_mmio_result)r;
}

enum vm_mmio_result vm_mmio_next(struct vm_mmio *m)
{
	return m->write ? finish(m) : execute(m);
}

const char *vm_mmio_error(enum vm_mmio_result result)
{
	static const char *const text[] = {
		[-VM_MMIO_UNKNOWN] = "unknown instruction",
		[-VM_MMIO_OTHER] = "no access of this instruction's operands",
		[-VM_MMIO_TWO_PAGES] = "operand on two pages",
		[-VM_MMIO_NO_MEMORY] = "code or page tables outside memory",
	};

	return text[-result];
}
