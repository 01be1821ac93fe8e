# shellcheck shell=bash
# One machine: its disk, power on, power off, and the way inside.

# The disk's upper layer before the first boot: who it is and who may log in.
# Directories get the modes they have below, or the merged root would change.
prepare_disk() {
	local disk=$DISK/$1 upper=$DISK/$1/upper other
	mkdir -p "$disk/work" "$disk/containerd" "$disk/kubelet" "$disk/etcd"
	chmod 700 "$disk/etcd"
	install -d -m 755 "$upper" "$upper/etc" "$upper/home"
	install -d -m 700 "$upper/root" "$upper/root/.ssh"
	install -d -m 700 -o 1000 -g 1000 "$upper/home/pi" "$upper/home/pi/.ssh"
	install -m 600 "$STATE/id_ed25519.pub" "$upper/root/.ssh/authorized_keys"
	install -m 600 -o 1000 -g 1000 "$STATE/id_ed25519.pub" "$upper/home/pi/.ssh/authorized_keys"
	node_name "$1" >"$upper/etc/hostname"
	{
		echo "127.0.0.1 localhost"
		for other in $NODES; do
			echo "$(node_address "$other") $(node_name "$other")"
		done
	} >"$upper/etc/hosts"
}

# power_on NODE: boots it and goes on. What stays is a supervisor in a session
# of its own: this script again, so that it knows all that this one knows.
power_on() {
	local pid
	machine_pid "$1" >/dev/null && die "$(node_name "$1") is on already"
	mkdir -p "$STATE/console"
	# shellcheck disable=SC2046 # words, or none
	setsid $(supervisor_prefix "$1") "$LAB/lab" supervise --name "$NAME" "$1" </dev/null >>"$STATE/console/$1" 2>&1 3>&- 9>&- &
	pid=$!
	echo "$pid $(process_start "$pid")" >"$STATE/machine-$1.pid"
}

# supervise NODE: one boot after the other, until the machine is switched off.
# systemd-nspawn ends with 133 when what it runs asks for a reboot.
supervise() {
	local status=133
	while [ $status = 133 ]; do
		cable_up "$1"
		make_cgroups "$1"
		status=0
		bash "$LAB/boot.sh" "$(node_machine "$1")" "$(node_name "$1")" "$DISK/$1" "$LAYERS" "$(scope_prefix "$1")" || status=$?
	done
	return $status
}

# A pid means nothing without the time its process began at. A zombie is no
# process any more: when it is taken away is up to the host's init.
process_start() { sed -En '/^.*\) [^Z]/s/^.*\) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# machine_pid NODE: prints the supervisor's pid, fails when the machine is off.
machine_pid() {
	local pid start
	read -r pid start 2>/dev/null <"$STATE/machine-$1.pid" || return 1
	[ "$(process_start "$pid")" = "$start" ] || return 1
	echo "$pid"
}

children() { tr ' ' '\n' 2>/dev/null <"/proc/$1/task/$1/children" || true; }

# descendants PID [BUT]: it and all that came of it, without the process BUT's.
descendants() {
	local child
	process_start "$1" | grep -q . || return 0
	echo "$1"
	for child in $(children "$1"); do
		case " ${2-} " in *" $child "*) ;; *) descendants "$child" "${2-}" ;; esac
	done
}

# The machine's own init: the first descendant in another pid namespace.
machine_init() {
	local pid process own
	pid=$(machine_pid "$1") || return 1
	own=$(readlink /proc/self/ns/pid)
	while process=$(children "$pid" | head -n 1) && [ -n "$process" ]; do
		[ "$(readlink "/proc/$process/ns/pid")" = "$own" ] || { echo "$process" && return 0; }
		pid=$process
	done
	return 1
}

# Everything that is the machine: its supervisor and what came of it, its
# control groups, whatever is in its network namespace. Nothing is looked for
# by name.
machine_processes() {
	local pid
	! pid=$(machine_pid "$1") || descendants "$pid"
	cgroup_processes "$1"
	[ ! -e "/run/netns/$(node_machine "$1")" ] || ip netns pids "$(node_machine "$1")"
}

# power_off NODE: the power cut. The cable goes first, so that no farewell of a
# dying process reaches the others; the addresses go with the namespace.
power_off() {
	local machine pids deadline=$((SECONDS + 60))
	machine=$(node_machine "$1")
	[ -e "/run/netns/$machine" ] || [ -e "$STATE/machine-$1.pid" ] || has_cgroups "$1" || return 0
	ip -n "$OPERATOR" link set "port-$1" down 2>/dev/null || true
	# at once, and by its control groups: to look for descendants takes seconds on a busy host
	# shellcheck disable=SC2046 # a list
	kill -KILL $(cgroup_processes "$1") 2>/dev/null || true
	while pids=$(machine_processes "$1") && [ -n "$pids" ]; do
		# shellcheck disable=SC2086 # a list
		kill -KILL $pids 2>/dev/null || true
		[ $SECONDS -lt $deadline ] || die "$(node_name "$1") still has processes after 60 s of SIGKILL: $(echo "$pids" | tr '\n' ' ')"
		sleep 0.1
	done
	cable_down "$1"
	rm -f "$STATE/machine-$1.pid"
	rm -rf "/run/systemd/nspawn/propagate/$machine" "/run/systemd/nspawn/unix-export/$machine"
	until remove_cgroups "$1"; do
		[ $SECONDS -lt $deadline ] || die "$(node_name "$1"): control groups cannot be removed; see $(machine_cgroups "$1" | head -n 1)"
		sleep 0.1
	done
}

# inside NODE CMD...: with every namespace of the machine.
inside() {
	local init
	init=$(machine_init "$1") || die "$(node_name "$1") is off; \"lab/lab poweron $(node_name "$1")\" starts it"
	nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup -- \
		env -i PATH="$NODE_PATH" HOME=/root USER=root LANG=C.UTF-8 TERM="${TERM:-dumb}" "${@:2}"
}

# wait_for_ssh NODE: until sshd answers; its keys go to known_hosts.
wait_for_ssh() {
	local deadline=$((SECONDS + 90)) keys
	while :; do
		keys=$(ip netns exec "$OPERATOR" ssh-keyscan -T 2 "$(node_address "$1")" 2>/dev/null || true)
		[ "$(echo "$keys" | wc -l)" -lt 3 ] || break
		machine_pid "$1" >/dev/null || {
			tail -n 15 "$STATE/console/$1" >&3
			die "$(node_name "$1") went off while booting; its console is above"
		}
		[ $SECONDS -lt $deadline ] || die "$(node_name "$1") does not answer ssh after 90 s; \"lab/lab exec $(node_name "$1") journalctl -b\" says why"
		sleep 0.3
	done
	echo "$keys" | sed "s/^[^ ]*/&,$(node_name "$1")/" >"$STATE/known_hosts.$1"
}
