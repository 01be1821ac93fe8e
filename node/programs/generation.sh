# The generation that a confirmation makes, for precommit.sh and confirm.sh.
#   KPLB_PATHS  every path whose state belongs to a generation

generations=$base/generations

# leave_out_own DIR: where kplb's directory was lost, its own files are there already when a node
# gets its first generation. What was there before them is not known any more: it
# counts as nothing, and the daemons as off.
leave_out_own() {
	grep -rqs '^# kplb: made from cluster "' "$1/files/etc" || return 0
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

# Writes what is there now down, and what was there before kplb if this is the
# first: to names that do not count yet.
write_generation() {
	mkdir -p $generations && rm -rf $generations/.next || return 1
	[ -d $generations/0 ] || { rm -rf $generations/.0 && cp -a $base/pending/old $generations/.0 && leave_out_own $generations/.0 && mv -T $generations/.0 $generations/0; } || return 1
	last=$(cd $generations && printf '%s\n' [0-9]* | sort -n | tail -n 1)
	save_state $generations/.next "$KPLB_PATHS" && whose=$(cat $base/pending/about) && which=$(cat $base/pending/txn) &&
		printf '%s\n' "number=$((last + 1))" "time=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "about=$whose" "txn=$which" >$generations/.next/about &&
		echo "$((last + 1))" >$base/current.new && sync $generations/.next/about $base/current.new
}
