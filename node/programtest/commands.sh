# Comes before each program. Commands that change a node are counted, see step.sh.
# They are functions: a busybox that prefers its own applets to what is in PATH
# calls them, too.

# shellcheck disable=SC1091
. /harness/step.sh
mv() { harness_step mv "$@" && command mv "$@"; }
ln() { harness_step ln "$@" && command ln "$@"; }
rm() { harness_step rm "$@" && command rm "$@"; }
rmdir() { harness_step rmdir "$@" && command rmdir "$@"; }
mkdir() { harness_step mkdir "$@" && command mkdir "$@"; }
install() { harness_step install "$@" && command install "$@"; }
cp() { harness_step cp "$@" && command cp "$@"; }
tar() { harness_step tar "$@" && command tar "$@"; }
chmod() { harness_step chmod "$@" && command chmod "$@"; }
touch() { harness_step touch "$@" && command touch "$@"; }
sync() { harness_step sync "$@" && command sync "$@"; }
find() { harness_step find "$@" && command find "$@"; }
cat() { harness_step cat "$@" && command cat "$@"; }
sha256sum() { harness_step sha256sum "$@" && command sha256sum "$@"; }

# the way back, where a program calls it: it has its commands counted, too
sh() {
	case $1 in
	/*) command sh /harness/run "$@" ;;
	*) command sh "$@" ;;
	esac
}

# stand-ins whose names busybox has applets of
ip() { /usr/local/sbin/ip "$@"; }
modprobe() { /usr/local/sbin/modprobe "$@"; }
sysctl() { /usr/local/sbin/sysctl "$@"; }

# Time passes when somebody sleeps. What a test wants to happen meanwhile does.
sleep() {
	IFS='. ' read -r harness_s harness_h _ </proc/uptime
	case $1 in
	*.*)
		harness_part=${1#*.}0
		harness_part=${harness_part%"${harness_part#??}"}
		;;
	*) harness_part=00 ;;
	esac
	harness_h=$((harness_s * 100 + ${harness_h#0} + ${1%.*} * 100 + ${harness_part#0}))
	harness_s=$((harness_h % 100))
	[ $harness_s -ge 10 ] || harness_s=0$harness_s
	echo "$((harness_h / 100)).$harness_s 0.00" >/proc/uptime
	if [ -e /node/meanwhile ]; then
		command mv /node/meanwhile /node/.meanwhile
		command sh /node/.meanwhile
		command rm -f /node/.meanwhile
	fi
}
date() {
	case "$*" in
	*%s*) echo "179$(command cut -d ' ' -f 1 /proc/uptime)" ;;
	*) echo 2026-11-20T20:00:00Z ;;
	esac
}
# who waits for a lock gives up sooner where a test says so: /harness/patience
flock() {
	if [ "$1" = -w ] && [ -e /harness/patience ]; then
		read -r harness_patience </harness/patience
		shift 2
		set -- -w "$harness_patience" "$@"
	fi
	command flock "$@"
}
