# What stage.sh and transact.sh share.

stage=$base/stage

refuse() {
	record refused "$1"
	exit 1
}

# Takes the turn, for whoever holds the lock.
begin() {
	one_at_a_time 20 || refuse "another step of kplb does not end on this node"
	[ "$(cat /run/kplb.token 2>/dev/null)" = "$KPLB_TOKEN" ] || refuse "the lock belongs to another operator now: $(cat /run/kplb.owner 2>/dev/null)"
}

# each_file COMMAND: for every line of KPLB_FILES, in its variables.
each_file() {
	while read -r name mode owner before after path; do
		[ -n "$name" ] || continue
		"$1" || return 1
	done <$stage/files
}

list_present() {
	if [ -f "$path" ]; then listed="$listed $path"; fi
}

# seen PATHS: a line for each that is there, which changes with every change of it.
seen() {
	# shellcheck disable=SC2086 # paths without spaces
	stat -c '%n %i %f %u:%g %s %z' -- $1 2>/dev/null
}
