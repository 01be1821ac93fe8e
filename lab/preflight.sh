# shellcheck shell=bash
# Says why the lab cannot run here, before anything has been changed, and gets
# what only has to be installed.

can_run() {
	[ "$(uname -s)" = Linux ] || die "the lab needs Linux, this is $(uname -s)"
	[ "$(id -u)" = 0 ] || die "the lab boots machines and so must be root; try: sudo $LAB/lab …"
}

can_build() {
	can_run
	command -v apt-get >/dev/null || die "the lab installs what it needs with apt-get, which is missing; use Debian 12 or later, or Ubuntu"
	unshare --mount --net true 2>/dev/null ||
		die "namespaces cannot be made here: root lacks CAP_SYS_ADMIN or the kernel refuses; use a virtual machine instead of a container, or a privileged one"
	[ -w /proc/sys/net/ipv4/ip_forward ] || die "/proc/sys is read-only here: no machine could set a sysctl; use a virtual machine or a privileged container"
	[ -n "$(cgroup_hierarchies)" ] || die "no control groups are mounted below /sys/fs/cgroup; mount them, systemd needs them"
	grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || die "the kernel has no overlayfs, which the machines' disks are made of"
	case $(df --output=fstype "$(existing_part "$DISK_ROOT")" | tail -n 1) in
	overlay) die "$DISK_ROOT is on overlayfs, which does not nest; set KPLB_LAB_DISK to a directory on a real disk" ;;
	esac
	command -v go >/dev/null || die "go is missing; the stand-in and Kubernetes are built with it: https://go.dev/dl"
	install_missing
	allow_watches
}

# Every machine watches files as the host's root, a Kubernetes node with about
# 20 inotify instances; of the usual 128 none is left for the seventh node, and a
# kubelet that gets none ends.
allow_watches() {
	local limit=/proc/sys/fs/inotify/max_user_instances
	[ "$(cat $limit)" -lt 1024 ] || return 0
	say "raising fs.inotify.max_user_instances from $(cat $limit) to 1024, until this machine reboots"
	echo 1024 2>/dev/null >$limit || say "it cannot be raised here: do not expect more than six Kubernetes nodes to work"
}

# The nearest directory that exists already.
existing_part() {
	local path=$1
	until [ -d "$path" ]; do path=$(dirname "$path"); done
	echo "$path"
}

# Command and the Debian package that has it; installed only where missing.
install_missing() {
	local command package missing=
	while read -r command package; do
		command -v "$command" >/dev/null || missing="$missing $package"
	done <<-END
		debootstrap debootstrap
		systemd-nspawn systemd-container
		ip iproute2
		nsenter util-linux
		openssl openssl
		curl curl
		ssh-keyscan openssh-client
		dpkg-deb dpkg
		flock util-linux
		gcc gcc
		tar tar
	END
	[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"
	[ -e /usr/include/stdlib.h ] || missing="$missing libc6-dev"
	[ -n "$missing" ] || return 0
	say "installing$missing"
	# shellcheck disable=SC2086 # a list
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $missing; } >/dev/null 2>&1 </dev/null ||
		die "apt-get could not install$missing; run it by hand to see why"
}
