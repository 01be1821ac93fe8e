# Processes and time, for await.sh, manifest.sh and restore.sh.

# clock: sets now to the time since the machine booted, in hundredths of a second.
clock() {
	IFS='. ' read -r seconds hundredths _ </proc/uptime
	now=$((seconds * 100 + ${hundredths#0}))
}

# within HUNDREDTHS COMMAND...: tries a command again and again until it succeeds.
within() {
	clock
	end=$((now + $1))
	shift
	until "$@"; do
		clock
		[ "$now" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# started_at PID: when a process was started, in ticks since the boot. With the
# pid that names it for good: proc_pid_stat(5), field 22.
started_at() {
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# shellcheck disable=SC2086 # fields
	set -- ${stat##*) }
	# a process that nobody has waited for is gone, too
	[ "$1" != Z ] && echo "${20}"
}
