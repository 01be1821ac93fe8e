# The generation that a confirmation makes, for precommit.sh, confirm.sh and level.sh.
#   KPLB_PATHS  every path whose state belongs to a generation

generations=$base/generations

# leave_out_own DIR: where kplb's directory was lost, its own files are there already when a node
# gets its first generation. What was there before them is not known any more: it
# counts as nothing, and the daemons as off. The file "own" says so, for what kplb only
# edits.
leave_out_own() {
	grep -rqs '^# kplb: made from cluster "' "$1/files/etc" || return 0
	: >"$1/own" || return 1
	while read -r kind path; do
		if [ "$kind" = file ] && grep -qs '^# kplb: made from cluster "' "$1/files$path"; then
			rm -f "$1/files$path" && kind=absent || return 1
			unit=${path##*/}
			unit=${unit%.*}
			case $path in
			*/haproxy.cfg | */keepalived.conf | */kplb-redirect.service | */kplb-ipvs.service)
				sed "s/^$unit .*/$unit inactive disabled/" "$1/units" >"$1/units.new" && mv -f "$1/units.new" "$1/units" || return 1
				;;
			/etc/sysctl.d/*) echo 0 >"$1/nonlocal_bind" || return 1 ;;
			esac
		fi
		echo "$kind $path" || return 1
	done <"$1/$index" >"$1/$index.new" && mv -f "$1/$index.new" "$1/$index"
}

# seal DIR: the sums of all that a generation has. Who edits one that is saved is
# found out before it is restored.
seal() {
	sums=$(cd "$1" && find . -type f ! -name sums | sort | xargs sha256sum --) && echo "$sums" >"$1/sums" && sync "$1/sums"
}

# write_generation FROM: writes what is there now down, and what was there before kplb if
# this is the first: to names that do not count yet. FROM has about and txn, old, which is
# what was there before, and from the operator the number and the record of the
# cluster's generation. An older kplb gives neither.
write_generation() {
	mkdir -p $generations && rm -rf $generations/.next || return 1
	[ -d $generations/0 ] || { rm -rf $generations/.0 && cp -a "$1/old" $generations/.0 && leave_out_own $generations/.0 && seal $generations/.0 && mv -T $generations/.0 $generations/0; } || return 1
	last=$(cd $generations && printf '%s\n' [0-9]* | sort -n | tail -n 1)
	number=$((last + 1))
	[ ! -s "$1/number" ] || number=$(cat "$1/number")
	save_state $generations/.next "$KPLB_PATHS" && whose=$(cat "$1/about") && which=$(cat "$1/txn") &&
		printf '%s\n' "number=$number" "time=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "about=$whose" "txn=$which" >$generations/.next/about || return 1
	[ ! -s "$1/record" ] || { cp "$1/record" $generations/.next/record && sync $generations/.next/record; } || return 1
	seal $generations/.next && echo "$number" >$base/current.new && sync $generations/.next/about $base/current.new
}

# prune: the oldest go, but for the one from before kplb.
prune() {
	(cd $generations && printf '%s\n' [0-9]* | sort -n | sed 1d | head -n "-$KPLB_KEEP" | while read -r old; do rm -rf "./$old"; done)
}
