# Makes the root file system of a node, and waits in it until the test ends.
#   $1  an empty directory
#   $2  the shell that is the node's /bin/sh
#   $3  1: everything of the machine's must be read-only, because we are its root

root=$1
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 node "$root"
cd "$root"
mkdir -p etc var/lib run tmp root mnt usr dev real/proc proc/net proc/sys harness node opt

# borrow PATH: the machine's, read-only.
borrow() {
	mount --rbind "$1" "$root$1"
	mount -o remount,bind,ro "$root$1" 2>/dev/null || [ -z "$3" ] || [ "$must" != 1 ]
}
must=$3
borrow /usr
for dir in bin sbin lib lib32 lib64 libx32; do
	if [ -L /$dir ]; then
		ln -s "$(readlink /$dir)" $dir
	elif [ -d /$dir ]; then
		mkdir $dir
		borrow /$dir
	fi
done
mkdir -p real/local/sbin
mount --bind real/local usr/local
[ "$(readlink -f /bin/sh)" = "$2" ] || mount --bind "$2" usr/bin/sh

for device in null urandom; do
	: >dev/$device
	mount --bind /dev/$device dev/$device
done
ln -s /proc/self/fd dev/fd

# /proc is a directory of our own: what a program writes below /proc/sys is a
# file, and what the kernel would say of the machine is not seen.
mount --rbind /proc real/proc
mount -o remount,bind,ro real/proc 2>/dev/null || [ "$3" != 1 ]
ln -s /real/proc/self proc/self
ln -s /real/proc/self/mounts proc/mounts

# programs find their libraries sooner
if cp /etc/ld.so.cache real/ 2>/dev/null; then ln -s /real/ld.so.cache etc/ld.so.cache; fi

exec chroot "$root" /bin/sh -c 'cd / && echo ready && while read -r _; do :; done'
