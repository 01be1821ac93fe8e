# Puts new files on a node: checks everything first, then all of them or none.
#   KPLB_FILES  a line per file: name, mode, sha256 before (or absent), sha256 after, path
#   KPLB_TXN    names this change; what was there before is kept under it
#   KPLB_SYSCTL 1: apply the settings
#   KPLB_CHECK  1: stop before anything is changed

base=/var/lib/kplb
stage=
installed=
backup=$base/backup/$KPLB_TXN

refuse() {
	record refused "$1"
	exit 1
}

# Puts back what was there. Called only before anything has been reloaded.
take_back() {
	for path in $installed; do
		if [ -e "$backup$path" ]; then
			cp -p "$backup$path" "$path.kplb-back" && mv -fT "$path.kplb-back" "$path"
		else
			rm -f "$path"
		fi || record left "$path"
	done
	refuse "$1"
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
	while read -r name mode before after path; do
		[ -n "$name" ] || continue
		"$1" || return 1
	done <<-LIST
		$KPLB_FILES
	LIST
}

unchanged() {
	[ "$(checksum "$path")" = "$before" ] || refuse "$path has changed since the plan was made"
}

write_staged() {
	kplb_file "$name" >"$stage/$name" 2>/dev/null || refuse "no room for $path in $base"
	[ "$(checksum "$stage/$name")" = "$after" ] || refuse "no room for $path in $base, or it was written badly"
	chmod 600 "$stage/$name"
}

# The daemons read the staged files; the check that keepalived.conf names is
# the staged one, because the real one may not be there yet.
validate() {
	case $path in
	/etc/haproxy/haproxy.cfg)
		said=$(haproxy -dW -c -f "$stage/$name" 2>&1) ||
			refuse "haproxy does not take its file: $said"
		;;
	/etc/keepalived/kplb-check)
		chmod 755 "$stage/$name"
		;;
	/etc/keepalived/keepalived.conf)
		sed "s,/etc/keepalived/kplb-check,$stage/check," "$stage/$name" >"$stage/keepalived.conf.check"
		printf '#!/bin/sh\n' >"$stage/check"
		chmod 755 "$stage/check"
		said=$(keepalived -t -f "$stage/keepalived.conf.check" 2>&1) && [ -z "$said" ] ||
			refuse "keepalived does not take its file: $said"
		;;
	/etc/kubernetes/manifests/*)
		[ "$(stat -c %d /etc/kubernetes)" = "$(stat -c %d /etc/kubernetes/manifests)" ] ||
			refuse "/etc/kubernetes/manifests is a file system of its own: a manifest cannot be put there in one step"
		;;
	esac
}

keep() {
	[ "$before" = absent ] && return 0
	mkdir -p "$backup${path%/*}" && cp -p "$path" "$backup$path" || refuse "no room to keep $path in $backup"
}

install_one() {
	dir=${path%/*}
	# kubelet runs every file in its directory, so not even a temporary one goes there
	case $dir in /etc/kubernetes/manifests) temp=/etc/kubernetes/.kplb-${path##*/} ;; *) temp=$dir/.kplb-${path##*/} ;; esac
	[ -d "$dir" ] || (umask 022 && mkdir -p "$dir") || return 1
	cp "$stage/$name" "$temp" && chown 0:0 "$temp" && chmod "$mode" "$temp" && sync "$temp" &&
		mv -fT "$temp" "$path" && sync "$dir" || {
		rm -f "$temp"
		return 1
	}
	installed="$path $installed"
	record installed "$path"
}

[ -L $base ] && refuse "$base is a symbolic link"
mkdir -p $base && chmod 700 $base || refuse "$base cannot be made"
exec 9>/run/kplb.lock
flock -n 9 || refuse "another kplb is at work on this node"
stage=$(mktemp -d $base/stage.XXXXXX) || refuse "no room in $base"
# a node that is only checked is left as it was: without our directory
trap 'rm -rf "$stage"; rmdir $base 2>/dev/null' EXIT

each_file unchanged
record step "checking the files"
each_file write_staged
each_file validate
if [ "$KPLB_CHECK" = 1 ]; then
	record done
	exit 0
fi
each_file keep
record step "installing"
each_file install_one || take_back "$path could not be written: $(df -P "${path%/*}" 2>/dev/null | sed -n '2s/ \+/ /gp')"

if [ "$KPLB_SYSCTL" = 1 ]; then
	said=$(sysctl -q -p /etc/sysctl.d/90-kplb.conf 2>&1) || take_back "sysctl: $said"
fi
record done
