# Makes the daemons use the files that are in place, and looks whether they do.
#   KPLB_TXN                      the change that it belongs to
#   KPLB_TOKEN                    of the lock that its operator holds
#   KPLB_UNITS                    1: systemd reads its unit files again
#   KPLB_SYSCTL                   1: apply the settings; 0: take them away
#   KPLB_ENABLE, KPLB_DISABLE     units to start, or not to start, at boot
#   KPLB_HAPROXY, KPLB_KEEPALIVED, KPLB_KUBELET start, reload, restart, stop or nothing
#   KPLB_REDIRECT                 start or stop: the VIP's port is sent to haproxy by nftables
#   KPLB_DIRECTOR                 start or stop: what is for it is marked for the kernel by nftables
#   KPLB_MARK                     of what the kernel balances, as /proc/net/ip_vs writes it
#   KPLB_GIVE, KPLB_GIVE_OF       settings that the kernel gets back, and the generation that has them
#   KPLB_SERVES                   where haproxy must listen afterwards, each ADDRESS:PORT, on a worker of 127.0.0.1; none: it need not
#   KPLB_NO_BIND6                 1: what IPv6 VIPs needed of the kernel is as it was before kplb
# The data "active" is kept as what the daemons have loaded.

workers() {
	pgrep -P "$master" | sort
}

# haproxy.service's own processes, and no other haproxy
listens() {
	look haproxy
	own=
	for pid in "$master" $(workers); do own="$own -e pid=$pid,"; done
	for at in $KPLB_SERVES; do
		# shellcheck disable=SC2086 # patterns
		ss -Hltnp "src $at" | grep -q -F $own || return 1
	done
}

# Tries for 10 s.
until_true() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.05
	done
}

new_worker() {
	workers | grep -qvxF "$old_workers"
}

switch() {
	[ -n "$2" ] || return 0
	if [ "$2" = reload ]; then # it stays the same process
		look "$1"
		echo "$seen" >$base/pending/"$1"
		[ "$1" != haproxy ] || old_workers=$(workers)
	fi
	said=$(systemctl "$2" "$1.service" 2>&1) || refuse "$1 does not $2: $said
$(last_words "$1")"
	case $2 in
	stop) systemctl reset-failed "$1.service" 2>/dev/null ;; # it may have been on its way back from a crash
	reload) # what went wrong leaves the old worker
		[ "$1" != haproxy ] || until_true new_worker || refuse "haproxy keeps its old worker after the reload:
$(last_words "$1")"
		switched="$switched $1"
		;;
	*)
		until_true is_active "$1" || refuse "$1 is not running after the $2:
$(last_words "$1")"
		echo "$seen" >$base/pending/"$1"
		switched="$switched $1"
		pause=1.2
		;;
	esac
}

# table UNIT ACTION: of nftables.
table() {
	case $2 in
	start)
		said=$(systemctl reload-or-restart "$1.service" 2>&1) || refuse "$1 does not start: $said
$(last_words "$1")"
		[ "$1" != kplb-redirect ] || redirect_stale
		;;
	stop)
		table_away "$1" || refuse "$1 does not stop:
$(last_words "$1")"
		;;
	esac
}

balancer() {
	switch haproxy "$KPLB_HAPROXY"
	[ "$KPLB_HAPROXY" = stop ] || until_true listens || refuse "haproxy does not listen on $at:
$(last_words haproxy)"
}

speaker() {
	if [ "$KPLB_KEEPALIVED" != stop ]; then switch keepalived "$KPLB_KEEPALIVED"; fi
}

# directs: the kernel has an apiserver to send to, which keepalived has asked.
directs() {
	[ "$KPLB_KEEPALIVED" = stop ] || grep -A 1 "^FWM  $KPLB_MARK " /proc/net/ip_vs | grep -q '^  -> '
}

# A daemon that cannot run with its new configuration exits within a second.
still_running() {
	[ -z "$pause" ] || sleep "$pause"
	for name in $switched; do
		until_true is_active "$name" || refuse "$name died after it had started:
$(last_words "$name")"
		[ ! -e $base/pending/"$name" ] || [ "$seen" = "$(cat $base/pending/"$name")" ] ||
			refuse "$name died, and was restarted:
$(last_words "$name")"
		echo "$seen" >$base/pending/"$name"
	done
}

continue_change
switched='' pause=''
if [ "$KPLB_UNITS" = 1 ]; then
	said=$(read_units 2>&1) || refuse "systemctl: daemon-reload, or restart kplb-metrics.timer: $said"
fi
case $KPLB_SYSCTL in
1)
	load_modules || refuse "modprobe ip_vs: there is no /proc/net/ip_vs after it"
	said=$(sysctl -q -p /etc/sysctl.d/90-kplb.conf 2>&1) || refuse "sysctl: $said"
	;;
0) echo 0 >/proc/sys/net/ipv4/ip_nonlocal_bind ;;
esac
if [ "$KPLB_NO_BIND6" = 1 ]; then
	bind6=0
	IFS= read -r bind6 2>/dev/null <$base/generations/0/nonlocal_bind6
	echo "$bind6" >/proc/sys/net/ipv6/ip_nonlocal_bind
fi
give_back "$base/generations/$KPLB_GIVE_OF" "$KPLB_GIVE"
# shellcheck disable=SC2086 # units
[ -z "$KPLB_ENABLE" ] || said=$(set_boot enable $KPLB_ENABLE 2>&1) || refuse "systemctl enable $KPLB_ENABLE: $said"
for unit in $KPLB_DISABLE; do
	case $unit in
	kplb-redirect.service | kplb-ipvs.service)
		# shellcheck disable=SC2046 # paths without spaces
		rm -f $(links_of "${unit%.service}") # it is gone by now
		continue
		;;
	esac
	said=$(set_boot disable "$unit" 2>&1) || refuse "systemctl disable $unit: $said"
done
ufw_lines "$KPLB_OPEN"
if [ "$KPLB_KEEPALIVED" = stop ]; then switch keepalived stop; fi
# who balances comes before who has balanced goes
if [ "$KPLB_DIRECTOR" = start ]; then
	table kplb-redirect "$KPLB_REDIRECT"
	table kplb-ipvs start
	speaker
	until_true directs || refuse "keepalived finds no apiserver that answers:
$(last_words keepalived)"
	balancer
else
	balancer
	table kplb-ipvs "$KPLB_DIRECTOR"
	table kplb-redirect "$KPLB_REDIRECT"
	speaker
fi
switch "${kubelet_unit%.service}" "$KPLB_KUBELET"
still_running
ufw_lines "$KPLB_CLOSE"
kplb_file active >$base/active.new && mv -f $base/active.new $base/active || refuse "$base/active cannot be written"
record done
