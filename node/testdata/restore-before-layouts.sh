#!/bin/sh
# kplb: takes an unconfirmed change back; see /var/lib/kplb/pending
set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
trap '' HUP PIPE
# What the node-side programs share: the state of a node's managed files,
# saved to a directory and put back from it.

base=/var/lib/kplb
# one line for each managed path: file or absent, path
index=index

# Waits for another program of ours on this node to end its step.
one_at_a_time() {
	exec 9>/run/kplb.lock
	flock -w "$1" 9
}

same_file() {
	[ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c '%a %u:%g' "$1")" = "$(stat -c '%a %u:%g' "$2")" ] && cmp -s "$1" "$2"
}

# save_state DIR PATHS: contents, modes, owners and absences, what the units
# do, and the sysctl.
save_state() {
	there=
	mkdir -p "$1/files" && for path in $2; do
		if [ -e "$path" ]; then
			there="$there .$path"
			echo "file $path" || return 1
		else
			echo "absent $path" || return 1
		fi
	done >"$1/$index" || return 1
	# shellcheck disable=SC2086 # paths without spaces; links are followed
	[ -z "$there" ] || tar -C / -chf - --numeric-owner -- $there | tar -C "$1/files" -xpf - || return 1
	for path in $there; do [ -f "$1/files${path#.}" ] || return 1; done
	[ ! -e /proc/sys/net/ipv6/ip_nonlocal_bind ] || cat /proc/sys/net/ipv6/ip_nonlocal_bind >"$1/nonlocal_bind6" || return 1
	for key in $settings; do
		[ -e "/proc/sys/$key" ] || continue
		value=$(cat "/proc/sys/$key") && echo "$key $value" || return 1
	done >"$1/settings" || return 1
	unit_states >"$1/units" && cat /proc/sys/net/ipv4/ip_nonlocal_bind >"$1/nonlocal_bind" && find "$1" -exec sync {} +
}

# again COMMAND...: tries a command that fails three times, for 3 s. 5 is systemctl's
# answer for a unit that is not there, which no other try changes.
again() {
	for delay in 1 2 ''; do
		"$@" && return
		status=$?
		[ $status != 5 ] && [ -n "$delay" ] || return $status
		sleep "$delay"
	done
}

# set_boot enable|disable UNIT...: whether units start at boot. systemd does not
# read all its units again for that, and their System V links are left alone:
# nobody reads those of a unit that systemd has (4.5 s less for two units).
set_boot() {
	SYSTEMCTL_SKIP_SYSV=1 systemctl --quiet --no-reload "$@"
}

# unit_states: a line for each unit that kplb starts: its name, its state, whether it starts at
# boot.
unit_states() {
	states=$(systemctl show --property=Id,ActiveState,UnitFileState keepalived.service haproxy.service kplb-redirect.service kplb-ipvs.service) || return 1
	while IFS='=' read -r key value; do
		case $key in
		Id) unit=${value%.service} ;;
		ActiveState) active=$value ;;
		UnitFileState) echo "$unit $active $value" || return 1 ;;
		esac
	done <<-STATES
		$states
	STATES
}

# What ipvs needs of the kernel, beside its module.
settings='net/ipv4/ip_forward net/ipv4/vs/conntrack net/ipv4/vs/expire_nodest_conn'

# setting DIR KEY: what it was when save_state wrote DIR.
setting() {
	case $2 in
	net/ipv4/ip_nonlocal_bind) cat "$1/nonlocal_bind" ;;
	*) sed -n "s,^$2 ,,p" "$1/settings" ;;
	esac 2>/dev/null
}

# give_back DIR KEYS: to the kernel, what DIR has of them. Fails where one cannot be
# written.
give_back() {
	given=0
	for key in $2; do
		value=$(setting "$1" "$key")
		[ -z "$value" ] || [ "$value" = "$(cat "/proc/sys/$key" 2>/dev/null)" ] || echo "$value" >"/proc/sys/$key" || given=1
	done
	return $given
}

# load_modules: those of kplb's file, without which the kernel does not know
# their settings. What is built in is there already.
load_modules() {
	[ -e /etc/modules-load.d/kplb.conf ] || return 0
	while read -r module; do
		case $module in '' | '#'*) ;; *) modprobe -q "$module" 2>/dev/null ;; esac
	done </etc/modules-load.d/kplb.conf
	[ -e /proc/net/ip_vs ]
}

links_of() {
	echo "/etc/systemd/system/multi-user.target.wants/$1.service /etc/systemd/system/nftables.service.wants/$1.service"
}

# table_away UNIT: the table that it has loaded goes. kplb-redirect's and
# kplb-ipvs's have the same name, and the other one stays. The unit's file, which
# would say so, may be gone already. Fails where the unit does not stop.
table_away() {
	stopped=0
	again systemctl stop "$1.service" 2>/dev/null || [ $? = 5 ] || stopped=1
	systemctl reset-failed "$1.service" 2>/dev/null # one that did not start stays failed, even without a file
	other=kplb-ipvs
	[ "$1" != $other ] || other=kplb-redirect
	if [ "$(systemctl is-active $other.service 2>/dev/null)" != active ]; then
		nft delete table ip kplb 2>/dev/null
		nft delete table ip6 kplb6 2>/dev/null
	fi
	[ -e "/etc/systemd/system/$1.service" ] || {
		# shellcheck disable=SC2046 # paths without spaces
		remove $(links_of "$1")
		rmdir /etc/systemd/system/nftables.service.wants 2>/dev/null
	}
	return $stopped
}

# redirect_stale: of the tables those go that the file has no more.
redirect_stale() {
	for table in 'ip kplb' 'ip6 kplb6'; do
		grep -q "^table $table " /etc/haproxy/kplb-redirect.nft || nft delete table $table 2>/dev/null
	done
	true
}

metrics_timer=/etc/systemd/system/kplb-metrics.timer

# read_units [--no-block]: has systemd read its units again. kplb-metrics.timer
# runs where its file is, and nowhere else; what it has had written goes with it.
# It is stopped first: systemd takes a timer whose file is gone for one that failed.
read_units() {
	if [ ! -e $metrics_timer ]; then
		systemctl stop kplb-metrics.timer kplb-metrics.service 2>/dev/null
		textfile=
		[ ! -e $base/textfile ] || IFS= read -r textfile <$base/textfile
		case $textfile in /*/kplb.prom) rm -f "$textfile" ;; esac
		rm -f $base/textfile
	fi
	systemctl daemon-reload || return 1
	[ ! -e $metrics_timer ] || systemctl "$@" restart kplb-metrics.timer
}

# temporary PATH: where a file is written before it is renamed to PATH. Kubelet
# runs every file of its directory, so for that one it is outside.
temporary() {
	case $1 in
	/etc/kubernetes/manifests/*) echo "/etc/kubernetes/.kplb-${1##*/}" ;;
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

# remove PATH...: one failure is not the end of it.
remove() {
	rm -rf "$@" || rm -rf "$@"
}

# is_intact: what restores the state before the change is as it was armed. Half of
# it would restore another state.
is_intact() {
	[ -s $base/pending/txn ] && [ -s $base/pending/paths ] && [ -s $base/pending/old/units ] && [ -s $base/pending/old/nonlocal_bind ] && [ -s $base/pending/old/$index ] || return 1
	while read -r kind path; do
		[ "$kind" = absent ] || [ -f "$base/pending/old/files$path" ] || return 1
	done <$base/pending/old/$index
}

boot_unit=/etc/systemd/system/kplb-restore-boot.service
boot_link=/etc/systemd/system/multi-user.target.wants/kplb-restore-boot.service

# Ends a change, confirmed or taken back: no timer and no unit is left. It can
# be killed and run again: what is left then goes at the next boot, because the
# unit of that goes last.
disarm() {
	remove $base/pending.done
	if [ -d $base/pending ]; then mv -T $base/pending $base/pending.done && sync $base || return 1; fi
	remove $base/pending.done $base/stage
	# waited for: a timer that is still to be stopped when systemd reads its units again stays for ever, as one that has failed
	again systemctl stop kplb-restore.timer 2>/dev/null
	remove /run/systemd/system/kplb-restore.timer /run/systemd/system/kplb-restore.service $base/restore $boot_link $boot_unit
	# systemd forgets by itself what has stopped, but for what its targets want
	[ "$(systemctl show --value --property=LoadState kplb-restore-boot.service)" = not-found ] || again systemctl daemon-reload
}
# ufw, for activate.sh and for the way back.

# ufw_running: not only enabled. One that was stopped takes rules into its
# files, and then fails; and its reload would start it.
ufw_running() {
	iptables -n -L ufw-user-input >/dev/null 2>&1
}

# ufw_kept DIRECTION PROTOCOL FROM TO PORT: sets kept to ours, same (a person's
# that lets through, too), the action of another that ufw would put ours in the
# place of, or nothing.
ufw_kept() {
	kept=
	what="$2 any" kept_to=$4 kept_from=$3 everywhere=0.0.0.0/0 kept_rules=/etc/ufw/user.rules
	case $3$4 in *:*) everywhere=::/0 kept_rules=/etc/ufw/user6.rules ;; esac
	[ "$2" != tcp ] || what="tcp $5"
	[ "$kept_to" != any ] || kept_to=$everywhere
	[ "$kept_from" != any ] || kept_from=$everywhere
	what="$what $kept_to any $kept_from $1"
	while read -r _ tuple _ action rest; do
		[ "$tuple" = tuple ] || continue
		case "$action,$rest" in
		*:*,*) ;; # what is forwarded
		"allow,$what comment=6b706c62") kept=ours ;;
		allow*,"$what" | allow*,"$what comment="*) kept=same ;;
		*,"$what" | *,"$what comment="*) kept=$action ;;
		esac
	done <$kept_rules
}

# ufw_line VERB DIRECTION PROTOCOL FROM TO PORT: a person's rule is never taken
# over, and never deleted, not even one that was made since the plan was. Sets
# said where it fails.
ufw_line() {
	case $1,$2,$3 in
	allow,in,vrrp | allow,out,vrrp | allow,in,tcp | allow,out,tcp | delete,in,vrrp | delete,out,vrrp | delete,in,tcp | delete,out,tcp) ;;
	*) said="ufw cannot be told to $1 $2 $3" && return 1 ;;
	esac
	case $4,$5,$6 in *[!0-9a-f.:ny,]* | ,* | *,,* | *,) said="ufw cannot be told of $4, $5 and $6" && return 1 ;; esac
	ufw_kept "$2" "$3" "$4" "$5" "$6"
	case $1,$kept in
	allow, | delete,ours) ;;
	delete,* | allow,ours | allow,same) return 0 ;;
	*) said="ufw has another rule for it: $kept $2 $3 from $4 to $5, which stays" && return 1 ;;
	esac
	ufw_do "$@" && return 0
	case $said in
	*"Unsupported protocol"*) said="ufw is older than 0.36.2 and does not know VRRP; by hand: ufw allow $2 from $4 to $5" ;;
	*) said="ufw: $1 $2 $3 from $4 to $5: $said" ;;
	esac
	return 1
}

ufw_do() {
	verb=$1 port=$6
	set -- allow "$2" proto "$3" from "$4" to "$5"
	[ "$4" != tcp ] || set -- "$@" port "$port"
	if [ "$verb" = delete ]; then
		set -- delete "$@"
	else
		set -- "$@" comment kplb
	fi
	said=$(ufw "$@" 2>&1 </dev/null)
}

# ufw_lines LINES: one for each rule, as ufw_line takes it.
ufw_lines() {
	[ -n "$1" ] || return 0
	ufw_running || refuse "ufw is enabled in /etc/ufw/ufw.conf, but does not run: ufw reload starts it, ufw disable is for good"
	while read -r verb direction protocol from to port; do
		[ -n "$verb" ] || continue
		ufw_line "$verb" "$direction" "$protocol" "$from" "$to" "$port" || refuse "$said"
	done <<-LINES
		$1
	LINES
}

# ufw_back OLD: takes back what a change did to our rules, one by one, before
# OLD's file is put in place. ufw reload lets everything in while it works, and
# VRRP waits for longer than its adverts may be late: it is for what differs
# even then.
ufw_back() {
	for rules in /etc/ufw/user.rules /etc/ufw/user6.rules; do
		[ -f "$1/files$rules" ] && ! cmp -s "$1/files$rules" $rules && ufw_running || continue
		ufw_ours delete $rules "$1/files$rules"
		ufw_ours allow "$1/files$rules" $rules
	done
}

# lines_without OTHER FILE: those of FILE that OTHER does not have. Busybox's grep
# takes an empty file of patterns for one that matches everything.
lines_without() {
	if [ -s "$1" ]; then grep -vxF -f "$1" "$2"; else cat "$2"; fi
}

# ufw_ours VERB FILE OTHER: for each rule of ours in FILE that OTHER lacks.
ufw_ours() {
	while read -r _ tuple _ action protocol port to _ from direction mark; do
		[ "$tuple $action $mark" = "tuple allow comment=6b706c62" ] || continue
		case $to in 0.0.0.0/0 | ::/0) to=any ;; esac
		case $from in 0.0.0.0/0 | ::/0) from=any ;; esac
		[ "$port" != any ] || port=0
		ufw_line "$1" "$direction" "$protocol" "$from" "$to" "$port"
	done <<-RULES
		$(lines_without "$3" "$2")
	RULES
}
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
# Replaces the manifest of the apiserver's static pod, for manifest.sh and
# restore.sh.

manifest=/etc/kubernetes/manifests/kube-apiserver.yaml
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
# Takes an unconfirmed change back: restore REASON, one word or a few. Called
# by the timer, at boot, or for an operator. It can be killed and run again.

reason=$1
one_at_a_time 60 || exit 1
[ -d $base/pending ] || { # it was staged and never begun, or a program was killed just after it was confirmed
	sweep "$(cat $base/stage/paths 2>/dev/null)"
	disarm
	rmdir $base 2>/dev/null
	exit 0
}
is_intact || {
	echo "the way back, $base/pending, is damaged: nothing is taken back ($reason)"
	sweep "$(cat $base/stage/paths 2>/dev/null)"
	disarm
	exit
}
old=$base/pending/old
changed=$base/pending/changed

# Services that boot has yet to start are not waited for: they wait for us.
block=
[ "$reason" = boot ] && block=--no-block

put_files_back() {
	while read -r path; do
		[ "$path" = $manifest ] || put_back $old "$path" 3>>$changed || return 1
	done <$base/pending/paths
}

# manifest_back: also of an apiserver whose restart is not over yet.
manifest_back() {
	was=$old/files$manifest port=
	same_file $manifest "$was" && return
	[ "$reason" = boot ] || port=$(cat $base/pending/quick 2>/dev/null)
	echo $manifest >>$changed
	replace_manifest "$was" "$(stat -c %a "$was")" "$(stat -c %u:%g "$was")" "$port" || return 1
	if [ -n "$port" ] && read -r pid born pod 2>/dev/null <$base/pending/stopping && lives && has_closed; then end_apiserver; fi
	true
}

# bind_back FILE FAMILY: whether the kernel binds addresses that it does not have.
bind_back() {
	cmp -s $old/$1 /proc/sys/net/$2/ip_nonlocal_bind || cat $old/$1 >/proc/sys/net/$2/ip_nonlocal_bind
}

touched() { grep -q "$1" $changed 2>/dev/null; }

# keepalived is not restarted for a drop-in that changes, in a rollout or back:
# that would move the VIP. Where there was none, systemd must not go on waiting
# for what kplb-check says to it.
takes_as_it_runs() {
	[ "$1" = keepalived ] && [ -e "$old/files/etc/systemd/system/keepalived.service.d/50-kplb.conf" ]
}

# tell ACTION: systemd, what becomes of the unit. haproxy may have to wait for the
# apiserver to leave its port: it is told again when the manifest is back.
later=
tell() {
	if [ "$unit" = haproxy ] && [ -e $base/pending/manifest ]; then
		systemctl "$1" $block haproxy.service || later=$1
	else
		again systemctl "$1" $block "$unit.service"
	fi
}

unit_back() {
	unit=$1 active=$2 enabled=$3 late=
	case "$unit $active" in
	"kplb-redirect inactive" | "kplb-ipvs inactive") return ;; # see tables_away
	esac
	case $enabled in
	enabled) [ "$(systemctl is-enabled $unit.service 2>/dev/null)" = enabled ] || { again set_boot enable $unit.service && late=1; } ;;
	disabled) [ "$(systemctl is-enabled $unit.service 2>/dev/null)" = disabled ] || again set_boot disable $unit.service ;;
	esac
	if [ "$active" != active ]; then
		tell stop
		[ "$active" != inactive ] || systemctl reset-failed $unit.service 2>/dev/null # one that did not start with its new file
	elif [ "$reason" = boot ]; then # those that were enabled when it began start by themselves
		[ -z "$late" ] || tell start
	elif [ "$(systemctl is-active $unit.service)" = inactive ]; then
		tell start
	elif touched "/$unit.service.d/" && ! takes_as_it_runs $unit; then
		tell restart
	elif touched "^/etc/$unit/"; then
		tell reload-or-restart
	fi
	if touched "^/etc/[a-z]*/$unit.nft"; then tell reload-or-restart; fi
	if [ "$unit" = kplb-redirect ]; then redirect_stale; fi
}

# tables_away: those that were not there before. The one that was may have the
# same name, and comes after.
tables_away() {
	while read -r unit active _; do
		case "$unit $active" in "kplb-redirect inactive" | "kplb-ipvs inactive") table_away "$unit" </dev/null ;; esac
	done <$old/units
}

# The units in the order in which they go back: keepalived first, which has the
# VIP; but who balanced before comes before it where it is another one than now.
in_order() {
	order='keepalived haproxy kplb-redirect kplb-ipvs'
	if touched '^/etc/keepalived/kplb-ipvs' && grep -q '^keepalived active' $old/units; then
		order='haproxy kplb-redirect keepalived kplb-ipvs'
		! grep -q '^kplb-ipvs active' $old/units || order='kplb-ipvs keepalived haproxy kplb-redirect'
	fi
	for unit in $order; do grep "^$unit " $old/units; done
}

# Where every bind line of haproxy.cfg says: haproxy.service's own processes, and no
# other haproxy.
haproxy_listens() {
	main=$(systemctl show --value --property=MainPID haproxy.service)
	own=
	for pid in "$main" $(pgrep -P "$main"); do own="$own -e pid=$pid,"; done
	sed -n 's/^ *bind \([][0-9a-f.:]*:[0-9]*\).*/\1/p' /etc/haproxy/haproxy.cfg | while read -r at; do
		# shellcheck disable=SC2086 # patterns
		ss -Hltnp "src $at" | grep -q -F $own || exit 1
	done
}

# Tries as long as an apiserver takes to leave the port that haproxy had before.
haproxy_again() {
	tries=0
	until haproxy_listens || [ $tries -ge 60 ]; do
		tries=$((tries + 1))
		sleep 2
		if [ "$(systemctl is-active haproxy.service)" = active ]; then
			systemctl reload haproxy.service
		else
			systemctl reset-failed haproxy.service
			systemctl start haproxy.service
		fi
	done
}

touch $changed
ufw_back $old
put_files_back || exit 1
if touched ^/etc/systemd/; then again read_units $block; fi
if touched ^/etc/ufw/ && ufw_running; then ufw reload >/dev/null; fi
again bind_back nonlocal_bind ipv4
load_modules
if touched ^/etc/sysctl.d/90-kplb; then again give_back $old "$settings"; fi
[ ! -e $old/nonlocal_bind6 ] || again bind_back nonlocal_bind6 ipv6
tables_away
in_order >$base/pending/order
while read -r unit active enabled; do
	unit_back "$unit" "$active" "${enabled:-unknown}" </dev/null
	if [ "$unit $active" = "keepalived inactive" ]; then
		while read -r address _ interface; do
			ip address del "$address" dev "$interface" 2>/dev/null
		done <$base/pending/vip
	fi
done <$base/pending/order
if touched '^/etc/kubernetes/kubelet\.conf$' && [ "$reason" != boot ]; then again systemctl restart kubelet.service; fi
# last: an apiserver that listens everywhere again needs haproxy gone first. Only
# if the change came so far: somebody may have edited the manifest meanwhile
[ ! -e $base/pending/manifest ] || manifest_back || exit 1
[ -z "$later" ] || again systemctl "$later" $block haproxy.service
# and one that listened on the node's address alone, or shared its port, has to be back before haproxy has its port
if touched "^$manifest" && [ "$reason" != boot ] && grep -q '^haproxy active' $old/units; then haproxy_again; fi

printf '%s\n' "reason=$reason" "time=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "about=$(cat $base/pending/about)" "txn=$(cat $base/pending/txn)" >$base/restored.new &&
	mv -f $base/restored.new $base/restored
# half confirmed is not confirmed; and where nothing was ever confirmed, what was
# there before kplb is what is there now
grep -lsxF "txn=$(cat $base/pending/txn)" $base/generations/*/about | while read -r about; do rm -rf "${about%/*}"; done
newest=$(cd $base/generations 2>/dev/null && printf '%s\n' [1-9]* | sort -n | tail -n 1)
case $newest in
*[!0-9]* | '') remove $base/generations $base/current $base/restarted ;;
*) [ "$newest" = "$(cat $base/current)" ] || { echo "$newest" >$base/current.new && mv -f $base/current.new $base/current; } ;;
esac
sweep "$(cut -d ' ' -f 2- $old/$index)" || exit 1 # a directory can be read-only for a while
printf '%s\n' "an unconfirmed change was taken back ($reason): $(cat $base/pending/about)"
disarm
