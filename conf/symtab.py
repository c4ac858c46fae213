#!/usr/bin/env python3
"""symtab.py KERNEL SYMTAB.S: the table behind the monitor's backtraces.

Reads the functions and the line numbers of a linked kernel with readelf and
writes them as assembler data in the layout that kern/kdebug.c describes. It
holds addresses of code only, and the code stands in front of all data, so
linking it into the kernel changes none of what it says."""

import bisect
import os
import subprocess
import sys

KERNBASE = 0xffff800000000000
ESCAPE = -128


def read(kernel):
    """The kernel's symbols: (address, name), and rows: address -> place."""
    tool = os.environ.get('GCCPREFIX', '') + 'readelf'
    text = subprocess.run(
        [tool, '-W', '-s', '--debug-dump=decodedline', kernel],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=dict(os.environ, LC_ALL='C')).stdout
    symbols, rows, path = [], {}, '?'
    for line in text.splitlines():
        words = line.split()
        if len(words) == 8 and words[3] in ('FUNC', 'NOTYPE'):
            symbols.append(words)
        elif len(words) == 1 and line.endswith(':'):
            path = line[:-1]
        elif line.startswith('CU: '):
            path = line[4:-1]
        elif len(words) >= 3 and words[1].isdigit():
            address = int(words[2], 16)
            if address >= KERNBASE and words[1] != '0':
                rows[address] = relative(path), int(words[1])
    return functions(symbols), rows


def relative(path):
    return os.path.relpath(path) if os.path.isabs(path) \
        else os.path.normpath(path)


def functions(symbols):
    """One name an address; labels in assembler code count as functions."""
    symbols = [(int(w[1], 16), w[3] == 'FUNC', w[6], w[7]) for w in symbols]
    symbols = [s for s in symbols if s[0] >= KERNBASE]
    code = {section for _, is_func, section, _ in symbols if is_func}
    names = {}
    for address, _, section, name in sorted(symbols):
        if section in code and name not in ('text', 'etext'):
            names[address] = name       # a true function comes last
    return sorted(names.items())


def encode(start, rows, files):
    """Rows of one function: see kern/kdebug.c."""
    out, at, place = [], start, (None, 0)
    for address, (path, line) in rows:
        if (path, line) == place:
            continue
        while address - at > 255:
            out += [255, 0]
            at += 255
        delta = line - place[1]
        if path == place[0] and ESCAPE < delta < 128:
            out += [address - at, delta & 255]
        else:
            number = files.setdefault(path, len(files))
            out += [address - at, ESCAPE & 255, number, line & 255, line >> 8]
        at, place = address, (path, line)
    return out


class Strings:
    def __init__(self):
        self.offsets, self.size = {}, 0

    def add(self, text):
        if text not in self.offsets:
            self.offsets[text] = self.size
            self.size += len(text) + 1
        return self.offsets[text]


def tables(names, rows):
    """Text of the assembler file."""
    strings, files, lines, table = Strings(), {}, [], []
    rows = sorted(rows.items())
    addresses = [address for address, _ in rows]
    for i, (start, name) in enumerate(names):
        end = names[i + 1][0] if i + 1 < len(names) else 1 << 64
        table.append((start - KERNBASE, strings.add(name), len(lines)))
        lines += encode(start, rows[bisect.bisect_left(addresses, start):
                                    bisect.bisect_left(addresses, end)], files)
    table.append((0xffffffff, 0, len(lines)))
    if len(files) > 256 or any(p[1] > 65535 for _, p in rows):
        sys.exit('symtab.py: more files or lines than the table can number')
    file_names = [strings.add(path) for path in files]

    def data(label, align, body):
        return [f'.balign {align}', f'.globl {label}', f'{label}:'] + body

    out = ['.section .rodata']
    out += data('symtab_nfunctions', 4, [f'.long {len(names)}'])
    out += data('symtab_functions', 4,
                ['.long %#x, %d, %d' % row for row in table])
    out += data('symtab_files', 4, [f'.long {n}' for n in file_names])
    out += data('symtab_lines', 1,
                ['.byte ' + ','.join(map(str, lines[i:i + 64]))
                 for i in range(0, len(lines), 64)])
    out += data('symtab_strings', 1,
                [f'.asciz "{text}"' for text in strings.offsets])
    out += ['.section .note.GNU-stack, "", @progbits', '']
    return '\n'.join(out)


def main():
    if len(sys.argv) != 3:
        sys.exit('usage: symtab.py KERNEL SYMTAB.S')
    text = tables(*read(sys.argv[1]))
    with open(sys.argv[2], 'w', encoding='ascii') as f:
        f.write(text)


if __name__ == '__main__':
    main()
