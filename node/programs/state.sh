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
