// The shell: sh [-x] [-c commands | script [argument...]]
//
//   list     = pipeline { (";" | "&" | newline) pipeline }
//   pipeline = command { "|" command }
//   command  = { word | "<" word | ">" word | ">>" word }
//
// '...' and "..." quote, # starts a comment. Programs are found in /bin and
// in /; a file that is no program is run as a script. Built in: exit, wait.
#include <inc/elf.h>
#include <inc/lib.h>

enum { LINELEN = 1024, MAXCMD = 32, MAXWORD = 256, MAXJOB = 64 };

struct cmd {
	const char **argv;		// ends with null
	int argc;
	const char *in, *out;		// files, or null
	bool append;
	char end;			// what follows: '|', '&', ';'
};

static struct cmd cmds[MAXCMD];
static const char *words[MAXWORD];
static char text[2 * LINELEN];		// the words' characters
static int nwords;

static envid_t jobs[MAXJOB];		// started with &
static int njobs;
static int last_status;
static bool trace;			// -x

static int complain(const char *fmt, const char *what)
{
	fprintf(2, "sh: ");
	fprintf(2, fmt, what);
	fprintf(2, "\n");
	last_status = 2;
	return -1;
}

static void complain_error(const char *what, int err)
{
	fprintf(2, "sh: %s: %e\n", what, err);
	last_status = 1;
}

// Copies one word to *to, quotes taken off; null: a quote is not closed.
static const char *scan_word(const char *p, char **to)
{
	char quote = 0;

	for (; *p && (quote || !strchr(" \t\n<>|;&", *p)); p++) {
		if (*p == quote)
			quote = 0;
		else if (!quote && (*p == '\'' || *p == '"'))
			quote = *p;
		else
			*(*to)++ = *p;
	}
	*(*to)++ = '\0';
	return quote ? NULL : p;
}

// The next token at *p: 'w' for a word, which goes to *to, '+' for >>, ';'
// at the end of a line, 0 at the end, '?' for an open quote, else itself.
static char next_token(const char **p, char **to)
{
	const char *s = *p;
	char c;

	while (*s == ' ' || *s == '\t')
		s++;
	if (*s == '#')
		while (*s && *s != '\n')
			s++;
	c = *s;
	if (c == '>' && s[1] == '>') {
		c = '+';
		s += 2;
	} else if (c && strchr("<>|;&\n", c)) {
		s++;
	} else if (c) {
		s = scan_word(s, to);
		c = s ? 'w' : '?';
	}
	*p = s;
	return c;
}

static int redirect(struct cmd *c, char kind, const char **p, char **to)
{
	const char *name = *to;

	if (next_token(p, to) != 'w')
		return complain("syntax error: %s needs a file name",
				kind == '+' ? ">>" : kind == '>' ? ">" : "<");
	if (kind == '<') {
		c->in = name;
		return 0;
	}
	c->out = name;
	c->append = kind == '+';
	return 0;
}

// One command; sets what ends it (0: the whole text).
static int parse_cmd(struct cmd *c, const char **p, char **to)
{
	const char *word;
	char t;

	memset(c, 0, sizeof(*c));
	c->argv = &words[nwords];
	for (;;) {
		word = *to;
		t = next_token(p, to);
		if (t == '?')
			return complain("syntax error: %s", "unclosed quote");
		if (t == '<' || t == '>' || t == '+') {
			if (redirect(c, t, p, to) < 0)
				return -1;
			continue;
		}
		if (t != 'w')
			break;
		if (nwords >= MAXWORD - 1)
			return complain("too many %s", "words");
		words[nwords++] = word;
		c->argc++;
	}
	if (c->argc > 0)
		words[nwords++] = NULL;
	c->end = t;
	return 0;
}

// An empty command is right at the end of a line only.
static int check_cmd(const struct cmd *c, bool in_pipe)
{
	char s[2] = { c->end, '\0' };

	if (c->argc > 0)
		return 0;
	if (c->in || c->out)
		return complain("syntax error: %s",
				"redirection without a command");
	if (in_pipe)
		return complain("syntax error: %s", "nothing follows |");
	if (c->end == '|' || c->end == '&' || c->end == ';')
		return complain("syntax error near %s", s);
	return 0;
}

// Returns the number of commands in line, or -1 after a message.
static int parse(const char *line)
{
	char *to = text;
	int n = 0;
	bool in_pipe = false;
	char end;

	nwords = 0;
	if (strlen(line) >= LINELEN)
		return complain("%s", "line too long");
	do {
		if (n == MAXCMD)
			return complain("too many %s", "commands");
		if (parse_cmd(&cmds[n], &line, &to) < 0 ||
		    check_cmd(&cmds[n], in_pipe) < 0)
			return -1;
		end = cmds[n].end;
		in_pipe = end == '|';
		n += cmds[n].argc > 0;
	} while (end);
	return n;
}

// Whether programs that are spawned get this descriptor.
static void inherit(int fdnum, bool yes)
{
	struct Fd *fd;
	void *page;

	if (fd_lookup(fdnum, &fd) < 0)
		return;
	page = fd2data(fd);
	for (int i = 0; i < 2; i++, page = fd) {
		pte_t perm = va_pte(page) & PTE_SYSCALL & ~PTE_SHARE;

		if (perm)
			sys_page_map(0, page, 0, page,
				     perm | (yes ? PTE_SHARE : 0));
	}
}

// Makes descriptor `which` (0 or 1) a copy of fd; returns a private copy of
// what it was.
static int replace(int which, int fd)
{
	struct Fd *spare;
	int saved, r;

	if ((r = fd_alloc(&spare)) < 0)
		return r;
	saved = fd2num(spare);
	if ((r = dup(which, saved)) < 0)
		return r;
	inherit(saved, false);
	if ((r = dup(fd, which)) < 0) {
		close(saved);
		return r;
	}
	inherit(which, true);
	return saved;
}

static void restore(int which, int saved)
{
	dup(saved, which);
	inherit(which, true);
	close(saved);
}

static bool is_script(const char *path)
{
	struct Stat st;
	uint32_t magic = 0;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || st.st_isdir)
		magic = ELF_MAGIC;
	else
		readn(fd, &magic, sizeof(magic));
	close(fd);
	return magic != ELF_MAGIC;
}

static envid_t start(const struct cmd *c)
{
	static const char *script[MAXWORD + 1];
	envid_t child = spawn(c->argv[0], c->argv);

	if (child != -E_NOT_EXEC || !is_script(c->argv[0]))
		return child;
	script[0] = "sh";
	memcpy(script + 1, c->argv, (c->argc + 1) * sizeof(script[0]));
	return spawn("sh", script);
}

// Starts c with these descriptors as its 0 and 1.
static envid_t start_with(const struct cmd *c, int in, int out)
{
	int saved_in = 0, saved_out = 0;
	envid_t child;

	if (in != 0 && (saved_in = replace(0, in)) < 0)
		return saved_in;
	if (out != 1 && (saved_out = replace(1, out)) < 0)
		child = saved_out;
	else
		child = start(c);
	if (in != 0)
		restore(0, saved_in);
	if (out != 1 && saved_out >= 0)
		restore(1, saved_out);
	return child;
}

static int open_private(const char *path, int mode)
{
	int fd = open(path, mode);

	if (fd < 0)
		complain_error(path, fd);
	else
		inherit(fd, false);
	return fd;
}

static void close_unless(int fd, int std)
{
	if (fd >= 0 && fd != std)
		close(fd);
}

// One command of a pipeline; in and out are the pipeline's, and closed.
static envid_t run_cmd(const struct cmd *c, int in, int out)
{
	int mode = O_WRONLY | O_CREAT | (c->append ? O_APPEND : O_TRUNC);
	envid_t child = -1;

	if (c->in) {
		close_unless(in, 0);
		in = open_private(c->in, O_RDONLY);
	}
	if (c->out && in >= 0) {
		close_unless(out, 1);
		out = open_private(c->out, mode);
	}
	if (in >= 0 && out >= 0) {
		child = start_with(c, in, out);
		if (child < 0)
			complain_error(c->argv[0], child);
	}
	close_unless(in, 0);
	close_unless(out, 1);
	return child;
}

static void add_job(envid_t child)
{
	if (njobs == MAXJOB) {
		memmove(jobs, jobs + 1, sizeof(jobs) - sizeof(jobs[0]));
		njobs--;
	}
	jobs[njobs++] = child;
}

// Input of a job in the background: at its end, the console is not its own.
static int no_input(void)
{
	int fds[2], r = pipe(fds);

	if (r < 0)
		return r;
	close(fds[1]);
	inherit(fds[0], false);
	return fds[0];
}

// Starts n commands, each with a pipe to the next; returns how many it tried.
static int start_pipeline(const struct cmd *c, int n, envid_t *children)
{
	int fds[2], in = 0, r;

	if (c[n - 1].end == '&' && (in = no_input()) < 0) {
		complain_error("pipe", in);
		return 0;
	}
	for (int i = 0; i < n - 1; i++) {
		if ((r = pipe(fds)) < 0) {
			complain_error("pipe", r);
			close_unless(in, 0);
			return i;
		}
		inherit(fds[0], false);
		inherit(fds[1], false);
		children[i] = run_cmd(&c[i], in, fds[1]);
		in = fds[0];
	}
	children[n - 1] = run_cmd(&c[n - 1], in, 1);
	return n;
}

// The pipeline that starts with c; returns how many commands it has.
static int run_pipeline(const struct cmd *c)
{
	envid_t children[MAXCMD];
	int n = 1, started, status = 0;

	while (c[n - 1].end == '|')
		n++;
	started = start_pipeline(c, n, children);
	for (int i = 0; i < started; i++) {
		if (children[i] < 0)
			status = 1;
		else if (c[n - 1].end == '&')
			add_job(children[i]);
		else
			status = wait(children[i]);
	}
	last_status = started < n ? 1 : status;
	return n;
}

static bool builtin(const struct cmd *c)
{
	if (strcmp(c->argv[0], "exit") == 0)
		exit(c->argc > 1 ? strtol(c->argv[1], NULL, 0) : last_status);
	if (strcmp(c->argv[0], "wait") != 0)
		return false;
	for (int i = 0; i < njobs; i++)
		wait(jobs[i]);
	njobs = 0;
	return true;
}

static void run_line(const char *line)
{
	int n = parse(line);

	if (trace && n > 0)
		fprintf(2, "+ %s\n", line);
	for (int i = 0; i < n;) {
		if (cmds[i].end != '|' && builtin(&cmds[i]))
			i++;
		else
			i += run_pipeline(&cmds[i]);
	}
}

// A line of a script. What was read too far is given back, as programs may
// share the descriptor.
static char *script_line(int fdnum)
{
	static char buf[LINELEN + 1];
	struct Fd *fd;
	ssize_t n = read(fdnum, buf, LINELEN);
	char *nl;

	if (n <= 0)
		return NULL;
	buf[n] = '\0';
	nl = strfind(buf, '\n');
	if (*nl == '\0')
		return buf;
	*nl = '\0';
	if (fd_lookup(fdnum, &fd) == 0)
		fd->fd_offset -= buf + n - (nl + 1);
	return buf;
}

static void run_script(const char *path)
{
	int fd = open(path, O_RDONLY);
	char *line;

	if (fd < 0) {
		complain_error(path, fd);
		exit(1);
	}
	inherit(fd, false);
	while ((line = script_line(fd)) != NULL)
		run_line(line);
	exit(last_status);
}

// From descriptor 0: the console, with a prompt, or a file or pipe.
static void run_stdin(void)
{
	bool cons = iscons(0) > 0;
	const char *prompt = sysinfo.si_role == ROLE_GUEST ? "vm$ " : "$ ";
	struct Stat st;
	char *line;

	if (!cons && fstat(0, &st) == 0 && st.st_dev == &devfile)
		while ((line = script_line(0)) != NULL)
			run_line(line);
	else
		while ((line = readline(cons ? prompt : NULL)) != NULL)
			run_line(line);
	if (!cons)
		exit(last_status);
	printf("\n");
	exit(0);
}

void umain(int argc, char **argv)
{
	int i = 1;

	binaryname = "sh";
	if (i < argc && strcmp(argv[i], "-x") == 0) {
		trace = true;
		i++;
	}
	if (i + 1 < argc && strcmp(argv[i], "-c") == 0) {
		run_line(argv[i + 1]);
		exit(last_status);
	}
	if (i < argc)
		run_script(argv[i]);
	run_stdin();
}
