# shellcheck shell=bash
# Becomes one boot of a machine: boot.sh MACHINE HOSTNAME DISK LAYERS PREFIX
# The overlay is mounted in a mount namespace that ends with it ("slave", so that
# namespaces removed in the host are not kept alive by a copy of their mount).
set -eu
machine=$1 hostname=$2 disk=$3 layers=$4 prefix=$5
mkdir -p "$disk/merged"

# Sysctls and the kubelet's control groups must be writable, and haproxy,
# keepalived and runc need more than nspawn's default capabilities.
# overlayfs does not nest: what containerd and the kubelet write to is plain.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes SYSTEMD_NSPAWN_LOCK=0
# "volatile" spares a sync of the whole disk at every power off (the host's
# memory outlives the machine); it leaves a mark that the next boot must remove.
# shellcheck disable=SC2016,SC2086 # for the inner shell; words of the prefix
exec $prefix unshare --mount --propagation slave sh -ec '
	rm -rf "$2/work/work/incompat"
	mount -t overlay overlay -o "volatile,lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
	shift 2
	exec "$@"' sh "$layers" "$disk" \
	systemd-nspawn --quiet --boot --register=no --keep-unit --machine="$machine" --hostname="$hostname" \
	--directory="$disk/merged" --network-namespace-path="/run/netns/$machine" \
	--capability=all --system-call-filter='@keyring bpf' --resolv-conf=off --timezone=off --link-journal=no \
	--bind-ro=/dev/kmsg --bind="$disk/containerd:/var/lib/containerd" --bind="$disk/kubelet:/var/lib/kubelet" \
	--bind="$disk/etcd:/var/lib/etcd"
