# A part of a drill, on one node. Nothing is written outside /run: a reboot
# puts everything back, too.
#   KPLB_DO         watch, break, mend, seen or end
#   KPLB_TOKEN      of the lock that the operator holds (all but seen)
#   KPLB_VIP        whose coming and going is written down (watch)
#   KPLB_SECONDS    after which the node ends by itself what was begun (watch, break)
#   KPLB_FAULT      which (break)
#   KPLB_LASTS      how long a node that cannot be reached waits, in seconds (break)
#   KPLB_INTERFACE  of the VIPs (break)
#   KPLB_VIPS       that are not put back: keepalived does that (break)
#   KPLB_AT         ADDRESS:PORT of the apiserver (break)

dir=/run/kplb-drill

# The way back is there, and armed, before anything is broken.
arm() {
	[ ! -e $dir/fault ] || refuse "an earlier drill is not put back yet"
	kplb_file mend >$dir/mend && echo "$KPLB_FAULT $KPLB_INTERFACE $1" >$dir/fault || refuse "no room in /run"
	[ "$KPLB_FAULT" != node-off ] || return 0
	systemd-run --quiet --collect --unit=kplb-drill-mend --on-active="$KPLB_SECONDS" --timer-property=AccuracySec=100ms \
		/bin/sh $dir/mend "its own timer" || {
		rm -f $dir/fault
		refuse "systemd cannot be told to put it back"
	}
}

# later COMMAND: when the operator has heard that it is coming.
later() {
	printf 'sleep 0.3\ndate +%%s.%%N >%s/struck\n%s\n' $dir "$1" >$dir/cut
	systemd-run --quiet --collect --unit=kplb-drill-break /bin/sh $dir/cut "$KPLB_INTERFACE" "$KPLB_LASTS" || refuse "systemd cannot be told to break it"
}

now() { date +%s.%N >$dir/struck; }

# What goes with a link, and does not come back with it.
remember_link() {
	for family in 4 6; do ip -$family route show dev "$KPLB_INTERFACE" | grep -v -e 'proto kernel' -e 'proto ra' | sed 's/ expires [^ ]*//; s/ linkdown//' >$dir/routes$family; done
	ip -o -6 address show dev "$KPLB_INTERFACE" scope global permanent | while read -r _ _ _ address _; do
		case " $KPLB_VIPS " in *" ${address%/*} "*) ;; *) echo "$address" ;; esac
	done >$dir/addresses6
}

break_it() {
	pids=
	if [ "$KPLB_FAULT" = apiserver-frozen ]; then
		pids=$(ss -Hltnp "sport = :${KPLB_AT##*:}" | sed -n "s/.*\"$apiserver_process\",pid=\([0-9]*\),.*/\1/p" | sort -u | tr '\n' ' ')
		[ -n "$pids" ] || refuse "no $apiserver_process listens on port ${KPLB_AT##*:}"
	fi
	[ "$KPLB_FAULT" != apiserver-cut ] || command -v nft >/dev/null || refuse "nft is not installed"
	[ "$KPLB_FAULT" != link-down ] || remember_link
	arm "$pids"
	unit=${KPLB_FAULT%-*}
	case $KPLB_FAULT in
	haproxy-stopped | keepalived-stopped) now && systemctl stop "$unit" ;;
	haproxy-killed | keepalived-killed) now && systemctl kill --signal=KILL "$unit" ;;
	haproxy-frozen | keepalived-frozen) now && systemctl kill --signal=STOP "$unit" ;;
	apiserver-frozen) now && kill -STOP $pids ;;
	apiserver-cut)
		address=${KPLB_AT%:*} family=ip
		case $address in \[*) address=${address#\[} address=${address%\]} family=ip6 ;; esac
		now && nft "add table inet kplb_drill; add chain inet kplb_drill in { type filter hook input priority -300; }; add rule inet kplb_drill in $family daddr $address tcp dport ${KPLB_AT##*:} drop"
		;;
	link-down) later "ip link set dev \"\$1\" down && sleep \"\$2\"; exec /bin/sh $dir/mend 'the node itself'" ;;
	node-off) later "sync; exec systemctl poweroff --force --force" ;;
	*) false ;;
	esac || {
		/bin/sh $dir/mend "the node itself"
		refuse "$KPLB_FAULT cannot be done"
	}
}

mend() {
	[ ! -e $dir/mend ] || /bin/sh $dir/mend "$1" || refuse "$(cat $dir/fault): cannot be put back yet"
}

[ "$KPLB_DO" = seen ] || refuse_others
case $KPLB_DO in
watch)
	mend "the next drill"
	systemctl stop kplb-drill-watch 2>/dev/null
	rm -rf $dir && mkdir $dir && kplb_file watch >$dir/watch || refuse "no room in /run"
	systemd-run --quiet --collect --unit=kplb-drill-watch --property=RuntimeMaxSec="$KPLB_SECONDS" /bin/sh $dir/watch "$KPLB_VIP" || refuse "systemd cannot be told to watch the VIP"
	;;
break) break_it ;;
mend) mend "the operator" ;;
seen)
	record clock "$(date +%s.%N)"
	for what in struck mended by holder; do [ ! -e $dir/$what ] || record $what "$(cat $dir/$what)"; done
	;;
end)
	mend "the operator"
	systemctl stop kplb-drill-watch 2>/dev/null
	rm -rf $dir $dir.lock
	;;
esac
record done
