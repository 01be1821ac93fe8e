# Makes the daemons use the files that are in place, and looks whether they do.
#   KPLB_TXN                      the change that it belongs to
#   KPLB_UNITS                    1: systemd reads its unit files again
#   KPLB_SYSCTL                   1: apply the settings; 0: take them away
#   KPLB_ENABLE, KPLB_DISABLE     units to start, or not to start, at boot
#   KPLB_HAPROXY, KPLB_KEEPALIVED start, reload, restart, stop or nothing
#   KPLB_VIP, KPLB_PORT           where haproxy must listen afterwards; no VIP: it need not
# The data "active" is kept as what the daemons have loaded.

refuse() {
	record refused "$1"
	exit 1
}

last_words() {
	journalctl --quiet --no-pager --output=cat --lines=4 --unit="$1" 2>/dev/null
}

workers() {
	pgrep -P "$master" | sort
}

listens() {
	ss -Hltnp "src $KPLB_VIP:$KPLB_PORT" | grep -q '"haproxy"'
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

# Not while it is still reloading.
active() {
	[ "$(systemctl is-active "$1.service")" = active ]
}

switch() {
	[ -n "$2" ] || return 0
	[ "$1 $2" != "haproxy reload" ] || {
		master=$(systemctl show --value --property=MainPID haproxy.service)
		old_workers=$(workers)
	}
	said=$(systemctl "$2" "$1.service" 2>&1) || refuse "$1 does not $2: $said
$(last_words "$1")"
	case $2 in
	stop) ;;
	reload) # what went wrong leaves the old worker
		[ "$1" != haproxy ] || until_true new_worker || refuse "haproxy keeps its old worker after the reload:
$(last_words "$1")"
		;;
	*)
		until_true active "$1" || refuse "$1 is not running after the $2:
$(last_words "$1")"
		eval "restarts_$1=$(systemctl show --value --property=NRestarts "$1.service")"
		started="$started $1"
		;;
	esac
}

# What dies of its new file does so within a moment of having been started.
still_running() {
	[ -n "$started" ] || return 0
	sleep 1.2
	for name in $started; do
		active "$name" || refuse "$name died after it had started:
$(last_words "$name")"
		[ "$(systemctl show --value --property=NRestarts "$name.service")" = "$(eval "echo \$restarts_$name")" ] ||
			refuse "$name dies and is restarted, again and again:
$(last_words "$name")"
	done
}

one_at_a_time 20 || refuse "another step of kplb does not end on this node"
[ "$(cat $base/pending/txn 2>/dev/null)" = "$KPLB_TXN" ] || refuse "the change was taken back, because it was not confirmed in time"
started=
if [ "$KPLB_UNITS" = 1 ]; then
	said=$(systemctl daemon-reload 2>&1) || refuse "systemctl daemon-reload: $said"
fi
case $KPLB_SYSCTL in
1) said=$(sysctl -q -p /etc/sysctl.d/90-kplb.conf 2>&1) || refuse "sysctl: $said" ;;
0) echo 0 >/proc/sys/net/ipv4/ip_nonlocal_bind ;;
esac
for unit in $KPLB_ENABLE; do
	said=$(systemctl --quiet enable "$unit" 2>&1) || refuse "systemctl enable $unit: $said"
done
for unit in $KPLB_DISABLE; do
	said=$(systemctl --quiet disable "$unit" 2>&1) || refuse "systemctl disable $unit: $said"
done
if [ "$KPLB_KEEPALIVED" = stop ]; then switch keepalived stop; fi
switch haproxy "$KPLB_HAPROXY"
[ -z "$KPLB_VIP" ] || [ "$KPLB_HAPROXY" = stop ] || until_true listens || refuse "haproxy does not listen on $KPLB_VIP:$KPLB_PORT:
$(last_words haproxy)"
if [ "$KPLB_KEEPALIVED" != stop ]; then switch keepalived "$KPLB_KEEPALIVED"; fi
for name in haproxy keepalived; do
	case $name$KPLB_HAPROXY$KPLB_KEEPALIVED in
	haproxyreload* | keepalived*reload) until_true active $name || refuse "$name is not running after the reload:
$(last_words $name)" ;;
	esac
done
still_running
kplb_file active >$base/active.new && mv -f $base/active.new $base/active || refuse "$base/active cannot be written"
record done
