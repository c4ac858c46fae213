// The disk on the host: primary channel, drive 1, programmed I/O in sectors
// of 512 bytes (ATA/ATAPI-6, "PIO data-in command protocol" and its twin for
// data-out). The drive interrupts when it is ready for the next data block,
// which READ and WRITE MULTIPLE make as long as a file system's block.
#include <inc/x86.h>

#include <fs/fs.h>

enum {
	IDE_DATA = 0x1f0,
	IDE_ERROR = 0x1f1,
	IDE_COUNT = 0x1f2,
	IDE_LBA0 = 0x1f3,
	IDE_LBA1 = 0x1f4,
	IDE_LBA2 = 0x1f5,
	IDE_DRIVE = 0x1f6,
	IDE_STATUS = 0x1f7,
	IDE_COMMAND = 0x1f7,
	IDE_CONTROL = 0x3f6,

	DRIVE_1 = 0xf0,		// LBA, drive 1
	CONTROL_RESET = 0x04,
	ERROR_ABORT = 0x04,	// command not known

	STATUS_BSY = 0x80,
	STATUS_DF = 0x20,
	STATUS_DRQ = 0x08,
	STATUS_ERR = 0x01,

	CMD_READ = 0x20,
	CMD_WRITE = 0x30,
	CMD_READ_MULTIPLE = 0xc4,
	CMD_WRITE_MULTIPLE = 0xc5,
	CMD_SET_MULTIPLE = 0xc6,
	CMD_FLUSH_CACHE = 0xe7,
	CMD_IDENTIFY = 0xec,

	ID_MULTIPLE = 47,	// word: most sectors in a data block
	ID_SECTORS = 60,	// two words

	TIMEOUT_MS = 2000,
};

static size_t per_irq = 1;	// sectors in a data block
static bool confused;		// an error left the drive in an unknown state

// Waits until the drive is not busy and wants data, or wants none. Interrupts
// only say when to look: there may be one from before.
static int ide_wait(uint8_t drq)
{
	for (int tries = 0, late = 0; tries < 16; tries++) {
		uint8_t status = inb(IDE_STATUS);

		if (!(status & STATUS_BSY)) {
			if (status & (STATUS_DF | STATUS_ERR))
				return -E_IO;
			if ((status & STATUS_DRQ) == drq)
				return 0;
		}
		if (late)
			break;
		late = sys_irq_wait(IRQ_IDE, TIMEOUT_MS) < 0;
	}
	confused = true;
	return -E_IO;
}

static void ide_command(uint8_t cmd, uint32_t lba, size_t nsecs)
{
	outb(IDE_COUNT, nsecs);
	outb(IDE_LBA0, lba);
	outb(IDE_LBA1, lba >> 8);
	outb(IDE_LBA2, lba >> 16);
	outb(IDE_DRIVE, DRIVE_1 | (lba >> 24 & 0x0f));
	outb(IDE_COMMAND, cmd);
}

static int ide_identify(void)
{
	uint16_t id[SECTSIZE / 2];
	uint32_t multiple;
	int r;

	outb(IDE_DRIVE, DRIVE_1);
	for (int i = 0; i < 4; i++)	// 400 ns for the drive to see it
		inb(IDE_CONTROL);
	if (inb(IDE_STATUS) == 0 || inb(IDE_STATUS) == 0xff)
		return -E_IO;		// no drive
	ide_command(CMD_IDENTIFY, 0, 0);
	if ((r = ide_wait(STATUS_DRQ)) < 0)
		return r;
	insl(IDE_DATA, id, SECTSIZE / 4);

	multiple = MIN(id[ID_MULTIPLE] & 0xff, BLKSECTS);
	if (multiple > 1) {
		ide_command(CMD_SET_MULTIPLE, 0, multiple);
		if (ide_wait(0) < 0)
			multiple = 1;
	}
	per_irq = MAX(multiple, 1u);
	return (id[ID_SECTORS] | (uint32_t)id[ID_SECTORS + 1] << 16) /
		BLKSECTS;
}

int ide_init(void)
{
	outb(IDE_CONTROL, 0);		// with interrupts
	return ide_identify();
}

// After a time-out the channel starts afresh.
static int ide_recover(void)
{
	int r;

	outb(IDE_CONTROL, CONTROL_RESET);
	sys_sleep(1);
	outb(IDE_CONTROL, 0);
	sys_sleep(10);
	r = ide_identify();
	confused = r < 0;
	return r;
}

int ide_read(uint32_t secno, void *buf, size_t nsecs)
{
	char *dst = buf;
	int r;

	if (confused && (r = ide_recover()) < 0)
		return r;
	ide_command(per_irq > 1 ? CMD_READ_MULTIPLE : CMD_READ, secno, nsecs);
	while (nsecs > 0) {
		size_t n = MIN(nsecs, per_irq);

		if ((r = ide_wait(STATUS_DRQ)) < 0)
			return r;
		insl(IDE_DATA, dst, n * SECTSIZE / 4);
		dst += n * SECTSIZE;
		nsecs -= n;
	}
	return 0;
}

int ide_write(uint32_t secno, const void *buf, size_t nsecs)
{
	const char *src = buf;
	int r;

	if (confused && (r = ide_recover()) < 0)
		return r;
	ide_command(per_irq > 1 ? CMD_WRITE_MULTIPLE : CMD_WRITE, secno,
		    nsecs);
	// No interrupt tells that it wants the first data block.
	for (int i = 0; i < 10000 && (inb(IDE_CONTROL) & STATUS_BSY); i++)
		;
	while (nsecs > 0) {
		size_t n = MIN(nsecs, per_irq);

		if ((r = ide_wait(STATUS_DRQ)) < 0)
			return r;
		outsl(IDE_DATA, src, n * SECTSIZE / 4);
		src += n * SECTSIZE;
		nsecs -= n;
	}
	return ide_wait(0);
}

int ide_flush(void)
{
	int r;

	if (confused && (r = ide_recover()) < 0)
		return r;
	ide_command(CMD_FLUSH_CACHE, 0, 0);
	r = ide_wait(0);
	// A drive that does not know the command has no cache.
	return r < 0 && (inb(IDE_ERROR) & ERROR_ABORT) ? 0 : r;
}
