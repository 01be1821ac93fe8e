# Takes the node's lock for as long as the operator's connection lives. It is
# resident: the lock belongs to the shell that runs the steps, and ends with it.
#   KPLB_TOKEN    fences: steps of an operator without it are refused
#   KPLB_OWNER    who, from where, since when, in one line
#   KPLB_SECONDS  without a word, after which the operator is taken for dead

# Unless the lock was taken away (unlock), nobody else has written these. What
# was staged and never begun is swept up.
kplb_let_go() {
	# shellcheck disable=SC3013 # every sh of a node has it
	if [ /run/kplb.holder -ef /proc/self/fd/8 ]; then
		rm -f /run/kplb.owner /run/kplb.token
	elif [ -e /run/kplb.holder ] && ! flock -n -s /run/kplb.holder true; then
		exec 8>&- # what is staged now is of whoever has the lock
		return
	fi
	if [ -d /var/lib/kplb/stage ] && [ ! -d /var/lib/kplb/pending ]; then
		# a second time, if it was killed
		/bin/sh /var/lib/kplb/restore "the rollout ended" 8>&- || /bin/sh /var/lib/kplb/restore "the rollout ended" 8>&- || rm -rf /var/lib/kplb/stage
	fi
	exec 8>&-
}

touch /run/kplb.holder || {
	record refused "the lock cannot be written to /run"
	return 1
}
exec 8>>/run/kplb.holder
# others hold it for a moment to find out whether somebody does
flock -w 0.3 8 || {
	exec 8>&-
	record held "$(cat /run/kplb.owner 2>/dev/null)"
	return 1
}
# the end of a connection comes as the end of the input, as silence, or as a signal
trap kplb_let_go EXIT
trap 'exit 0' TERM
kplb_silence=$KPLB_SECONDS
umask 077
printf '%s\n' "$KPLB_OWNER" >/run/kplb.owner && echo "$KPLB_TOKEN" >/run/kplb.token || {
	trap - EXIT TERM
	kplb_let_go
	record refused "the lock cannot be written to /run"
	return 1
}
record locked
