// A VMM with a memory-mapped device in the VGA hole, which keeps what is
// written to it: test/guests/mmio.c compares it with RAM. Then guests that end
// by an access that cannot be carried out.

#include <inc/lib.h>
#include <inc/vmmio.h>

enum { BUFFER = 0x20000000, RECORD = 0x20010000, MAX_GUEST = 0x9000 };
enum { PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC };
enum { DEVICE = 0xa0000 };

#define x (*(volatile struct vm_exit *)RECORD)
static uint8_t memory[PGSIZE];
static struct vm_mmio mmio;
static int reads[9], writes[9];		// by size

static envid_t make_guest(char argument)
{
	int fd = open("/guests/mmio", O_RDONLY), n, r = 0;
	envid_t guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);

	if (fd < 0 || guest < 0)
		panic("no guest: %e, %e", fd, guest);
	for (uintptr_t va = BUFFER; r >= 0 && va < BUFFER + MAX_GUEST;
	     va += PGSIZE) {
		r = sys_page_alloc(0, (void *)va, PERM);
		n = r < 0 ? r : readn(fd, (void *)va, PGSIZE);
		if (n <= 0)
			break;
		r = sys_ept_map(0, (void *)va, guest,
				(void *)(GUEST_BOOT + va - BUFFER),
				__EPTE_FULL);
	}
	close(fd);
	if (r >= 0)
		r = sys_vm_memory(guest, BOOT_CMDLINE, &argument, 1, true);
	if (r >= 0)
		r = sys_vm_record(guest, (struct vm_exit *)RECORD);
	if (r >= 0)
		r = sys_vm_ask(guest, VM_ASK_MEMORY, 0, 0);
	if (r >= 0)
		r = sys_env_set_status(guest, ENV_RUNNABLE);
	if (r < 0)
		panic("no guest: %e", r);
	return guest;
}

// The access in the record.
static void device(void)
{
	uint64_t at = x.vx_memory.gpa - DEVICE, data = x.vx_memory.data;
	int size = x.vx_memory.size;

	if (at > sizeof(memory) - size)
		panic("access to %lx, size %d", x.vx_memory.gpa, size);
	if (x.vx_memory.write) {
		writes[size]++;
		memcpy(memory + at, &data, size);
	} else {
		reads[size]++;
		memcpy(&data, memory + at, size);
		x.vx_memory.data = data;
	}
}

// Runs a guest until it has ended; its status, or why it had to end.
static int run(char argument)
{
	envid_t guest = make_guest(argument);
	int r;

	for (envid_t next = 0;;) {
		next = sys_vm_next(next, VM_FOREVER);
		if (next == -E_BAD_ENV)
			return wait(guest);
		if (next != guest || x.vx_reason != VM_EXIT_MEMORY)
			panic("guest %08x: exit %u", next, x.vx_reason);
		r = vm_memory_begin(&mmio, &x);
		while (r == VM_MMIO_ACCESS) {
			device();
			r = vm_memory_next(&mmio, &x);
		}
		if (r < 0) {
			printf("testmmio: %lx at rip %lx: %s\n",
			       x.vx_memory.gpa, x.vx_rip, vm_mmio_error(r));
			sys_env_destroy(guest);
			return r;
		}
	}
}

void umain(int argc, char **argv)
{
	int r = run(0);

	USED(argc);
	USED(argv);
	printf("testmmio: %d differences\n", r);
	for (int size = 1; size <= 8; size *= 2)
		printf("testmmio: size %d: %d reads, %d writes\n", size,
		       reads[size], writes[size]);
	for (char how = '1'; how <= '5'; how++)
		run(how);
}
