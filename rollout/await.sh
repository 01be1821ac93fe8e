# Waits until the apiserver listens on its own address, and nowhere else.
#   KPLB_ADDRESS, KPLB_PORT  where
#   KPLB_SECONDS             how long at most

end=$(($(date +%s) + KPLB_SECONDS))
while :; do
	listening=$(ss -Hltnp "sport = :$KPLB_PORT" | grep '"kube-apiserver"' | while read -r _ _ _ local _; do echo "$local"; done)
	if [ "$listening" = "$KPLB_ADDRESS:$KPLB_PORT" ]; then
		record done
		exit 0
	fi
	if [ "$(date +%s)" -ge "$end" ]; then
		record refused "the apiserver listens on ${listening:-no address}, not on $KPLB_ADDRESS:$KPLB_PORT, after $KPLB_SECONDS s"
		exit 1
	fi
	record waiting "${listening:-nowhere}"
	sleep 0.5
done
