// Lists the guests and gives one the terminal.

#include <inc/lib.h>

enum { MAXVMS = 64 };

void umain(int argc, char **argv)
{
	static struct vm_info vms[MAXVMS];	// zeroed: writable from now on
	const char *line;
	long number;
	int n;

	memset(vms, 0, sizeof(vms));
	n = sys_vmx_list_vms(vms, MAXVMS);
	if (n < 0) {
		printf("vmmanager: %e\n", n);
		exit(1);
	}
	if (n == 0) {
		printf("No guest runs.\n");
		exit(0);
	}
	n = MIN(n, (int)MAXVMS);
	for (int i = 0; i < n; i++)
		printf("%d.[%x]vm%d\n", i + 1, vms[i].vi_env, i + 1);
	line = argc > 1 ? argv[1] : readline("Please select a VM to resume: ");
	number = line ? strtol(line, NULL, 10) : 0;
	if (number < 1 || number > n) {
		printf("Selected VM(No.%ld VM) not found.\n", number);
		exit(1);
	}
	printf("Resume vm.%ld\n", number);
	if (sys_vmx_sel_resume(vms[number - 1].vi_env) == 1)
		printf("\n");
	exit(0);
}
