// A line from the console, with editing: arrows, Home, End, Delete,
// Backspace, Ctrl-A B E F K U W, and earlier lines by up and down (or Ctrl-P
// and N). Of the terminal only backspace is asked.
#include <inc/lib.h>

enum { LINELEN = 1024, HISTLEN = 16, HISTLINE = 128 };
enum { ESC = 033, DEL = 0177 };
#define CTRL(c)		((c) & 037)

// Keys that arrive as escape sequences.
enum { KEY_UP = 256, KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_HOME, KEY_END,
       KEY_DELETE, KEY_NONE };

static char line[LINELEN];	// not ended by a null while edited
static int len, cur;		// its length; where the cursor stands
static char history[HISTLEN][HISTLINE];
static int nhist;		// lines ever put into history
static int shown;		// history line on display; nhist: none

static void echo(const char *s, int n)
{
	if (n > 0)
		sys_cputs(s, n);
}

static void echo_repeat(char c, int n)
{
	while (n-- > 0)
		echo(&c, 1);
}

static void move(int to)
{
	if (to < 0 || to > len)
		return;
	if (to < cur)
		echo_repeat('\b', cur - to);
	else
		echo(line + cur, to - cur);
	cur = to;
}

// Takes away the characters from a to b.
static void cut(int a, int b)
{
	int n = b - a;

	if (a < 0 || b > len || n <= 0)
		return;
	move(a);
	memmove(line + a, line + b, len - b);
	len -= n;
	echo(line + a, len - a);
	echo_repeat(' ', n);
	echo_repeat('\b', n + len - a);
}

static void insert(const char *s, int n)
{
	n = MIN(n, LINELEN - 1 - len);
	memmove(line + cur + n, line + cur, len - cur);
	memcpy(line + cur, s, n);
	len += n;
	echo(line + cur, len - cur);
	cur += n;
	echo_repeat('\b', len - cur);
}

static int word_start(void)
{
	int i = cur;

	while (i > 0 && line[i - 1] == ' ')
		i--;
	while (i > 0 && line[i - 1] != ' ')
		i--;
	return i;
}

static void show_history(int which)
{
	const char *s;

	if (which < 0 || which < nhist - HISTLEN || which > nhist)
		return;
	shown = which;
	cut(0, len);
	s = which < nhist ? history[which % HISTLEN] : "";
	insert(s, strlen(s));
}

static void add_history(void)
{
	if (len > 0 && len < HISTLINE)
		strcpy(history[nhist++ % HISTLEN], line);
}

// What follows "ESC [" or "ESC O": parameters, then one letter or '~'.
static int escape(void)
{
	int c = sys_cgetc(), param = 0;

	if (c != '[' && c != 'O')
		return KEY_NONE;
	while ((c = sys_cgetc()) == ';' || (c >= '0' && c <= '9'))
		param = c == ';' ? 0 : param * 10 + c - '0';
	switch (c) {
	case 'A' ... 'D':
		return KEY_UP + c - 'A';
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	case '~':
		return param == 1 ? KEY_HOME : param == 4 ? KEY_END :
		       param == 3 ? KEY_DELETE : KEY_NONE;
	}
	return KEY_NONE;
}

static void edit(int c)
{
	char ch = c;

	switch (c) {
	case '\b':
	case DEL:
		cut(cur - 1, cur);
		break;
	case KEY_DELETE:
	case CTRL('D'):
		cut(cur, cur + 1);
		break;
	case CTRL('A'):
	case KEY_HOME:
		move(0);
		break;
	case CTRL('E'):
	case KEY_END:
		move(len);
		break;
	case CTRL('B'):
	case KEY_LEFT:
		move(cur - 1);
		break;
	case CTRL('F'):
	case KEY_RIGHT:
		move(cur + 1);
		break;
	case CTRL('K'):
		cut(cur, len);
		break;
	case CTRL('U'):
		cut(0, cur);
		break;
	case CTRL('W'):
		cut(word_start(), cur);
		break;
	case CTRL('P'):
	case KEY_UP:
		show_history(shown - 1);
		break;
	case CTRL('N'):
	case KEY_DOWN:
		show_history(shown + 1);
		break;
	case '\t':
		ch = ' ';
		// fall through
	default:
		if (c == '\t' || (c >= ' ' && c < DEL))
			insert(&ch, 1);
	}
}

// "\r\n" ends one line, not two.
static int next_key(void)
{
	static bool after_cr;
	int c = sys_cgetc();

	if (c == '\n' && after_cr)
		c = sys_cgetc();
	after_cr = c == '\r';
	return c == ESC ? escape() : c == '\r' ? '\n' : c;
}

char *console_line(bool remember)
{
	int c;

	len = cur = 0;
	shown = nhist;
	while ((c = next_key()) != '\n') {
		if (c < 0 || (c == CTRL('D') && len == 0))
			return NULL;
		if (c == CTRL('C')) {
			echo("^C", 2);
			len = 0;
			break;
		}
		edit(c);
	}
	echo("\n", 1);
	line[len] = '\0';
	if (remember)
		add_history();
	return line;
}

// From a file or pipe: one character at a time, as others may read on.
static char *plain_line(void)
{
	int c;

	for (len = 0; (c = getchar()) >= 0 && c != '\n';)
		if (len < LINELEN - 1)
			line[len++] = c;
	if (c < 0 && len == 0)
		return NULL;
	line[len] = '\0';
	return line;
}

char *readline(const char *prompt)
{
	if (prompt)
		echo(prompt, strlen(prompt));
	return iscons(0) > 0 ? console_line(true) : plain_line();
}
