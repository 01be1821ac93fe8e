#!/bin/bash
# The first process of a kernel with ip_vs: user-mode Linux, whose root is this
# machine's, read-only. It runs one command, with a place to write to that goes
# with it, and switches itself off.
#   kplb_job   a directory of this machine: see run.sh
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin HOME=/root LANG=C.UTF-8
root=/mnt

off() {
	sync
	perl -e 'syscall(169, 0xfee1dead, 672274793, 0x4321fedc, 0)' # reboot(2): power off
}

fail() {
	echo "lab: user-mode Linux: $1 failed" >&2
	off
}

# Whatever is written goes to memory; the cache and the job are this machine's own.
mount -t tmpfs -o mode=755,size=90% tmpfs $root || fail "a tmpfs"
mkdir $root/upper $root/work $root/root $root/disk
root=$root/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay $root || fail "the overlay"
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup || fail "cgroup2"
mount -t devtmpfs devtmpfs $root/dev || fail "devtmpfs"
mkdir -p $root/dev/pts $root/dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts $root/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $root/dev/shm
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
ln -sfn /proc/self/fd $root/dev/fd
# shellcheck disable=SC2154 # the kernel hands it over
mkdir -p $root/run/netns "$root$kplb_job" $root/var/lib/kplb-lab $root/var/cache/kplb-lab
for dir in "$kplb_job" /var/cache/kplb-lab; do # mount(8) from 2.39 on has another system call, and its words
	mount -t hostfs -o "$dir" hostfs "$root$dir" 2>/dev/null || mount -t hostfs -o "hostfs=$dir" hostfs "$root$dir" || fail "$dir"
done
mount --bind /mnt/disk $root/var/lib/kplb-lab # overlayfs does not nest
ip link set lo up

# not chroot: whoever enters a machine's namespaces begins at the root of its mounts
cd $root || fail "$root"
pivot_root . mnt || fail "pivot_root"
exec chroot . bash "${BASH_SOURCE[0]%/*}/run.sh" "$kplb_job"
