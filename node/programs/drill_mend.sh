# kplb drill: puts back what it has broken on this node. It depends on nothing
# but the node, and may be run again.
#   $1  who does it

dir=/run/kplb-drill
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL

exec 9>>$dir.lock
flock 9
[ -e $dir/fault ] || exit 0
read -r fault interface pids <$dir/fault
unit=${fault%-*}

# One that systemd does not want to start again is started all the same.
start() {
	systemctl reset-failed "$unit" 2>/dev/null
	systemctl start "$unit"
}

link_up() {
	ip link set dev "$interface" up || return 1
	while read -r address; do ip -6 address add "$address" dev "$interface" nodad 2>/dev/null; done <$dir/addresses6
	for family in 4 6; do
		while read -r route; do ip -$family route replace $route dev "$interface"; done <$dir/routes$family
	done
	true
}

# Another process may have its number by now.
thaw() {
	for pid in $pids; do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$apiserver_process" ] || kill -CONT "$pid"
	done
}

case $fault in
haproxy-frozen | keepalived-frozen) systemctl kill --signal=CONT "$unit" ;;
haproxy-* | keepalived-*) start ;;
apiserver-frozen) thaw ;;
apiserver-cut) nft delete table inet kplb_drill 2>/dev/null || ! nft list table inet kplb_drill >/dev/null 2>&1 ;;
link-down) link_up ;;
esac || exit 1
date +%s.%N >$dir/mended
echo "$1" >$dir/by
rm -f $dir/fault
systemctl stop kplb-drill-mend.timer 2>/dev/null
true
