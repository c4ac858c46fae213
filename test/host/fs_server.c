// The file server's own sources as one, so that the tests can start it anew
// and hand it one request at a time.
#include "fs/bc.c"
#include "fs/fs.c"
#include "fs/serv.c"

#include "fs_machine.h"

int server_start(void)
{
	memset(slots, 0, sizeof(slots));
	memset(opentab, 0, sizeof(opentab));
	hand = nopen = bc_err = 0;
	unflushed = false;
	fs_state = bc_init();
	if (fs_state >= 0)
		fs_state = fs_init(fs_state);
	return fs_state;
}

void server_step(void)
{
	serve_next();
}

uint32_t server_free_blocks(void)
{
	uint32_t n = 0;

	for (uint32_t b = 0; b < nblocks; b++)
		n += block_is_free(b);
	return n;
}

uint32_t server_cached(void)
{
	uint32_t n = 0;

	for (uint32_t b = 0; b < disk_nblocks; b++)
		n += va_pte(diskaddr(b)) != 0;
	return n;
}

uint32_t server_open_files(void)
{
	uint32_t n = 0;

	for (int i = 0; i < MAXOPEN; i++)
		n += opentab[i].o_live;
	return n;
}
