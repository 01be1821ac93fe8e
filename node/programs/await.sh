# Waits until the apiserver listens where it should, and nowhere else.
#   KPLB_LISTEN   ADDRESS:PORT, or *:PORT for every address
#   KPLB_PORT     the port alone
#   KPLB_SOCKET   with which it has listened, and may not any more; empty: any may be
#   KPLB_SECONDS  how long at most

end=$(($(cut -d. -f1 /proc/uptime) + KPLB_SECONDS))
while :; do
	sockets=$(ss -Hltnpe "sport = :$KPLB_PORT" | grep '"kube-apiserver"')
	listening=$([ -z "$sockets" ] || printf '%s\n' "$sockets" | while read -r _ _ _ local _; do echo "$local"; done)
	case " $sockets " in *" ino:${KPLB_SOCKET:-none} "*) old=1 ;; *) old= ;; esac
	if [ "$listening" = "$KPLB_LISTEN" ] && [ -z "$old" ]; then
		record done
		exit 0
	fi
	if [ "$(cut -d. -f1 /proc/uptime)" -ge "$end" ]; then
		record elsewhere "${listening:-no address}"
		exit 0
	fi
	sleep 0.2
done
