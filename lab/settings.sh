# shellcheck shell=bash
# Where things are, how a lab's parts are called, and how the lab speaks.
# Sourced by lab/lab; every other file here is sourced after it.

# The cache outlives every lab, the state dies with the machine's power, the
# disks (what nodes write) are on a real disk: a tmpfs would fill the memory.
CACHE=${KPLB_LAB_CACHE:-/var/cache/kplb-lab}
STATE_ROOT=${KPLB_LAB_STATE:-/run/kplb-lab}
DISK_ROOT=${KPLB_LAB_DISK:-/var/lib/kplb-lab}
MIRROR=${KPLB_LAB_MIRROR:-http://deb.debian.org/debian}

KUBERNETES_VERSION=1.36.3
ETCD_VERSION=3.6.8
# What kubeadm of that version asks for, by name; no image is ever pulled.
ETCD_IMAGE=registry.k8s.io/etcd:3.6.8-0
PAUSE_IMAGE=registry.k8s.io/pause:3.10.2

# What "up" has options for and a lab made without them does not say.
WORKERS='' SPARES='' UFW=no ANONYMOUS=on

NODE_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
BEGAN=$SECONDS

# Progress goes to descriptor 3: the lab's own stderr, also where a step's
# output goes to a log.
exec 3>&2
say() { printf 'lab: [%3d s] %s\n' $((SECONDS - BEGAN)) "$*" >&3; }

die() {
	printf 'lab: %s\n' "$*" >&3
	exit 1
}

# A mistake in the command line, as opposed to a lab that fails.
misuse() {
	printf 'lab: %s; "lab/lab help" lists what there is\n' "$*" >&2
	exit 2
}

# use_name NAME: everything that belongs to the lab of that name. Addresses
# live in network namespaces, so two labs may have the same ones; what the host
# can see carries the name.
use_name() {
	[[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] ||
		misuse "lab name \"$1\" must be 1 to 20 of a-z, 0-9 and -, not at the ends"
	NAME=$1
	STATE=$STATE_ROOT/$NAME
	DISK=$DISK_ROOT/$NAME
	OPERATOR=$NAME-operator
}

# use_subnet PREFIX: the tutorial's address plan on another /16.
use_subnet() {
	[[ $1 =~ ^([0-9]{1,3}\.[0-9]{1,3})\.0\.0/16$ ]] ||
		misuse "subnet \"$1\" must look like 10.1.0.0/16"
	SUBNET=$1
	PREFIX=${BASH_REMATCH[1]}
	OPERATOR_ADDRESS=$PREFIX.0.254
	VIP=$PREFIX.233.1 VIP_TOO=$PREFIX.233.2
}

# lock_lab [SECONDS]: nobody else starts or stops this lab meanwhile. Descriptor
# 9; what is started for good must not inherit it. The file goes with the lab,
# so it may have been another one's that was just removed.
lock_lab() {
	LOCK=$STATE_ROOT/.$NAME.lock
	mkdir -p "$STATE_ROOT"
	until [ "$LOCK" -ef /proc/self/fd/9 ]; do
		exec 9>>"$LOCK"
		flock --timeout "${1:-0}" 9 || die "lab $NAME is being started or stopped by somebody else; wait for them"
	done
}

node_name() { echo "kubernetes-node-$1"; }
# IPv6 is the same on every subnet; fd10:1::100 is meant to be the VIP.
OPERATOR_ADDRESS6=fd10:1::fe
VIP6=fd10:1::100
node_address6() { printf 'fd10:1::%x\n' "$1"; }

node_address() { echo "$PREFIX.1.$1"; }
# The name of a node's network namespace, machine and control group.
node_machine() { echo "$NAME-kubernetes-node-$1"; }
