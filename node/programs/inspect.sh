# What kplb must know of a node, in one go. Reads only.
#   KPLB_PATHS         the files whose state counts, without the leading slash
#   KPLB_PORTS         who listens there
#   KPLB_MONITOR_PORT  of the local haproxy's statistics
#   KPLB_HOMES         1: kubeconfigs in the homes of root and of the login, too
#   KPLB_FILTER        1: which firewall is active
#   KPLB_KERNEL        1: whether the kernel has ip_vs, and what is in it; always where it is in use
#   KPLB_CONNECTED     ADDRESS:PORT [or dst ADDRESS:PORT...]: who has connections there
#   KPLB_VRRP          1: what keepalived says of its VRRP instances
#   KPLB_SYSCTLS       1: what the kernel says to the settings of kplb's file
#   KPLB_TOKEN         of the lock that the operator holds; empty: none

# the lock, of whoever else holds it: it has ended with its shell where that was killed
holder=
if [ -e /run/kplb.owner ] && [ -e /run/kplb.holder ]; then
	IFS= read -r holder 2>/dev/null </run/kplb.token
	if [ -z "$KPLB_TOKEN" ] || [ "$holder" != "$KPLB_TOKEN" ]; then
		flock -n -s /run/kplb.holder true || record locked "$(cat /run/kplb.owner)"
	fi
fi

record arch "$(uname -m)"
while IFS='=' read -r key value; do
	case $key in ID | ID_LIKE | VERSION_ID) record os "$key" "$value" ;; esac
done </etc/os-release

# text goes without base64: every process counts here
record addresses "$(ip -o addr show)"
units=$(systemctl show --property=Id,LoadState,ActiveState,UnitFileState,MainPID,LimitNOFILE,ExecStart,Environment,EnvironmentFiles \
	haproxy.service keepalived.service "$kubelet_unit" ufw.service kplb-redirect.service kplb-ipvs.service kplb-metrics.timer 2>/dev/null)
record units "$units"

# read_too FILE: its state counts, too.
read_too() {
	case $1 in '' | *[!A-Za-z0-9/._-]* | [!/]* | *..*) return ;; esac
	case " $KPLB_PATHS " in *" ${1#/} "*) return ;; esac
	[ ! -f "$1" ] || [ -n "$(find "$1" -prune -size +1000k 2>/dev/null)" ] || KPLB_PATHS="$KPLB_PATHS ${1#/}"
}

while IFS='=' read -r key value; do
	[ "$key" != EnvironmentFiles ] || read_too "${value%% (*}"
done <<UNITS
$units
UNITS

# included FILE: what a keepalived.conf includes counts, too.
included() {
	while read -r word pattern _; do
		case $word in include | include[a-z]) ;; *) continue ;; esac
		case $pattern in '' | *[!]A-Za-z0-9/._*?[-]*) continue ;; [!/]*) pattern=${1%/*}/$pattern ;; esac
		for path in $pattern; do
			known=$KPLB_PATHS
			read_too "$path"
			[ "$known" = "$KPLB_PATHS" ] || included "$path"
		done
	done <"$1"
}
[ ! -f /etc/keepalived/keepalived.conf ] || included /etc/keepalived/keepalived.conf

# daemon DIR NAME: a process of haproxy or keepalived, whoever has started it, and the
# files that it was told to read.
daemon() {
	read -r stat 2>/dev/null <"$1/stat" || return
	stat=${stat##*) ? }
	group=
	while IFS=: read -r number controllers path; do
		case "$number $controllers" in "0 " | *name=systemd) [ "$path" = / ] || group=$path ;; esac
	done 2>/dev/null <"$1/cgroup"
	args=$(tr '\0' '\n' 2>/dev/null <"$1/cmdline")
	record process "${1##*/}" "${stat%% *}" "$2" "$group" "$args"
	[ -O "$1" ] || return # who is not root does not say which files are read
	root=
	case $group in *.service) ;; *) root=$1/root ;; esac
	[ "$2" = haproxy ] || read_too "$root/etc/keepalived/keepalived.conf"
	last=
	while IFS= read -r word; do
		case $last in
		-f | --use-file)
			read_too "$root$word"
			for path in "$root$word"/*.cfg; do read_too "$path"; done
			;;
		esac
		case $word in -f?*) read_too "$root${word#-f}" ;; --use-file=*) read_too "$root${word#*=}" ;; esac
		last=$word
	done <<-ARGS
		$args
	ARGS
}
for dir in /proc/[0-9]*; do
	read -r name 2>/dev/null <"$dir/comm" || continue
	case $name in haproxy | keepalived*) daemon "$dir" "$name" ;; esac
done

# the record of the current generation, or, where a kplb without records has made that one, the
# newest before it
current=
IFS= read -r current 2>/dev/null </var/lib/kplb/current
case $current in
'' | *[!0-9]*) ;;
*)
	newest=
	for path in /var/lib/kplb/generations/[1-9]*/record; do
		number=${path%/record}
		number=${number##*/}
		case $number in *[!0-9]*) continue ;; esac
		[ -e "$path" ] && [ "$number" -le "$current" ] && [ "$number" -gt "${newest:-0}" ] && newest=$number
	done
	[ -z "$newest" ] || KPLB_PATHS="$KPLB_PATHS var/lib/kplb/generations/$newest/record"
	;;
esac

# paths in places of kplb's that this kplb does not know: a later one has made them
for path in /etc/haproxy/kplb* /etc/keepalived/kplb* /etc/systemd/system/kplb* /etc/systemd/system/*.d/*kplb* /etc/sysctl.d/*kplb* /etc/modules-load.d/kplb*; do
	[ -e "$path" ] || continue
	case "$path  $KPLB_PATHS " in /etc/systemd/system/kplb-restore-boot.service* | *" ${path#/} "*) ;; *) record unknown "$path" ;; esac
done

ports=
for port in $KPLB_PORTS; do ports="${ports:+$ports or }sport = :$port"; done
record listeners "$(ss -Hltnp "( $ports )")"
if [ -r /proc/sys/net/ipv4/ip_nonlocal_bind ]; then
	IFS= read -r value </proc/sys/net/ipv4/ip_nonlocal_bind
	record nonlocal_bind "$value"
fi
if [ -r /proc/sys/net/ipv6/ip_nonlocal_bind ]; then
	IFS= read -r value </proc/sys/net/ipv6/ip_nonlocal_bind
	record nonlocal_bind6 "$value"
fi

for daemon in haproxy keepalived; do
	if command -v "$daemon" >/dev/null; then
		case $daemon in haproxy) flag=-v ;; *) flag=--version ;; esac
		said=$("$daemon" "$flag" 2>&1)
		record version "$daemon" "${said%%
*}"
	fi
done

if command -v nft >/dev/null; then
	record nft
	[ ! -e /etc/haproxy/kplb-redirect.nft ] && [ ! -e /etc/keepalived/kplb-ipvs.nft ] || record redirect "$(nft list table ip kplb 2>/dev/null
		nft list table ip6 kplb6 2>/dev/null)"
fi

# loaded or built in, a module that can be loaded, or none
if [ -n "$KPLB_KERNEL" ] || [ -e /etc/keepalived/kplb-ipvs.nft ]; then
	ipvs=none
	if [ -e /proc/net/ip_vs ]; then
		ipvs=there
	elif command -v modprobe >/dev/null && modprobe -n -q ip_vs 2>/dev/null; then
		ipvs=module
	fi
	record kernel "$(uname -r)" "$ipvs"
	for key in net/ipv4/ip_forward net/ipv4/vs/conntrack net/ipv4/vs/expire_nodest_conn; do
		[ -r "/proc/sys/$key" ] || continue
		IFS= read -r value <"/proc/sys/$key" # sh sees no end of line there, and says so
		record setting "$key" "$value"
	done
	[ ! -r /proc/net/ip_vs ] || record directed "$(cat /proc/net/ip_vs)"
fi

if [ -n "$KPLB_HOMES" ]; then
	home=/root
	[ -z "${SUDO_USER:-}" ] || home="$home $(getent passwd "$SUDO_USER" | cut -d: -f6)"
	for path in $home; do
		path=$path/.kube/config
		case $path in *[!A-Za-z0-9/._-]* | [!/]*) continue ;; esac
		if [ -e "$path" ] || [ -L "$path" ]; then
			KPLB_PATHS="$KPLB_PATHS ${path#/}"
			record kubeconfig "$path"
		fi
	done
fi
# A firewall that is not ufw: firewalld, or the first chain that drops what
# comes in.
filter() {
	case $(cat /etc/ufw/ufw.conf 2>/dev/null) in *ENABLED=yes*) return ;; esac
	command -v nft >/dev/null || return
	nft list chains 2>/dev/null | while read -r what first second rest; do
		case "$what $first $second $rest" in
		"table inet firewalld "*) echo firewalld && break ;;
		table*) table="$first $second" ;;
		chain*) chain=$first ;;
		*"hook input"*"policy drop"*) case $table in "inet "* | "ip "*) ;; *) continue ;; esac && echo "$table $chain" && break ;;
		esac
	done
}
[ -z "$KPLB_FILTER" ] || record filter "$(filter)"
[ -z "$KPLB_CONNECTED" ] || record connected "$(ss -Htnp state established "dst $KPLB_CONNECTED")"

# The running keepalived's own words, the newest first. A signal would have it
# write them to a file; one that it does not know would end it.
states() {
	id=$(systemctl show --property=InvocationID --value keepalived.service 2>/dev/null)
	case $id in '' | *[!0-9a-f]*) return ;; esac
	journalctl --quiet --no-pager --output=cat --reverse --lines=2000 "_SYSTEMD_INVOCATION_ID=$id" 2>/dev/null |
		grep -i 'entering [a-z]* state' | head -n 100
}
[ -z "$KPLB_VRRP" ] || record vrrp "$(states)"

if [ -n "$KPLB_SYSCTLS" ] && [ -r /etc/sysctl.d/90-kplb.conf ]; then
	while IFS='= ' read -r key value; do
		case $key in '' | [#\;]* | *[!A-Za-z0-9_./-]*) continue ;; esac
		record sysctl "$key" "$(sysctl -n "$key" 2>/dev/null)"
	done </etc/sysctl.d/90-kplb.conf
fi

# One archive carries contents, modes, owners and kinds. Symbolic links and
# directories are not followed.
found=
for path in $KPLB_PATHS; do
	if [ -e "/$path" ] || [ -L "/$path" ]; then found="$found $path"; fi
done
# shellcheck disable=SC2086 # a list of paths without spaces
if [ -n "$found" ]; then tar -C / -cf - --no-recursion --numeric-owner -- $found | record_data files; fi

# Every file in the directory of the apiserver's configuration is used.
for path in "${apiserver_config%/*}"/* "${apiserver_config%/*}"/.*; do
	case $path in */. | */.. | */\*) ;; *) [ -e "$path" ] && record manifest "${path##*/}" ;; esac
done

# haproxy's own view of its servers; bash can open a socket, sh cannot. Its own
# printf writes line by line: the second waits 40 ms for the first one's ACK.
if command -v bash >/dev/null; then
	# shellcheck disable=SC2016 # expanded by bash
	bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && env printf "GET /stats;csv HTTP/1.0\r\n\r\n" >&3 && exec timeout 2 cat <&3' \
		kplb "$KPLB_MONITOR_PORT" 2>/dev/null | record_data stats
fi
record done
