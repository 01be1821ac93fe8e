# shellcheck shell=bash
# A kernel with ip_vs, for machines whose own has none: user-mode Linux, which is
# a process and needs no virtualisation. It runs one command on this machine's
# files, with the lab's cache, and forgets what was written.

# Debian's own user-mode-linux lacks half of nftables. From 6.16 on it needs no
# ptrace, which is several times as fast; Debian's stable releases are older.
UML_SOURCE=linux-source-7.2
UML_SUITE=sid
UML_MEMORY=${KPLB_LAB_MEMORY:-4G}

# Of another release of Debian, without its lists among this machine's.
uml_fetch() {
	local apt=$1/apt
	mkdir -p "$apt/lists" "$apt/cache/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR $UML_SUITE main" >"$apt/sources.list"
	set -- -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$apt/lists" \
		-o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root
	apt-get "$@" update
	(cd "$apt" && apt-get "$@" download "$UML_SOURCE")
	dpkg-deb --fsys-tarfile "$apt/$UML_SOURCE"_*.deb | tar -C "$apt" -x --wildcards './usr/src/*.tar.xz'
}

build_uml() {
	local tree=$1/$UML_SOURCE
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends make flex bison bc xz-utils perl
	say "getting $UML_SOURCE"
	uml_fetch "$1"
	tar -C "$1" -xf "$1/apt/usr/src/$UML_SOURCE.tar.xz"
	say "building a kernel with ip_vs (user-mode Linux, about 10 minutes)"
	make -C "$tree" ARCH=um KCONFIG_ALLCONFIG="$LAB/uml/config" allnoconfig
	make -C "$tree" ARCH=um -j"$(nproc)" linux
	install -m 755 "$tree/linux" "$1/linux.new"
	rm -rf "$tree" "$1/apt"
	mv "$1/linux.new" "$1/linux"
}

# Sets UML to the kernel.
uml_kernel() {
	cached uml "$UML_SOURCE $UML_SUITE $(cat "$LAB/uml/config") $(declare -f build_uml uml_fetch)" build_uml
	UML=$CACHED/linux
}

has_ipvs() { [ -e /proc/net/ip_vs ] || modprobe -q ip_vs 2>/dev/null; }

# with_ipvs CMD...: on this machine's kernel where it has ip_vs, and on that one
# where not. What is built once is built before.
with_ipvs() {
	local job status machine
	[ $# -gt 0 ] || misuse "with-ipvs needs a command"
	can_build
	debian_image
	standin_binary
	if has_ipvs; then
		say "this kernel, $(uname -r), has ip_vs"
		exec "$@"
	fi
	case $LAB/ in /tmp/* | /run/* | /dev/*) die "$LAB: that kernel has directories of its own in /tmp, /run and /dev; have the tree elsewhere" ;; esac
	uml_kernel
	job=$(mktemp -d /tmp/kplb-uml-XXXXXX)
	# shellcheck disable=SC2064 # the directory of now
	trap "rm -rf '$job'" EXIT
	printf '%s\0' "$@" >"$job/argv"
	pwd >"$job/cwd"
	say "this kernel, $(uname -r), has no ip_vs: on user-mode Linux, which is slower"
	TMPDIR=/dev/shm "$UML" "mem=$UML_MEMORY" root=/dev/root rootfstype=hostfs ro seccomp=auto init="$LAB/uml/init.sh" "kplb_job=$job" \
		con=null con0=null,fd:1 quiet </dev/null 2>&1 &
	machine=$!
	# it is in a process group of its own, and nobody else ends it
	# shellcheck disable=SC2064 # the process and the directory of now
	trap "kill $machine 2>/dev/null || true; rm -rf '$job'" EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	wait "$machine" || true
	status=$(cat "$job/status" 2>/dev/null || echo 1)
	return "$status"
}
