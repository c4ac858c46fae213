// Memory-mapped I/O of a guest, as its VMM sees it: inc/vmmio.h and the
// guest's record.

#include <inc/lib.h>
#include <inc/vmmio.h>

static bool guest_memory(void *ctx, uint64_t gpa, void *buf, size_t n,
			 bool write)
{
	return sys_vm_memory((uintptr_t)ctx, gpa, buf, n, write) == 0;
}

// Puts a result into the record.
static int show(struct vm_mmio *m, volatile struct vm_exit *x,
		enum vm_mmio_result r)
{
	if (r < 0)
		return r;
	if (r == VM_MMIO_ACCESS) {
		x->vx_memory.gpa = m->gpa;
		x->vx_memory.size = m->size;
		x->vx_memory.read = !m->write;
		x->vx_memory.write = m->write;
		x->vx_memory.data = m->write ? m->data : 0;
		return VM_MMIO_ACCESS;
	}
	x->vx_answer = r == VM_MMIO_FAULT ? VM_FAULT : VM_RETRY;
	x->vx_vector = m->vector;
	x->vx_error = m->error;
	return sys_vm_regs(x->vx_guest, &m->regs, true) < 0 ? VM_MMIO_OTHER :
		VM_MMIO_DONE;
}

int vm_memory_begin(struct vm_mmio *m, volatile struct vm_exit *x)
{
	m->memory = guest_memory;
	m->ctx = (void *)(uintptr_t)x->vx_guest;
	if (x->vx_memory.exec || x->vx_memory.exhausted ||
	    sys_vm_regs(x->vx_guest, &m->regs, false) < 0)
		return VM_MMIO_OTHER;
	return show(m, x, vm_mmio_begin(m, x->vx_memory.gpa));
}

int vm_memory_next(struct vm_mmio *m, volatile struct vm_exit *x)
{
	m->data = x->vx_memory.data;
	return show(m, x, vm_mmio_next(m));
}
