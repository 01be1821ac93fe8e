# What stage.sh and transact.sh share.

stage=$base/stage

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
