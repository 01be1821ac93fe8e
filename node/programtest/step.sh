# harness_step COMMAND...: counts a command, before it is carried out. The one that a
# test has chosen is not: the process group of the program is killed, or it fails. Or
# the state of the node is written down before each.

harness_step() {
	printf x >>/harness/count
	harness_count='' harness_at='' harness_how=''
	read -r harness_count </harness/count
	echo "${#harness_count} $*" >>/harness/steps
	read -r harness_at harness_how </harness/strike || return 0
	case $harness_how in
	record)
		command mkdir -p /harness/states/${#harness_count}/var /harness/states/${#harness_count}/proc
		command cp -a /etc /run /node /harness/states/${#harness_count}/
		command cp -a /var/lib /harness/states/${#harness_count}/var/
		command cp -a /proc/sys /proc/net /proc/uptime /harness/states/${#harness_count}/proc/
		;;
	kill) [ ${#harness_count} -lt "$harness_at" ] || kill -KILL 0 ;;
	fail) [ ${#harness_count} != "$harness_at" ] || { echo "$1: Input/output error" >&2 && return 1; } ;;
	esac
}
