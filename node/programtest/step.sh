# harness_step COMMAND...: counts a command, before it is carried out. The one that a
# test has chosen is not: the process group of the program is killed, or it fails. Or
# the state of the node is written down before each. The commands of a pipeline run at
# once, and each has a number of its own: they count one after the other.

harness_step() (
	exec 7>>/harness/counting && command flock 7
	printf x >>/harness/count
	read -r count </harness/count
	echo "${#count} $*" >>/harness/steps
	read -r at how </harness/strike || exit 0
	case $how in
	record)
		command mkdir -p /harness/states/${#count}/var /harness/states/${#count}/proc
		command cp -a /etc /run /node /harness/states/${#count}/
		command cp -a /var/lib /harness/states/${#count}/var/
		command cp -a /proc/sys /proc/net /proc/uptime /harness/states/${#count}/proc/
		;;
	kill) [ ${#count} -lt "$at" ] || kill -KILL 0 ;;
	fail) [ ${#count} != "$at" ] || { echo "$1: Input/output error" >&2 && exit 1; } ;;
	esac
)
