# shellcheck shell=bash
# "lab/lab up": from nothing to machines that answer, or to nothing again.

lab_up() {
	local name=${KPLB_LAB_NAME:-kplb} subnet=10.1.0.0/16 count=3 workers=0 spares=0 only=
	KIND=standin VIP_SAN=yes PACKAGES=yes NODE_LAYER=
	while [ $# -gt 0 ]; do
		case $1 in
		--name | --subnet | --nodes | --workers | --spares | --anonymous) [ $# -ge 2 ] || misuse "$1 needs a value" ;;&
		--name) name=$2 && shift ;;
		--name=*) name=${1#*=} ;;
		--subnet) subnet=$2 && shift ;;
		--subnet=*) subnet=${1#*=} ;;
		--nodes) count=$2 && shift ;;
		--nodes=*) count=${1#*=} ;;
		--kubernetes) KIND=kubernetes ;;
		--workers) workers=$2 only=$1 && shift ;;
		--workers=*) workers=${1#*=} only=--workers ;;
		--spares) spares=$2 only=$1 && shift ;;
		--spares=*) spares=${1#*=} only=--spares ;;
		--anonymous) ANONYMOUS=$2 only=$1 && shift ;;
		--anonymous=*) ANONYMOUS=${1#*=} only=--anonymous ;;
		--ufw) UFW=yes ;;
		--without-vip-san) VIP_SAN=no ;;
		--without-packages) PACKAGES=no ;;
		*) misuse "up does not know \"$1\"" ;;
		esac
		shift
	done
	use_name "$name"
	use_subnet "$subnet"
	[[ $count =~ ^[1-9]$ ]] || misuse "--nodes must be 1 to 9, not \"$count\""
	[ -z "$only" ] || [ "$KIND" = kubernetes ] || misuse "$only is for --kubernetes"
	[[ $ANONYMOUS =~ ^(on|off)$ ]] || misuse "--anonymous must be on or off, not \"$ANONYMOUS\""
	number_nodes "$count" "$workers" "$spares"
	can_build

	lock_lab
	[ ! -e "$STATE" ] || die "lab $NAME is up already, or was left half made; \"lab/lab down --name $NAME\" removes it"
	[ ! -e "/run/netns/$OPERATOR" ] || die "network namespace $OPERATOR exists and is not this lab's; choose another --name"

	# The work is a process of its own: a shell hears a signal only between two
	# commands, and this one has nothing to do but wait.
	make_lab &
	MAKING=$!
	echo "$MAKING $(process_start "$MAKING")" >"$LOCK"
	trap 'give_up "interrupted" 130' INT TERM HUP
	wait "$MAKING" || give_up "lab $NAME could not be made" 1
	trap - INT TERM HUP
	say "lab $NAME is up: $(echo "$NODES" | wc -w) nodes, VIP $VIP; \"lab/lab help\" says how to look around"
}

# number_nodes COUNT WORKERS SPARES: control-plane nodes first, spares last.
number_nodes() {
	[[ $2 =~ ^[0-3]$ ]] || misuse "--workers must be 0 to 3, not \"$2\""
	[[ $3 =~ ^[0-8]$ ]] || misuse "--spares must be 0 to 8, not \"$3\""
	[ $(($1 + $2 + $3)) -le 9 ] || misuse "a lab has 9 nodes at most, not $(($1 + $2 + $3))"
	NODES=$(seq -s ' ' $(($1 + $2 + $3)))
	WORKERS=$(seq -s ' ' $(($1 + 1)) $(($1 + $2)))
	SPARES=$(seq -s ' ' $(($1 + $2 + 1)) $(($1 + $2 + $3)))
}

# give_up WHY CODE: nothing stays behind, unless somebody wants to look at it.
give_up() {
	trap '' INT TERM HUP
	# The machines go when the lab is removed, or stay.
	# shellcheck disable=SC2046 # a list
	kill -TERM $(descendants "$MAKING" "$(cut -d' ' -f1 "$STATE"/machine-*.pid 2>/dev/null | tr '\n' ' ')") 2>/dev/null || true
	wait "$MAKING" 2>/dev/null || true
	say "$1"
	if [ -n "${KPLB_LAB_KEEP:-}" ]; then
		say "kept for a look because of KPLB_LAB_KEEP; \"lab/lab down --name $NAME\" removes it"
	else
		remove_lab
		rm -f "$LOCK"
	fi
	exit "$2"
}

make_lab() {
	local node
	debian_image
	case $KIND in
	kubernetes) kubernetes_image ;;
	standin) standin_binary ;;
	esac
	LAYERS=$BALANCER:$ROOT
	[ "$PACKAGES" = yes ] || LAYERS=$OFFLINE:$ROOT
	[ "$KIND" = standin ] || LAYERS=$NODE_LAYER:$LAYERS

	say "making the network, keys and disks of lab $NAME"
	rm -rf "${DISK:?}"
	mkdir -m 700 "$STATE"
	save_lab
	ssh-keygen -q -t ed25519 -N '' -C "kplb lab $NAME" -f "$STATE/id_ed25519"
	operator_up
	"${KIND}_up"
	for node in $NODES; do
		prepare_disk "$node"
		"${KIND}_disk" "$node"
	done

	say "booting $(echo "$NODES" | wc -w) nodes"
	for node in $NODES; do power_on "$node"; done
	for node in $NODES; do wait_for_ssh "$node"; done
	ssh_files
	[ "$UFW" = no ] || firewall_ready
	"${KIND}_ready"
}

# What every later call needs to know.
save_lab() {
	declare -p SUBNET NODES WORKERS SPARES KIND VIP_SAN ANONYMOUS UFW PACKAGES LAYERS NODE_LAYER | sed 's/^declare -[-a-z]* //' >"$STATE/lab"
}

load_lab() {
	[ -r "$STATE/lab" ] || die "lab $NAME is not up; \"lab/lab up --name $NAME\" starts it"
	# shellcheck source=/dev/null
	. "$STATE/lab"
	use_subnet "$SUBNET"
}

# For people and programs in the operator's namespace.
ssh_files() {
	local node
	for node in $NODES; do cat "$STATE/known_hosts.$node"; done >"$STATE/known_hosts"
	{
		for node in $NODES; do
			printf 'Host %s\n  HostName %s\n' "$(node_name "$node")" "$(node_address "$node")"
		done
		printf 'Host *\n  User pi\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  StrictHostKeyChecking yes\n' \
			"$STATE/id_ed25519" "$STATE/known_hosts"
	} >"$STATE/ssh_config"
}
