# shellcheck shell=bash
# Looking around in a lab that is up, and breaking it.

# node_of WORD: the node's number; kubernetes-node-2, node-2 and 2 are the same.
node_of() {
	local node
	for node in $NODES; do
		case $1 in
		"$node" | "node-$node" | "$(node_name "$node")") echo "$node" && return 0 ;;
		esac
	done
	misuse "lab $NAME has no node \"$1\""
}

nodes_of() {
	local word
	for word; do node_of "$word"; done
}

need_node() { [ -n "${1-}" ] || misuse "which node? name one of $(for node in $NODES; do node_name "$node"; done | tr '\n' ' ')"; }

look_exec() {
	local node
	need_node "${1-}"
	[ $# -ge 2 ] || misuse "exec needs a command"
	if [ "$1" = operator ]; then
		shift
		# kubectl comes with a genuine cluster.
		[ -z "${NODE_LAYER:-}" ] || PATH=$PATH:$NODE_LAYER/usr/bin
		exec ip netns exec "$OPERATOR" "$@"
	fi
	node=$(node_of "$1")
	shift
	inside "$node" "$@"
}

look_ssh() {
	local node
	need_node "${1-}"
	node=$(node_of "$1")
	shift
	exec ip netns exec "$OPERATOR" ssh -F "$STATE/ssh_config" "$(node_name "$node")" "$@"
}

look_cut() {
	local node
	need_node "${1-}"
	node=$(node_of "$1")
	set_port "$node" down
	say "$(node_name "$node"): cable pulled"
}

look_mend() {
	local node
	need_node "${1-}"
	node=$(node_of "$1")
	set_port "$node" up
	say "$(node_name "$node"): cable plugged in"
}

look_poweroff() {
	local nodes node going=
	need_node "${1-}"
	nodes=$(nodes_of "$@")
	for node in $nodes; do
		power_off "$node" &
		going="$going $!"
	done
	for node in $going; do wait "$node"; done
	for node in $nodes; do say "$(node_name "$node"): power cut"; done
}

look_poweron() {
	local nodes node
	need_node "${1-}"
	nodes=$(nodes_of "$@")
	for node in $nodes; do power_on "$node"; done
	for node in $nodes; do
		wait_for_ssh "$node"
		say "$(node_name "$node"): answers ssh"
	done
}

look_state() { echo "$STATE"; }

# Every lab of this machine: what is on, and who holds the VIP.
look_ps() {
	local state node pid holds
	printf '%-12s %-11s %-20s %-12s %-8s %s\n' LAB KIND NODE ADDRESS PID VIP
	for state in "$STATE_ROOT"/*/lab; do
		[ -e "$state" ] || continue
		use_name "$(basename "$(dirname "$state")")"
		load_lab
		for node in $NODES; do
			pid=$(machine_pid "$node") || pid=off
			holds=
			! ip -n "$(node_machine "$node")" -oneline address show to "$VIP" 2>/dev/null | grep -q . || holds="holds $VIP"
			printf '%-12s %-11s %-20s %-12s %-8s %s\n' "$NAME" "$KIND" "$(node_name "$node")" "$(node_address "$node")" "$pid" "$holds"
		done
	done
}
