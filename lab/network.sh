# shellcheck shell=bash
# One namespace for the operator, with the bridge, and one for each node with
# an eth0. No interface is ever in the host's own namespace, so labs with the
# same addresses stand side by side.

operator_up() {
	ip netns add "$OPERATOR"
	ip -n "$OPERATOR" link set lo up
	# Without snooping a bridge passes on every VRRP advert.
	ip -n "$OPERATOR" link add bridge type bridge stp_state 0 forward_delay 0 mcast_snooping 0
	ip -n "$OPERATOR" address add "$OPERATOR_ADDRESS/16" dev bridge
	ip -n "$OPERATOR" address add "$OPERATOR_ADDRESS6/64" dev bridge nodad
	ip -n "$OPERATOR" link set bridge up

	# "ip netns exec" shows these instead of the host's.
	local node
	mkdir -p "/etc/netns/$OPERATOR"
	{
		echo "127.0.0.1 localhost"
		for node in $NODES; do
			echo "$(node_address "$node") $(node_name "$node")"
		done
	} >"/etc/netns/$OPERATOR/hosts"
}

operator_down() {
	[ ! -e "/run/netns/$OPERATOR" ] || ip netns delete "$OPERATOR"
	rm -rf "/etc/netns/${OPERATOR:?}"
}

# A node's namespace and cable are new at every power on: a machine that was
# switched off has no addresses, sysctls or firewall rules left. Its hardware
# address stays, as a machine's does.
cable_up() {
	local machine
	machine=$(node_machine "$1")
	cable_down "$1"
	ip netns add "$machine"
	ip -n "$machine" link set lo up
	ip -n "$OPERATOR" link add "port-$1" type veth peer name eth0 netns "$machine"
	ip -n "$machine" link set eth0 address "$(printf '02:00:0a:01:01:%02x' "$1")"
	ip -n "$machine" address add "$(node_address "$1")/16" dev eth0
	ip -n "$machine" address add "$(node_address6 "$1")/64" dev eth0 nodad
	ip -n "$machine" link set eth0 up
	ip -n "$machine" route add default via "$OPERATOR_ADDRESS"
	ip -n "$OPERATOR" link set "port-$1" master bridge up
}

# The kernel takes a namespace away some time after the last process; the cable
# goes at once.
cable_down() {
	local machine
	machine=$(node_machine "$1")
	[ ! -e "/run/netns/$OPERATOR" ] || ip -n "$OPERATOR" link delete "port-$1" 2>/dev/null || true
	[ ! -e "/run/netns/$machine" ] || ip netns delete "$machine"
}

# set_port NODE up|down: the bridge's side, so that the node sees its link go.
set_port() {
	[ -e "/run/netns/$OPERATOR" ] || die "lab $NAME is not up; \"lab/lab up --name $NAME\" starts it"
	ip -n "$OPERATOR" link set "port-$1" "$2" 2>/dev/null ||
		die "$(node_name "$1") has no cable because it is off; \"lab/lab poweron $(node_name "$1")\" starts it"
}
