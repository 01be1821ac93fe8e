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
