# Gives the lock back that lock.sh has taken in this shell, or in one that was
# killed.
#   KPLB_TOKEN  of the lock

kplb_silence=
trap - EXIT TERM
if command -v kplb_let_go >/dev/null; then kplb_let_go; fi
if [ "$(cat /run/kplb.token 2>/dev/null)" = "$KPLB_TOKEN" ]; then
	flock -n /run/kplb.holder rm -f /run/kplb.owner /run/kplb.token
fi
record done
