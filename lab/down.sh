# shellcheck shell=bash
# "lab/lab down": removes everything of one lab, also of a half-made one, and
# nothing else. Doing it again does no harm.

lab_down() {
	stop_making
	lock_lab 60
	if [ ! -e "$STATE" ] && [ ! -e "$DISK" ]; then
		say "lab $NAME is not there: nothing to remove"
	else
		remove_lab
	fi
	rm -f "$LOCK"
}

# An "up" that is at work, perhaps without the shell that began it, ends first.
stop_making() {
	local making start
	read -r making start 2>/dev/null <"$STATE_ROOT/.$NAME.lock" || return 0
	[ "$(process_start "$making")" = "$start" ] || return 0
	say "stopping the \"up\" that is making lab $NAME"
	# shellcheck disable=SC2046 # a list
	kill -TERM $(descendants "$making") 2>/dev/null || true
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
