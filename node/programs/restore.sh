# Takes an unconfirmed change back: restore REASON, one word or a few. Called
# by the timer, at boot, or for an operator. It can be killed and run again.

reason=$1
one_at_a_time 60 || exit 1
[ -d $base/pending ] || { # it was staged and never begun, or a program was killed just after it was confirmed
	sweep "$(cat $base/stage/paths 2>/dev/null)"
	disarm
	rmdir $base 2>/dev/null
	exit 0
}
is_intact || {
	echo "the way back, $base/pending, is damaged: nothing is taken back ($reason)"
	sweep "$(cat $base/stage/paths 2>/dev/null)"
	disarm
	exit
}
old=$base/pending/old
changed=$base/pending/changed

# Services that boot has yet to start are not waited for: they wait for us.
block=
[ "$reason" = boot ] && block=--no-block

put_files_back() {
	while read -r path; do
		[ "$path" = $manifest ] || put_back $old "$path" 3>>$changed || return 1
	done <$base/pending/paths
}

# manifest_back: also of an apiserver whose restart is not over yet.
manifest_back() {
	was=$old/files$manifest port=
	same_file $manifest "$was" && return
	[ "$reason" = boot ] || port=$(cat $base/pending/quick 2>/dev/null)
	echo $manifest >>$changed
	replace_manifest "$was" "$(stat -c %a "$was")" "$(stat -c %u:%g "$was")" "$port" || return 1
	if [ -n "$port" ] && read -r pid born pod 2>/dev/null <$base/pending/stopping && lives && has_closed; then end_apiserver; fi
	true
}

# bind_back FILE FAMILY: whether the kernel binds addresses that it does not have.
bind_back() {
	cmp -s $old/$1 /proc/sys/net/$2/ip_nonlocal_bind || cat $old/$1 >/proc/sys/net/$2/ip_nonlocal_bind
}

touched() { grep -q "$1" $changed 2>/dev/null; }
touched_file() { grep -qxF "$1" $changed 2>/dev/null; }

# keepalived is not restarted for a drop-in that changes, in a rollout or back:
# that would move the VIP. Where there was none, systemd must not go on waiting
# for what kplb-check says to it.
takes_as_it_runs() {
	[ "$1" = keepalived ] && [ -e "$old/files/etc/systemd/system/keepalived.service.d/50-kplb.conf" ]
}

# tell ACTION: systemd, what becomes of the unit. haproxy may have to wait for the
# apiserver to leave its port: it is told again when the manifest is back.
later=
tell() {
	if [ "$unit" = haproxy ] && [ -e $base/pending/manifest ]; then
		systemctl "$1" $block haproxy.service || later=$1
	else
		again systemctl "$1" $block "$unit.service"
	fi
}

unit_back() {
	unit=$1 active=$2 enabled=$3 late=
	case "$unit $active" in
	"kplb-redirect inactive" | "kplb-ipvs inactive") return ;; # see tables_away
	esac
	case $enabled in
	enabled) [ "$(systemctl is-enabled $unit.service 2>/dev/null)" = enabled ] || { again set_boot enable $unit.service && late=1; } ;;
	disabled) [ "$(systemctl is-enabled $unit.service 2>/dev/null)" = disabled ] || again set_boot disable $unit.service ;;
	esac
	if [ "$active" != active ]; then
		tell stop
		[ "$active" != inactive ] || systemctl reset-failed $unit.service 2>/dev/null # one that did not start with its new file
	elif [ "$reason" = boot ]; then # those that were enabled when it began start by themselves
		[ -z "$late" ] || tell start
	elif [ "$(systemctl is-active $unit.service)" = inactive ]; then
		tell start
	elif touched "/$unit.service.d/" && ! takes_as_it_runs $unit; then
		tell restart
	elif touched "^/etc/$unit/"; then
		tell reload-or-restart
	fi
	if touched "^/etc/[a-z]*/$unit.nft"; then tell reload-or-restart; fi
	if [ "$unit" = kplb-redirect ]; then redirect_stale; fi
}

# tables_away: those that were not there before. The one that was may have the
# same name, and comes after.
tables_away() {
	while read -r unit active _; do
		case "$unit $active" in "kplb-redirect inactive" | "kplb-ipvs inactive") table_away "$unit" </dev/null ;; esac
	done <$old/units
}

# The units in the order in which they go back: keepalived first, which has the
# VIP; but who balanced before comes before it where it is another one than now.
in_order() {
	order='keepalived haproxy kplb-redirect kplb-ipvs'
	if touched '^/etc/keepalived/kplb-ipvs' && grep -q '^keepalived active' $old/units; then
		order='haproxy kplb-redirect keepalived kplb-ipvs'
		! grep -q '^kplb-ipvs active' $old/units || order='kplb-ipvs keepalived haproxy kplb-redirect'
	fi
	for unit in $order; do grep "^$unit " $old/units; done
}

# Where every bind line of haproxy.cfg says: haproxy.service's own processes, and no
# other haproxy.
haproxy_listens() {
	main=$(systemctl show --value --property=MainPID haproxy.service)
	own=
	for pid in "$main" $(pgrep -P "$main"); do own="$own -e pid=$pid,"; done
	sed -n 's/^ *bind \([][0-9a-f.:]*:[0-9]*\).*/\1/p' /etc/haproxy/haproxy.cfg | while read -r at; do
		# shellcheck disable=SC2086 # patterns
		ss -Hltnp "src $at" | grep -q -F $own || exit 1
	done
}

# Tries as long as an apiserver takes to leave the port that haproxy had before.
haproxy_again() {
	tries=0
	until haproxy_listens || [ $tries -ge 60 ]; do
		tries=$((tries + 1))
		sleep 2
		if [ "$(systemctl is-active haproxy.service)" = active ]; then
			systemctl reload haproxy.service
		else
			systemctl reset-failed haproxy.service
			systemctl start haproxy.service
		fi
	done
}

touch $changed
ufw_back $old
put_files_back || exit 1
if touched ^/etc/systemd/; then again read_units $block; fi
if touched ^/etc/ufw/ && ufw_running; then ufw reload >/dev/null; fi
again bind_back nonlocal_bind ipv4
load_modules
if touched ^/etc/sysctl.d/90-kplb; then again give_back $old "$settings"; fi
[ ! -e $old/nonlocal_bind6 ] || again bind_back nonlocal_bind6 ipv6
tables_away
in_order >$base/pending/order
while read -r unit active enabled; do
	unit_back "$unit" "$active" "${enabled:-unknown}" </dev/null
	if [ "$unit $active" = "keepalived inactive" ]; then
		while read -r address _ interface; do
			ip address del "$address" dev "$interface" 2>/dev/null
		done <$base/pending/vip
	fi
done <$base/pending/order
if touched_file "$kubelet_kubeconfig" && [ "$reason" != boot ]; then again systemctl restart "$kubelet_unit"; fi
# last: an apiserver that listens everywhere again needs haproxy gone first. Only
# if the change came so far: somebody may have edited the manifest meanwhile
[ ! -e $base/pending/manifest ] || manifest_back || exit 1
[ -z "$later" ] || again systemctl "$later" $block haproxy.service
# and one that listened on the node's address alone, or shared its port, has to be back before haproxy has its port
if touched_file "$manifest" && [ "$reason" != boot ] && grep -q '^haproxy active' $old/units; then haproxy_again; fi

printf '%s\n' "reason=$reason" "time=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "about=$(cat $base/pending/about)" "txn=$(cat $base/pending/txn)" >$base/restored.new &&
	mv -f $base/restored.new $base/restored
# half confirmed is not confirmed; and where nothing was ever confirmed, what was
# there before kplb is what is there now
grep -lsxF "txn=$(cat $base/pending/txn)" $base/generations/*/about | while read -r about; do rm -rf "${about%/*}"; done
newest=$(cd $base/generations 2>/dev/null && printf '%s\n' [1-9]* | sort -n | tail -n 1)
case $newest in
*[!0-9]* | '') remove $base/generations $base/current $base/restarted ;;
*) [ "$newest" = "$(cat $base/current)" ] || { echo "$newest" >$base/current.new && mv -f $base/current.new $base/current; } ;;
esac
sweep "$(cut -d ' ' -f 2- $old/$index)" || exit 1 # a directory can be read-only for a while
printf '%s\n' "an unconfirmed change was taken back ($reason): $(cat $base/pending/about)"
disarm
