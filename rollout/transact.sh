# Puts new files on a node: checks everything first, keeps what was there, arms
# the way back, and only then changes the first file.
#   KPLB_FILES   a line per file: name, mode, owner, sha256 before, sha256 after, path ("absent" for no file)
#   KPLB_PATHS   every path whose state belongs to a generation
#   KPLB_TXN     names this change
#   KPLB_TOKEN   of the lock that its operator holds
#   KPLB_ABOUT   whose change it is, in one line
#   KPLB_WINDOW  seconds until the node takes it back, unless it is renewed or confirmed
#   KPLB_VIP     the address, its interface: for the way back
#   KPLB_CHECK   1: stop before anything is changed
# The data "restore" is the program that takes a change back.

stage=

refuse() {
	record refused "$1"
	exit 1
}

checksum() {
	if [ -L "$1" ] || { [ -e "$1" ] && [ ! -f "$1" ]; }; then
		echo irregular
	elif [ -e "$1" ]; then
		sha256sum <"$1" | cut -c 1-64
	else
		echo absent
	fi
}

each_file() {
	while read -r name mode owner before after path; do
		[ -n "$name" ] || continue
		"$1" || return 1
	done <<-LIST
		$KPLB_FILES
	LIST
}

unchanged() {
	[ "$(checksum "$path")" = "$before" ] || refuse "$path has changed since the plan was made"
}

writable() {
	dir=${path%/*}
	while [ ! -d "$dir" ]; do dir=${dir%/*}; done
	probe=$(mktemp -p "${dir:-/}" .kplb-probe.XXXXXX 2>&1) || refuse "$path cannot be written: ${probe#mktemp: }"
	rm -f "$probe"
	case $(lsattr -d "$path" 2>/dev/null) in
	[!\ ]*i*\ *) [ -e "$path" ] && refuse "$path is immutable: chattr -i $path" ;;
	esac
	return 0
}

write_staged() {
	[ "$after" = absent ] && return 0
	kplb_file "$name" >"$stage/$name" 2>/dev/null || refuse "no room for $path in $base"
	[ -s "$stage/$name" ] || refuse "$path would be empty, or there is no room for it in $base"
	[ "$(checksum "$stage/$name")" = "$after" ] || refuse "no room for $path in $base, or it was written badly"
}

# The daemons read the staged files; the check that keepalived.conf names is a
# stand-in, because the real one may not be there yet.
validate() {
	[ "$after" = absent ] && return 0
	case $path in
	/etc/haproxy/haproxy.cfg)
		said=$(haproxy -dW -c -f "$stage/$name" 2>&1) || refuse "haproxy does not take its file: $said"
		;;
	/etc/keepalived/keepalived.conf)
		sed "s,/etc/keepalived/kplb-check,$stage/check," "$stage/$name" >"$stage/keepalived.conf"
		printf '#!/bin/sh\n' >"$stage/check"
		chmod 755 "$stage/check"
		said=$(keepalived -t -f "$stage/keepalived.conf" 2>&1) && [ -z "$said" ] ||
			refuse "keepalived does not take its file: $said"
		;;
	esac
}

# The way back, twice: a timer, and a unit that runs before the daemons at the
# next boot. The rename is what arms it.
arm() {
	kplb_file restore >$base/restore && chmod 700 $base/restore || return 1
	rm -rf $base/pending.new
	mkdir $base/pending.new && save_state $base/pending.new/old "$KPLB_PATHS" || return 1
	echo "$KPLB_TXN" >$base/pending.new/txn && echo "$KPLB_ABOUT" >$base/pending.new/about &&
		echo "$KPLB_VIP" >$base/pending.new/vip && echo "$KPLB_WINDOW" >$base/pending.new/window || return 1
	write_units || return 1
	rm -f $base/restored
	sync $base/restore $base/pending.new/* && mv -T $base/pending.new $base/pending && sync $base &&
		start_timer
}

# systemd reads new units when it first needs them; a reload of all takes 0.1 s.
# It is needed where systemd is old, or still knows the units of a change before.
start_timer() {
	systemctl start kplb-restore.timer 2>/dev/null &&
		stale=$(systemctl show --value --property=NeedDaemonReload kplb-restore.timer kplb-restore.service) &&
		[ "${stale#*yes}" = "$stale" ] ||
		{ systemctl daemon-reload && systemctl restart kplb-restore.timer; }
}

write_units() {
	mkdir -p /run/systemd/system /etc/systemd/system/multi-user.target.wants || return 1
	cat >/run/systemd/system/kplb-restore.timer <<-UNIT
		[Unit]
		Description=kplb: takes an unconfirmed change back
		[Timer]
		OnActiveSec=$KPLB_WINDOW
		AccuracySec=100ms
	UNIT
	cat >/run/systemd/system/kplb-restore.service <<-UNIT
		[Unit]
		Description=kplb: takes an unconfirmed change back
		[Service]
		Type=oneshot
		ExecStart=/bin/sh $base/restore timer
		Restart=on-failure
		RestartSec=2
	UNIT
	cat >/etc/systemd/system/kplb-restore-boot.service <<-UNIT
		[Unit]
		Description=kplb: takes an unconfirmed change back before the daemons start
		RequiresMountsFor=$base
		Before=haproxy.service keepalived.service kubelet.service
		[Service]
		Type=oneshot
		ExecStart=/bin/sh $base/restore boot
	UNIT
	ln -sf ../kplb-restore-boot.service /etc/systemd/system/multi-user.target.wants/kplb-restore-boot.service &&
		sync /etc/systemd/system/kplb-restore-boot.service /etc/systemd/system/multi-user.target.wants
}

install_one() {
	if [ "$after" = absent ]; then
		rm -f "$path" && sync "${path%/*}"
	else
		place "$stage/$name" "$path" "$mode" "$owner"
	fi && record step "installed $path"
}

[ -L $base ] && refuse "$base is a symbolic link"
mkdir -p $base && chmod 700 $base || refuse "$base cannot be made"
one_at_a_time 20 || refuse "another step of kplb does not end on this node"
[ "$(cat /run/kplb.token 2>/dev/null)" = "$KPLB_TOKEN" ] || refuse "the lock belongs to another operator now: $(cat /run/kplb.owner 2>/dev/null)"
[ ! -e $base/pending ] || refuse "a change that is not confirmed yet is in place: $(cat $base/pending/about)"
sweep "$KPLB_PATHS"
stage=$(mktemp -d $base/stage.XXXXXX) || refuse "no room in $base"
# a node that is only checked is left as it was: without our directory
trap 'rm -rf "$stage"; rmdir $base 2>/dev/null' EXIT
trap 'exit 143' TERM

each_file unchanged
record step "checking the files"
each_file writable
each_file write_staged
each_file validate
if [ "$KPLB_CHECK" = 1 ]; then
	record done
	exit 0
fi
record step arming
arm || {
	sh $base/restore "arming did not work" 9>&-
	refuse "no room to keep the old files in $base, or the timer does not start"
}
record armed
each_file install_one || {
	said=$(df -P "${path%/*}" 2>/dev/null | sed -n '2s/ \+/ /gp')
	exec 9>&-
	sh $base/restore "a file could not be written" && refuse "$path could not be written, everything is back: $said"
	record broken "$path could not be written, and the way back did not work either: $said"
	exit 1
}
record done
