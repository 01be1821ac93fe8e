# Replaces the manifest of the apiserver's static pod, for manifest.sh and
# restore.sh.

manifest=$apiserver_config
# what an apiserver that has closed its port gets for its last answers, in
# hundredths of a second
grace=250

# pod_group PID: the directory of the control group of the pod in which kubelet
# runs a process. Fails for every other process.
pod_group() {
	while IFS=: read -r _ controllers group; do
		case $group in */kubepods*/*) ;; *) continue ;; esac
		for root in "/sys/fs/cgroup/${controllers#name=}" /sys/fs/cgroup /sys/fs/cgroup/unified; do
			[ -d "$root$group" ] && echo "$root${group%/*}" && return
		done
	done <"/proc/$1/cgroup" 2>/dev/null
	return 1
}

# find_apiserver PORT: sets pid, born and pod of the process in a pod of kubelet's
# that listens on the port. It is known by its socket, not by its name.
find_apiserver() {
	pid='' born='' pod=''
	for candidate in $(ss -Hltnp "sport = :$1" | grep -o 'pid=[0-9]*' | sort -u); do
		candidate=${candidate#pid=}
		group=$(pod_group "$candidate") || continue
		[ -z "$pid" ] || return 1
		pid=$candidate pod=$group
	done
	[ -n "$pid" ] && born=$(started_at "$pid")
}

lives() { [ "$(started_at "$pid")" = "$born" ]; }
is_gone() { ! lives; }
has_closed() { ! lives || ! ss -Hltnp "sport = :$port" | grep -q "pid=$pid,"; }
is_cleared() { [ ! -d "$pod" ]; }

# interim FILE: a manifest of the same pod that kubelet takes for another one.
interim() {
	sed '/^metadata:$/a\
  generation: 1 # kplb: of an apiserver that is restarting; it goes by itself' "$1"
}

# end_apiserver: the process that find_apiserver has found, which kubelet has told
# to stop: what serves nobody any more is ended when its grace is over, and not
# after the 30 s that kubelet would give it.
end_apiserver() {
	within 1000 has_closed || return 1
	within $grace is_gone || ! lives || kill -KILL "$pid"
	within 500 is_gone && within 500 is_cleared
}

# has_begun: there is a pod in $pods that is none of $others.
has_begun() {
	for other in "$pods"/*pod*; do
		case $others in *" $other "*) ;; *) return 0 ;; esac
	done
	return 1
}

# begin_apiserver FILE MODE OWNER: has kubelet start the pod of the manifest that is in
# place, which it has refused to start because it had not quite finished with the old
# one: a manifest that comes again is tried again at once. One that cannot be renamed
# back is written anew from the file.
begin_apiserver() {
	within 100 has_begun && return
	aside=$(temporary $manifest)
	mv -T $manifest "$aside" || return 1
	mv -T "$aside" $manifest || place "$1" $manifest "$2" "$3" || return 1
	sync ${manifest%/*}
}

# replace_manifest FILE MODE OWNER PORT: in one step. Kubelet restarts the
# apiserver: it stops the old pod, and starts the new one 10 to 15 s after it
# was first refused because of the old one (backOffPeriod in kubelet.go). So with
# a port, the file comes in two steps: the first one has kubelet stop the old pod,
# and the second one comes when that is gone, and is not refused. placed is then
# the time of the second one, in hundredths of a second since the boot: an apiserver
# that was started before is not the one of the new manifest.
replace_manifest() {
	port=$4 placed=
	if [ -n "$port" ] && find_apiserver "$port" && interim "$1" >$base/pending/interim && ! cmp -s "$1" $base/pending/interim; then
		echo "$pid $born $pod" >$base/pending/stopping
		place $base/pending/interim $manifest "$2" "$3" && end_apiserver || pid=
		[ -z "$pid" ] || sleep 0.3 # what kubelet still has to do
		ended=$pid pods=${pod%/*} # find_apiserver sets the others anew
		others=" $(echo "$pods"/*pod*) "
		# a kubelet that was itself restarted meanwhile has started the pod of the first file
		find_apiserver "$port" && [ "$pid" != "$ended" ] && unwanted=1 || unwanted=
		clock
		placed=$now
		place "$1" $manifest "$2" "$3" || return 1
		if [ -n "$unwanted" ]; then
			end_apiserver || :
		elif [ -n "$ended" ]; then
			begin_apiserver "$1" "$2" "$3"
		fi
	else
		place "$1" $manifest "$2" "$3"
	fi
}
