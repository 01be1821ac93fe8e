# shellcheck shell=bash
# "lab/lab down": removes everything of one lab, also of a half-made one, and
# nothing else. Doing it again does no harm.

lab_down() {
	mkdir -p "$STATE_ROOT"
	exec 9>"$STATE_ROOT/.$NAME.lock"
	flock -n 9 || die "lab $NAME is being started or stopped by somebody else"
	if [ ! -e "$STATE" ] && [ ! -e "$DISK" ]; then
		say "lab $NAME is not there: nothing to remove"
	else
		remove_lab
	fi
	rm -f "$STATE_ROOT/.$NAME.lock"
}

# By exact name, so that lab "a" takes nothing of lab "a-b". Nodes that were
# never made are as easy to remove as the others.
remove_lab() {
	local node
	for node in 1 2 3 4 5 6 7 8 9; do
		power_off "$node"
	done
	operator_down
	# Nothing of a machine's disk is mounted in the host, but a "rm -rf" that
	# followed a mount would be the worst there is.
	rm -rf --one-file-system "${DISK:?}" "${STATE:?}"
	rmdir "$DISK_ROOT" 2>/dev/null || true
	say "lab $NAME is removed"
}
