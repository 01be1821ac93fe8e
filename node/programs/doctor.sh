# What stands in the way of a VIP, as one node sees it. Changes nothing.
#   KPLB_SEND     1: only send the probes
#   KPLB_ADDRESS  of the node
#   KPLB_VIPS     with commas
#   KPLB_SOURCE   that packets of probes seem to come from: an IPv4 VIP, or none
#   KPLB_SECONDS  how long to listen
#   KPLB_NONCE    of our probes
#   KPLB_PEERS    where they go, each ADDRESS/MAC: the other nodes, or VRRP's multicast group
#   KPLB_NONCES   of their probes

# shellcheck disable=SC2046 # its words
set -- $(ip -o addr show to "$KPLB_ADDRESS")
interface=${2:-}
interface=${interface%%@*}
index='' mac=''
if [ -n "$interface" ]; then
	line=$(ip -o link show dev "$interface")
	index=${line%%:*}
	case $line in *link/ether*) mac=${line#*link/ether } && mac=${mac%% *} ;; esac
fi

if [ -n "$KPLB_SEND" ]; then
	kplb_file vrrp.pl | perl - send "$index" "$KPLB_ADDRESS" "$KPLB_SOURCE" "$KPLB_NONCE" $KPLB_PEERS |
		while read -r what peer; do
			case $what in kept | sent) record "$what" "$peer" ;; esac
		done
	exit
fi

record clock "$(date +%s.%N)" # early: what comes before makes it less certain
record addresses "$(ip -o addr show)"
record links "$(ip -o link show)"
record neighbours "$(ip -4 neigh show | head -n 2000)"

# flags COMPONENT FILE: the file has the flags of the component.
flags() {
	[ ! -f "$2" ] || head -c 1048576 "$2" | record_data manifest "$1"
}
flags apiserver "$apiserver_config"
flags controller-manager "$controller_manager_config"
if command -v getenforce >/dev/null; then
	record selinux "$(getenforce)" "$(getsebool haproxy_connect_any 2>/dev/null)"
fi
record apparmor "$(grep -E '(^|/)(haproxy|keepalived) \(enforce\)$' /sys/kernel/security/apparmor/profiles 2>/dev/null | head -n 20)"

# Without perl only the kernel can ask who has the VIP, and it tells what it
# knows from earlier, too.
ask_kernel() {
	vips=$(echo "$KPLB_VIPS" | tr , ' ')
	for vip in $vips; do
		if command -v bash >/dev/null; then
			# shellcheck disable=SC2016 # expanded by bash
			bash -c 'echo >"/dev/udp/$1/9"' kplb "$vip" 2>/dev/null
		else
			ping -c 1 -W 1 "$vip" >/dev/null 2>&1
		fi
	done
	sleep 1
	for vip in $vips; do
		case $vip in *:*) record neighbour "$(ip -6 neigh show to "$vip")" ;; *) record neighbour "$(ip -4 neigh show to "$vip")" ;; esac
	done
}

if ! command -v perl >/dev/null; then
	ask_kernel
	record deaf "no perl on the node"
elif [ -z "$interface" ]; then
	record deaf "no interface has $KPLB_ADDRESS"
else
	kplb_file vrrp.pl | perl - listen "$KPLB_SECONDS" "$interface" "$index" "$mac" "$KPLB_ADDRESS" "$KPLB_VIPS" $KPLB_NONCES 2>&1 |
		while read -r what rest; do
			case $what in
			listening | has | vrrp | probe) record "$what" $rest ;;
			*) record deaf "$what $rest" ;;
			esac
		done
fi
record done
