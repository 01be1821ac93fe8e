# The daemons, for activate.sh and precommit.sh.

last_words() {
	journalctl --quiet --no-pager --output=cat --lines=4 --unit="$1" 2>/dev/null
}

# look NAME: what the daemon is now; sets master and seen.
look() {
	seen=$(systemctl show --property=MainPID,NRestarts,ActiveState "$1.service")
	master=${seen#*MainPID=}
	master=${master%%[!0-9]*}
}

# is_active NAME: and not while it is still reloading.
is_active() {
	look "$1"
	case $seen in *ActiveState=active*) ;; *) return 1 ;; esac
}
