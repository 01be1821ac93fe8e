# Has haproxy send no new connections to a server, or do so again. A server that
# nobody gives back gets them again after a minute; the last one that is up
# keeps them.
#   KPLB_BACKEND  the apiservers' one
#   KPLB_SERVER   of that
#   KPLB_STATE    drain or ready
# Says "drained" if it is so, and how many connections the server has there.

unit=kplb-undrain-$KPLB_SERVER

tell() {
	kplb_file haproxy.pl | perl - "$1"
}

if ! [ -S /run/haproxy/admin.sock ] || ! command -v perl >/dev/null; then
	record done
	exit 0
fi
if [ "$KPLB_STATE" = drain ]; then
	servers=$(tell "show stat $KPLB_BACKEND 4 -1" | cut -d, -f 2,18)
	up=$(printf '%s\n' "$servers" | sed -n 's/,UP.*//p')
	if printf '%s\n' "$up" | grep -qxF "$KPLB_SERVER" && [ "$(printf '%s\n' "$up" | wc -l)" -gt 1 ]; then
		# systemd takes $$ for a dollar
		systemd-run --quiet --collect --unit="$unit" --on-active=60 --timer-property=AccuracySec=1 \
			perl -e "$(kplb_file haproxy.pl | sed 's/\$/$$/g')" "set server $KPLB_BACKEND/$KPLB_SERVER state ready" 2>/dev/null &&
			tell "set server $KPLB_BACKEND/$KPLB_SERVER state drain" && record drained "$(tell "show stat $KPLB_BACKEND 4 -1" | cut -d, -f 2,5 | sed -n "s/^$KPLB_SERVER,//p")"
	fi
else
	tell "set server $KPLB_BACKEND/$KPLB_SERVER state ready" >/dev/null
	systemctl stop "$unit.timer" 2>/dev/null
fi
record done
