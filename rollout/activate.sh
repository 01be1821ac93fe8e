# Makes the daemons use the files that are in place, and looks whether they do.
#   KPLB_UNITS                    1: systemd reads its unit files again
#   KPLB_ENABLE                   units to start at boot
#   KPLB_HAPROXY, KPLB_KEEPALIVED start, reload, restart or nothing
#   KPLB_VIP, KPLB_PORT           where haproxy must listen afterwards
# The data "active" is kept as what the daemons have loaded.

refuse() {
	record refused "$1"
	exit 1
}

last_words() {
	journalctl --quiet --no-pager --output=cat --lines=4 --unit="$1" 2>/dev/null
}

workers() {
	pgrep -P "$(systemctl show --value --property=MainPID "$1")" | sort
}

listens() {
	[ -n "$(ss -Hltnp "src $KPLB_VIP:$KPLB_PORT" | grep '"haproxy"')" ]
}

# Tries for 10 s.
until_true() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

new_worker() {
	[ -n "$(workers "$1.service" | grep -vxF "$old_workers")" ]
}

# Not while it is still reloading.
active() {
	[ "$(systemctl is-active "$1.service")" = active ]
}

switch() {
	[ -n "$2" ] || return 0
	record step "$1: $2"
	old_workers=$(workers "$1.service" 2>/dev/null)
	said=$(systemctl "$2" "$1.service" 2>&1) || refuse "$1 does not $2: $said
$(last_words "$1")"
	[ "$2" != reload ] || [ "$1" != haproxy ] || until_true new_worker "$1" ||
		refuse "haproxy keeps its old worker after the reload:
$(last_words "$1")"
	until_true active "$1" || refuse "$1 is not running after the $2:
$(last_words "$1")"
}

exec 9>/run/kplb.lock
flock -n 9 || refuse "another kplb is at work on this node"
if [ "$KPLB_UNITS" = 1 ]; then
	said=$(systemctl daemon-reload 2>&1) || refuse "systemctl daemon-reload: $said"
fi
for unit in $KPLB_ENABLE; do
	said=$(systemctl --quiet enable "$unit" 2>&1) || refuse "systemctl enable $unit: $said"
done
switch haproxy "$KPLB_HAPROXY"
until_true listens || refuse "haproxy does not listen on $KPLB_VIP:$KPLB_PORT:
$(last_words haproxy)"
switch keepalived "$KPLB_KEEPALIVED"
kplb_file active >/var/lib/kplb/active.new && mv -f /var/lib/kplb/active.new /var/lib/kplb/active ||
	refuse "/var/lib/kplb/active cannot be written"
record done
