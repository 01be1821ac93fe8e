# Waits until the apiserver listens where it should, and nowhere else.
#   KPLB_LISTEN   ADDRESS:PORT, or *:PORT for every address
#   KPLB_PORT     the port alone
#   KPLB_SECONDS  how long at most

end=$(($(cut -d. -f1 /proc/uptime) + KPLB_SECONDS))
while :; do
	listening=$(ss -Hltnp "sport = :$KPLB_PORT" | grep '"kube-apiserver"' | while read -r _ _ _ local _; do echo "$local"; done)
	if [ "$listening" = "$KPLB_LISTEN" ]; then
		record done
		exit 0
	fi
	if [ "$(cut -d. -f1 /proc/uptime)" -ge "$end" ]; then
		record elsewhere "${listening:-no address}"
		exit 0
	fi
	sleep 0.5
done
