# Prepares a change: checks everything, stages the new files, saves what is
# there, and writes the way back down. Nothing of the system changes yet;
# transact.sh begins with that.
#   KPLB_FILES   a line per file: name, mode, owner, sha256 before, sha256 after, path. "absent" for no file; before:
#                "any"; after: "issued" here, or "kept:N", that of generation N
#   KPLB_PATHS   every path whose state belongs to a generation
#   KPLB_TXN     names this change
#   KPLB_TOKEN   of the lock that its operator holds
#   KPLB_ABOUT   whose change it is, in one line
#   KPLB_WINDOW  seconds until the node takes it back, unless it is renewed or confirmed
#   KPLB_VIP     the address, its interface: for the way back
#   KPLB_QUICK   the apiserver's port, where it restarts quickly; else empty
#   KPLB_NUMBER  of the cluster's generation that the change makes
# The data "restore" is the program that takes a change back; "record" is the cluster's
# record of the generation.

newline='
'

is_unchanged() {
	[ "$before" = any ] && return 0
	now=absent
	if [ -L "$path" ] || { [ -e "$path" ] && [ ! -f "$path" ]; }; then
		now=irregular
	elif [ -e "$path" ]; then
		case $newline$sums$newline in *"$newline$before  $path$newline"*) now=$before ;; *) now=other ;; esac
	fi
	[ "$now" = "$before" ] || refuse "$path has changed since the plan was made"
}

# lack DIR: what a file system has none of, after something could not be written.
lack() {
	# shellcheck disable=SC2046 # numbers
	set -- $(stat -f -c '%d %c' "$1" 2>/dev/null)
	if [ "${2:-0}" -gt 0 ] && [ "$1" -eq 0 ]; then echo inodes; else echo room; fi
}

# unwritable DIR PATH: refuses because of what was said. A shell's own printf may
# say "I/O error" where a disk is full.
unwritable() {
	case $said in
	*"No space left"*) full=0 ;;
	*"I/O error"*) full=$(stat -f -c %f "$1") ;;
	*) full= ;;
	esac
	[ "$full" != 0 ] || refuse "no $(lack "$1") for $2 in $1"
	refuse "$2 cannot be written: ${said##*: }"
}

# One probe for each directory.
is_writable() {
	existing_parent "$path"
	case $probed in *" $dir "*) return 0 ;; esac
	probed="$probed$dir "
	said=$({ set -C && true >"$dir/.kplb-probe.$$"; } 2>&1) || unwritable "$dir" "$path"
	remove "$dir/.kplb-probe.$$" || refuse "$path cannot be written: nothing can be removed from $dir"
}

# will_write DIR KIB FILES: adds up what each file system has to hold. There are
# no arrays in sh: the numbers are in variables that are named after the device.
will_write() {
	device=$(stat -c %d "$1") || refuse "$1 cannot be read"
	case $devices in
	*" $device "*) ;;
	*)
		devices="$devices$device "
		eval "at_$device=\$1 kib_$device=0 inodes_$device=0"
		;;
	esac
	eval "kib_$device=\$((kib_$device + $2)) inodes_$device=\$((inodes_$device + $3))"
}

# The new file is written beside the old one, and its directory may have to be made.
will_install() {
	[ "$after" != absent ] || return 0
	kib=$(($(stat -c %s "$stage/$name") / 1024 + 4))
	existing_parent "$path"
	will_write "${dir:-/}" $kib 1
	[ "$dir" = "${path%/*}" ] || will_write "${dir:-/}" 4 1
	will_write $base $kib 2 # its generation
}

# has_room: a device without a number of inodes makes them as it needs them.
has_room() {
	for device in $devices; do
		eval "at=\$at_$device kib=\$kib_$device inodes=\$inodes_$device"
		IFS=' ' read -r blocks size free all <<-FREE
			$(stat -f -c '%f %S %d %c' "$at")
		FREE
		[ $((blocks * (size / 512) / 2)) -ge "$kib" ] || refuse "no room in $at: $((blocks * (size / 512) / 2)) KiB are free, $kib KiB are needed"
		[ "$all" -eq 0 ] || [ "$free" -ge "$inodes" ] || refuse "no inodes in $at: $free are free, $inodes are needed"
	done
}

are_mutable() {
	while read -r attributes path; do
		case $attributes in *[ai]*) refuse "$path is immutable: chattr -ai $path" ;; esac
	done <<-LIST
		$([ -z "$listed" ] || lsattr -d $listed 2>/dev/null)
	LIST
}

# The pair is issued beside the real one, by the distribution's own issuer.
issue() {
	issuer=${certificate_issuer%% *}
	command -v "$issuer" >/dev/null || refuse "$issuer is not installed, which issues $certificate"
	[ -f "$ca_key" ] || refuse "$ca_key is not there: the apiserver's certificate has to be issued where it is"
	mkdir $stage/pki && cp "$ca" "$ca_key" $stage/pki && kplb_file issuer >$stage/issuer.yaml || refuse "no $(lack $base) in $base"
	said=$(command $certificate_issuer $stage/issuer.yaml 2>&1 </dev/null) || refuse "$issuer does not issue the certificate: $said"
	rm -f "$stage/pki/${ca_key##*/}"
	mv "$stage/pki/${certificate##*/}" $stage/certificate && mv "$stage/pki/${certificate_key##*/}" $stage/key || refuse "$issuer has issued no certificate: $said"
}

write_staged() {
	case $after in
	absent) return 0 ;;
	issued)
		[ -e $stage/certificate ] || issue
		return 0
		;;
	kept:*)
		cp "$base/generations/${after#kept:}/files$path" "$stage/$name" || refuse "generation ${after#kept:} does not have $path"
		return 0
		;;
	esac
	kplb_file "$name" >"$stage/$name" 2>/dev/null || refuse "no $(lack $base) for $path in $base"
	[ -s "$stage/$name" ] || refuse "$path would be empty, or there is no room for it in $base"
}

is_whole() {
	case $after in
	absent) return 0 ;;
	issued | kept:*)
		[ -s "$stage/$name" ] || refuse "no room for $path in $base"
		return 0
		;;
	esac
	case $newline$sums$newline in *"$newline$after  $stage/$name$newline"*) ;; *) refuse "no room for $path in $base, or it was written badly" ;; esac
}

# The daemons read the staged files; the programs that keepalived.conf names have a
# stand-in, because the real ones may not be there yet.
is_valid() {
	[ "$after" = absent ] && return 0
	case $path in
	/etc/haproxy/haproxy.cfg)
		said=$(haproxy -dW -c -f "$stage/$name" 2>&1) || refuse "haproxy rejects its new configuration: $said"
		;;
	/etc/modules-load.d/kplb.conf)
		[ -e /proc/net/ip_vs ] || modprobe -n -q ip_vs 2>/dev/null || refuse "its kernel $(uname -r) has no ip_vs"
		;;
	/etc/haproxy/kplb-redirect.nft | /etc/keepalived/kplb-ipvs.nft)
		said=$(nft -c -f "$stage/$name" 2>&1) || refuse "nft rejects its new ruleset: $said"
		;;
	/etc/keepalived/keepalived.conf)
		sed "s,/etc/keepalived/kplb-check,$stage/check,; s,/etc/keepalived/kplb-metrics,$stage/check," "$stage/$name" >"$stage/keepalived.conf"
		printf '#!/bin/sh\n' >"$stage/check"
		chmod 755 "$stage/check"
		said=$(keepalived -t -f "$stage/keepalived.conf" 2>&1) && [ -z "$said" ] ||
			refuse "keepalived rejects its new configuration: $said"
		;;
	esac
}

# Runs before the daemons at the next boot. Only the program that it runs is there
# before it: whatever else a killed step leaves goes then, too, and the unit itself.
write_boot_unit() {
	mkdir -p ${boot_link%/*} &&
		printf '%s\n' '[Unit]' 'Description=kplb: takes an unconfirmed change back before the daemons start' \
			"RequiresMountsFor=$base" "Before=haproxy.service keepalived.service $kubelet_unit kplb-redirect.service kplb-ipvs.service" 'After=ufw.service' \
			'[Service]' 'Type=oneshot' \
			"ExecStart=/bin/sh -c '[ ! -e $base/restore ] || exec /bin/sh $base/restore boot; rm -f $boot_link $boot_unit'" >$boot_unit &&
		ln -sf ../${boot_unit##*/} $boot_link
}

# The second way back, by the clock. Each renewal starts it again: without a
# limit, of which six in ten seconds would be over (systemd.unit(5)), and the
# timer dead.
write_timer() {
	mkdir -p /run/systemd/system &&
		printf '%s\n' '[Unit]' 'Description=kplb: takes an unconfirmed change back' 'StartLimitIntervalSec=0' \
			'[Timer]' "OnActiveSec=$KPLB_WINDOW" 'AccuracySec=100ms' >/run/systemd/system/kplb-restore.timer &&
		printf '%s\n' '[Unit]' 'Description=kplb: takes an unconfirmed change back' 'StartLimitIntervalSec=0' \
			'[Service]' 'Type=oneshot' "ExecStart=/bin/sh $base/restore timer" 'Restart=on-failure' 'RestartSec=2' \
			>/run/systemd/system/kplb-restore.service
}

# What the change writes: nothing else is taken back, whatever somebody does meanwhile.
written() {
	while read -r name _ _ _ _ path; do [ -z "$name" ] || echo "$path"; done <$stage/files
	echo $base/active
	for path in $KPLB_PATHS; do case $path in /etc/ufw/*) echo "$path" ;; esac done
}

save_old() {
	mkdir $stage/pending && written >$stage/pending/paths && save_state $stage/pending/old "$KPLB_PATHS" &&
		echo "$KPLB_TXN" >$stage/pending/txn && printf '%s\n' "$KPLB_ABOUT" >$stage/pending/about &&
		{ [ -z "$KPLB_QUICK" ] || echo "$KPLB_QUICK" >$stage/pending/quick; } &&
		echo "$KPLB_NUMBER" >$stage/pending/number && kplb_file record >$stage/pending/record &&
		echo "$KPLB_VIP" >$stage/pending/vip && echo "$KPLB_WINDOW" >$stage/pending/window
}

[ -L $base ] && refuse "$base is a symbolic link"
mkdir -p $base && chmod 700 $base || refuse "$base cannot be made"
begin_change
[ ! -e $base/pending ] || refuse "a change that is not confirmed yet is in place: $(cat $base/pending/about)"
sweep "$KPLB_PATHS"
is_next
# what does not get to its end leaves nothing, not even our directory
trap 'sweep "$KPLB_PATHS"; disarm; rmdir $base 2>/dev/null' EXIT
trap 'exit 143' TERM
kplb_file restore 2>/dev/null >$base/restore.new && mv -f $base/restore.new $base/restore || refuse "no $(lack $base) in $base"
said=$(write_boot_unit 2>&1) || unwritable ${boot_unit%/*} $boot_unit
mkdir $stage && echo "$KPLB_PATHS" >$stage/paths && echo "$KPLB_FILES" >$stage/files || refuse "no $(lack $base) in $base"

listed=
each_file list_present
# shellcheck disable=SC2086 # paths without spaces
sums=$([ -z "$listed" ] || sha256sum -- $listed)
each_file is_unchanged
probed=' '
each_file is_writable
are_mutable
each_file write_staged
sums=$(sha256sum $stage/file[0-9]* 2>/dev/null)
each_file is_whole
each_file is_valid
devices=' '
each_file will_install
has_room
seen "$KPLB_PATHS" >$stage/seen
said=$(write_timer 2>&1) || unwritable /run/systemd/system /run/systemd/system/kplb-restore.timer
save_old && find $stage -exec sync {} + &&
	sync $base $base/restore ${boot_unit%/*} $boot_unit ${boot_link%/*} || refuse "no $(lack $base) to keep the old files in $base"
trap - EXIT
record done
