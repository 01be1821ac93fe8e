# ufw, for activate.sh.
#   KPLB_OPEN, KPLB_CLOSE  a line for each rule: allow or delete, direction, protocol, from, to, port

# ufw keeps rules of the same meaning once: what is there already stays as it is.
ufw_lines() {
	while read -r verb direction protocol from to port; do
		[ -n "$verb" ] || continue
		case $from$to in *[!0-9.any]*) refuse "ufw cannot be told of $from and $to" ;; esac
		set -- allow "$direction" proto "$protocol" from "$from" to "$to"
		[ "$protocol" != tcp ] || set -- "$@" port "$port"
		if [ "$verb" = delete ]; then
			set -- delete "$@"
		else
			set -- "$@" comment kplb
		fi
		said=$(ufw "$@" 2>&1 </dev/null) || refuse "ufw $*: $said"
	done <<-LINES
		$1
	LINES
}
