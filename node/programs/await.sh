# Waits until the apiserver listens where it should, and nowhere else.
#   KPLB_LISTEN   ADDRESS:PORT, or *:PORT for every address
#   KPLB_PORT     the port alone
#   KPLB_SOCKET   with which it has listened, and may not any more; empty: any may be
#   KPLB_SINCE    hundredths of a second since the boot: one that was started before is
#                 about to go, and does not count; empty: any does
#   KPLB_SECONDS  how long at most

# is_old: one of those that listen is not the one that is waited for.
is_old() {
	case " $sockets " in *" ino:${KPLB_SOCKET:-none} "*) return 0 ;; esac
	[ -n "$KPLB_SINCE" ] || return 1
	for pid in $(printf '%s\n' "$sockets" | grep -o 'pid=[0-9]*' | sort -u); do
		born=$(started_at "${pid#pid=}") && [ "$born" -ge "$KPLB_SINCE" ] || return 0
	done
	return 1
}

end=$(($(cut -d. -f1 /proc/uptime) + KPLB_SECONDS))
while :; do
	sockets=$(ss -Hltnpe "sport = :$KPLB_PORT" | grep -F "\"$apiserver_process\"")
	listening=$([ -z "$sockets" ] || printf '%s\n' "$sockets" | while read -r _ _ _ local _; do echo "$local"; done)
	if [ "$listening" = "$KPLB_LISTEN" ] && ! is_old; then
		record done
		exit 0
	fi
	if [ "$(cut -d. -f1 /proc/uptime)" -ge "$end" ]; then
		record elsewhere "${listening:-no address}"
		exit 0
	fi
	sleep 0.2
done
