#!/bin/sh
# conf/deps.sh NEED...: makes sure that this machine has what a target needs,
# and costs next to nothing when it has. NEED: run, bochs, guest, check.
# Installs Debian's and Ubuntu's packages; elsewhere it names them.

set -eu

missing=	# Debian's names

have() { command -v "$1" >/dev/null 2>&1; }
# want COMMAND PACKAGE...
want() { have "$1" || { shift; missing="$missing $*"; }; }
# want_file PATTERN PACKAGE
want_file() {
	for f in $1; do [ -e "$f" ] && return; done
	missing="$missing $2"
}

case $(uname -m) in
x86_64 | amd64) cross='' suffix='' ;;
*) cross=x86_64-linux-gnu- suffix=-x86-64-linux-gnu ;;
esac

need_build() {
	case ${CC:-gcc} in
	*clang*) have clang || missing="$missing clang" ;;
	*) want "${GCCPREFIX:-$cross}gcc" "gcc$suffix" ;;
	esac
	want "${GCCPREFIX:-$cross}ld" "binutils$suffix"
	have cc || have clang || missing="$missing gcc"
	want_file '/usr/include/stdio.h /Library/Developer' libc6-dev
	[ -x /usr/bin/python3 ] || want python3 python3
}

need_qemu() { want qemu-system-x86_64 qemu-system-x86; }

need_bochs() {
	want bochs bochs bochs-sdl
	if have dpkg-query; then
		want_file '/usr/share/bochs/BIOS-bochs-latest' bochsbios
		want_file '/usr/share/vgabios/vgabios.bin' vgabios
		want_file '/usr/lib/*/bochs/plugins/libbx_sdl2_gui.so*' bochs-sdl
	fi
}

# Nested KVM or Bochs: conf/engine.py decides, so the doubtful case gets both.
need_guest() {
	nested=$(cat /sys/module/kvm_intel/parameters/nested 2>/dev/null || :)
	case $nested in
	Y | 1) [ -w /dev/kvm ] && need_qemu && return ;;
	esac
	need_bochs
}

need_check() {
	need_qemu
	need_bochs
	want clang clang
	want_file '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan*' \
		libclang-rt-dev
	want gdb gdb
	modules='pytest pexpect pytest_timeout xdist'
	for python in /usr/bin/python3 python3; do
		"$python" -c 'import sys; from importlib.util import find_spec
sys.exit(not all(map(find_spec, sys.argv[1:])))' $modules 2>/dev/null && return
	done
	missing="$missing python3-pytest python3-pexpect"
	missing="$missing python3-pytest-timeout python3-pytest-xdist"
}

need_build
for need; do
	case $need in
	run) have qemu-system-x86_64 || have bochs || need_qemu ;;
	bochs | guest | check) "need_$need" ;;
	*) echo "deps.sh: unknown need $need" >&2; exit 2 ;;
	esac
done
[ -n "$missing" ] || exit 0

missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
echo "Missing packages: $missing"

if ! have apt-get; then
	cat >&2 <<-END
	Install them, or what your system calls them, by hand:
	  dnf:    sudo dnf install gcc binutils glibc-devel python3 clang gdb \\
	          qemu-system-x86 bochs python3-pytest python3-pexpect \\
	          python3-pytest-timeout python3-pytest-xdist
	  pacman: sudo pacman -S gcc binutils python clang gdb qemu-system-x86 \\
	          python-pytest python-pexpect python-pytest-timeout \\
	          python-pytest-xdist, and bochs from the AUR
	  brew:   brew install x86_64-elf-gcc x86_64-elf-binutils python qemu \\
	          bochs x86_64-elf-gdb, then make GCCPREFIX=x86_64-elf-
	END
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	have sudo || { echo "Become root and run: apt-get install $missing" >&2
		exit 1; }
	sudo=sudo
fi
echo "Installing them with apt-get."
# The package is called libclang-rt-VERSION-dev before Debian 12.
$sudo apt-get update -q
case $missing in
*libclang-rt-dev*)
	apt-cache show libclang-rt-dev >/dev/null 2>&1 ||
		missing=$(echo "$missing" |
			sed 's/libclang-rt-dev/libclang-common-14-dev/') ;;
esac
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive \
	apt-get install -q -y -o Dpkg::Use-Pty=0 \
	--no-install-recommends $missing
