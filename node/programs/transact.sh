# Begins the change that stage.sh has prepared: writes the new files beside the
# old ones, arms the way back, and only then renames the first one.
#   KPLB_TXN    the change
#   KPLB_TOKEN  of the lock that its operator holds

write_beside() {
	[ "$after" = absent ] && return 0
	to=$(temporary "$path")
	[ -d "${path%/*}" ] || (umask 022 && mkdir -p "${path%/*}") || return 1
	written="$written $to"
	install -m "$mode" -o "${owner%:*}" -g "${owner#*:}" "$stage/$name" "$to"
}

rename_one() {
	case $dirs in *" ${path%/*} "*) ;; *) dirs="$dirs${path%/*} " ;; esac
	if [ "$after" = absent ]; then
		rm -f "$path"
	else
		mv -fT "$(temporary "$path")" "$path"
	fi
}

# systemd reads new units when it first needs them; a reload of all takes 0.1 s.
# It says so where it still knows the units of a change before.
start_timer() {
	said=$(systemctl start kplb-restore.timer 2>&1) && [ -z "$said" ] ||
		{ systemctl daemon-reload && systemctl restart kplb-restore.timer; }
}

# The renames are what arms, and what begins.
arm() {
	rm -f $base/restored && : >$stage/armed && mv -T $stage/pending $base/pending && sync $stage $base && start_timer
}

begin_change
is_intact || remove $base/pending # there is none, or what is left of one that takes nothing back any more
[ ! -e $base/pending ] || refuse "a change that is not confirmed yet is in place: $(cat $base/pending/about)"
IFS= read -r txn 2>/dev/null <$stage/pending/txn && [ "$txn" = "$KPLB_TXN" ] || refuse "what was staged is gone"
IFS= read -r paths <$stage/paths
now=$(seen "$paths")
[ "$now" = "$(cat $stage/seen)" ] || refuse "$(printf '%s\n' "$now" | cat - $stage/seen | sort | uniq -u | sed 's/ .*//;q') has changed since the plan was made"

written=
each_file write_beside && { [ -z "$written" ] || sync $written; } || {
	said=$(df -P "${path%/*}" 2>/dev/null | sed -n '2s/ \+/ /gp')
	rm -f $written
	refuse "$path could not be written: $said"
}

# take_back WHAT: what went wrong, and whether everything is back.
take_back() {
	exec 9>&-
	sh $base/restore "$1" >/dev/null && refuse "$1, everything is back"
	record broken "$1, and the way back did not work either: it is tried again at its time and at boot"
	exit 1
}

arm || take_back "the way back could not be armed"
dirs=' '
each_file rename_one && sync $dirs || take_back "${path:-a directory} could not be written"
record done
