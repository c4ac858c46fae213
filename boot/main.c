// Loads the kernel: an ELF-64 file that starts at sector 2 of disk 0. Sector 1
// holds the command line.

#include <inc/elf.h>
#include <inc/memlayout.h>

enum { SECTSIZE = 512, KERNEL_SECTOR = 2, MAX_SECTORS = 128 };
enum {				// the primary ATA channel
	ATA_DATA = 0x1f0, ATA_COUNT = 0x1f2, ATA_LBA = 0x1f3,
	ATA_DEVICE = 0x1f6, ATA_STATUS = 0x1f7,
	ATA_LBA_MODE = 0xe0, ATA_READ = 0x20,
};

#define ELFHDR	((struct Elf *)0x10000)

void *bootmain(void);

static inline void outb(uint16_t port, uint8_t data)
{
	__asm__ volatile("outb %0, %1" : : "a"(data), "Nd"(port));
}

static void waitdisk(void)
{
	uint8_t status;

	do	// until not busy, and data are ready
		__asm__ volatile("inb %1, %0" : "=a"(status)
				 : "Nd"((uint16_t)ATA_STATUS));
	while ((status & 0x88) != 0x08);
}

// Reads n sectors from sector lba on.
static void readsects(uint8_t *dst, uint32_t lba, uint32_t n)
{
	while (n > 0) {
		uint32_t now = MIN(n, (uint32_t)MAX_SECTORS);

		outb(ATA_COUNT, now);
		outb(ATA_LBA, lba);
		outb(ATA_LBA + 1, lba >> 8);
		outb(ATA_LBA + 2, lba >> 16);
		outb(ATA_DEVICE, ATA_LBA_MODE);
		outb(ATA_STATUS, ATA_READ);
		for (n -= now, lba += now; now > 0; now--) {
			uint32_t longs = SECTSIZE / 4;

			waitdisk();
			__asm__ volatile("rep insl"
					 : "+D"(dst), "+c"(longs)
					 : "d"(ATA_DATA) : "memory");
		}
	}
}

void *bootmain(void)
{
	const struct Proghdr *ph, *end;

	readsects((void *)BOOT_CMDLINE, 1, 1);
	readsects((void *)ELFHDR, KERNEL_SECTOR, 8);
	if (ELFHDR->e_magic != ELF_MAGIC)
		for (;;)
			__asm__ volatile("hlt");
	ph = (void *)ELFHDR + (uint32_t)ELFHDR->e_phoff;
	end = ph + ELFHDR->e_phnum;
	for (; ph < end; ph++) {
		// Segments start on page borders, in the file too.
		uint32_t file = ph->p_filesz;
		uint32_t sects = (file + SECTSIZE - 1) / SECTSIZE;
		uint8_t *dst = (void *)(uint32_t)ph->p_pa;
		uint32_t longs = ((uint32_t)ph->p_memsz - file + 3) / 4;

		if (ph->p_type != ELF_PROG_LOAD)
			continue;
		readsects(dst, KERNEL_SECTOR +
			  (uint32_t)ph->p_offset / SECTSIZE, sects);
		dst += file;
		__asm__ volatile("rep stosl" : "+D"(dst), "+c"(longs)
				 : "a"(0) : "memory");
	}
	return (void *)(uint32_t)ELFHDR->e_entry;
}
