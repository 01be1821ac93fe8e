# harness_step COMMAND...: counts a command, before it is carried out. The one that a
# test has chosen is not: the process group of the program is killed, or it fails.

harness_step() {
	printf x >>/harness/count
	harness_count='' harness_at='' harness_how=''
	read -r harness_count </harness/count
	echo "${#harness_count} $*" >>/harness/steps
	read -r harness_at harness_how </harness/strike || return 0
	case $harness_how in
	kill) [ ${#harness_count} -lt "$harness_at" ] || kill -KILL 0 ;;
	fail) [ ${#harness_count} != "$harness_at" ] || { echo "$1: Input/output error" >&2 && return 1; } ;;
	esac
}
