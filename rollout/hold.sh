# Holds the node's lock for as long as the operator's connection lives: its
# beats come in on descriptor 3.
#   KPLB_TOKEN    fences: steps of an operator without it are refused
#   KPLB_OWNER    who, from where, since when, in one line
#   KPLB_SECONDS  without a beat, after which the operator is taken for dead

exec 8>>/run/kplb.holder
flock -n 8 || {
	record held "$(cat /run/kplb.owner 2>/dev/null)"
	exit 1
}
umask 077
echo "$KPLB_OWNER" >/run/kplb.owner && echo "$KPLB_TOKEN" >/run/kplb.token || {
	record refused "the lock cannot be written to /run"
	exit 1
}
record locked
# unless the lock was taken away (unlock), nobody else has written these
let_go() {
	# shellcheck disable=SC3013 # every sh of a node has it
	if [ /run/kplb.holder -ef /proc/self/fd/8 ]; then rm -f /run/kplb.owner /run/kplb.token; fi
}
# the end of a connection comes as the end of the beats, or as a signal
trap 'let_go; exit 0' TERM
# the waiting child does not inherit the lock
while timeout "$KPLB_SECONDS" sh -c 'IFS= read -r _' <&3 8>&-; do :; done
let_go
