# shellcheck shell=bash
# "lab/lab down": removes everything of one lab, also of a half-made one, and
# nothing else. Doing it again does no harm.

lab_down() {
	lock_lab
	if [ ! -e "$STATE" ] && [ ! -e "$DISK" ]; then
		say "lab $NAME is not there: nothing to remove"
	else
		remove_lab
	fi
	rm -f "$STATE_ROOT/.$NAME.lock"
}

# By exact name, so that lab "a" takes nothing of lab "a-b". The nodes go all at
# once; one that was never made is as easy to remove as another.
remove_lab() {
	local node going=
	for node in 1 2 3 4 5 6 7 8 9; do
		power_off "$node" &
		going="$going $!"
	done
	for node in $going; do
		wait "$node" || die "lab $NAME is not removed; \"lab/lab down --name $NAME\" goes on from here"
	done
	operator_down
	# Nothing of a machine's disk is mounted in the host, but a "rm -rf" that
	# followed a mount would be the worst there is.
	rm -rf --one-file-system "${DISK:?}" "${STATE:?}"
	rmdir "$DISK_ROOT" /etc/netns 2>/dev/null || true
	say "lab $NAME is removed"
}
