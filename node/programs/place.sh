# How files get to their places, and what a killed program has left there goes.

# temporary PATH: where a file is written before it is renamed to PATH. Every file
# in the directory of the apiserver's configuration is used (the kubelet runs each as a
# static pod), so for that one it is outside.
temporary() {
	case $1 in
	"${apiserver_config%/*}"/*)
		outside=${apiserver_config%/*}
		echo "${outside%/*}/.kplb-${1##*/}"
		;;
	*) echo "${1%/*}/.kplb-${1##*/}" ;;
	esac
}

# existing_parent PATH: sets dir to where it is, or will be made: its directory, or the first
# above that is there.
existing_parent() {
	dir=${1%/*}
	while [ -n "$dir" ] && [ ! -d "$dir" ]; do dir=${dir%/*}; done
}

# place FILE PATH MODE OWNER: one step from the old file to the new one.
place() {
	to=$(temporary "$2")
	[ -d "${2%/*}" ] || (umask 022 && mkdir -p "${2%/*}") || return 1
	install -m "$3" -o "${4%:*}" -g "${4#*:}" "$1" "$to" && sync "$to" && mv -fT "$to" "$2" && sync "${2%/*}" || {
		rm -f "$to"
		return 1
	}
}

# put_back DIR PATH: what save_state saw there. Says on descriptor 3 if it is
# different, before it is not any more: whoever is killed in between and comes
# again finds no difference.
put_back() {
	if [ -e "$1/files$2" ]; then
		same_file "$2" "$1/files$2" && return 0
		echo "$2" >&3 && place "$1/files$2" "$2" "$(stat -c %a "$1/files$2")" "$(stat -c %u:%g "$1/files$2")"
	elif [ -e "$2" ] || [ -L "$2" ]; then
		echo "$2" >&3 && rm -f "$2"
	fi
}

# sweep PATHS: what a program of ours has left that was killed, or that was
# staged and never begun. Only for who has the turn (one_at_a_time). What says
# that there is something to sweep goes last.
sweep() {
	set -- "$1" $base/pending.done $base/generations/.next $base/generations/.0 $base/*.new
	for path in $1; do
		existing_parent "$path"
		set -- "$@" "$(temporary "$path")" "$dir"/.kplb-probe.*
	done
	[ -d $base/pending ] || set -- "$@" $base/stage
	shift
	remove "$@"
}
