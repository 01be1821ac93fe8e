# Gives the lock back that lock.sh has taken in this shell, or in one that was
# killed.
#   KPLB_TOKEN  of the lock

kplb_silence=
trap - EXIT TERM
if command -v kplb_let_go >/dev/null; then kplb_let_go; fi
holder=
IFS= read -r holder 2>/dev/null </run/kplb.token
if [ "$holder" = "$KPLB_TOKEN" ]; then
	flock -n /run/kplb.holder rm -f /run/kplb.owner /run/kplb.token
fi
record done
