# shellcheck shell=bash
# A control group for each machine: without one of its own, every machine's
# systemd would use the same "/". Where systemd runs the host it is asked for a
# scope; where it does not (a container, a bare VM), the lab makes the groups.

systemd_host() { [ -d /run/systemd/system ]; }

# The mounted hierarchies: one on cgroup v2, one for each controller on v1.
cgroup_hierarchies() {
	local mount
	for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ ! -e "$mount/cgroup.procs" ] || [ -L "$mount" ] || ! mountpoint -q "$mount" || echo "$mount"
	done
}

machine_scope() { echo "kplb-lab-$(node_machine "$1").scope"; }

machine_cgroups() {
	local mount group=kplb-lab/$(node_machine "$1")
	! systemd_host || group=machine.slice/$(machine_scope "$1")
	for mount in $(cgroup_hierarchies); do
		echo "$mount/$group"
	done
}

scope_command() { echo "systemd-run --quiet --scope --collect --slice=machine.slice --property=Delegate=yes --unit=$1"; }

# What boot.sh puts in front of systemd-nspawn to get it into its groups.
scope_prefix() {
	if systemd_host; then
		scope_command "$(machine_scope "$1")"
	else
		echo "$LAB/join.sh $(machine_cgroups "$1" | tr '\n' ' ') --"
	fi
}

# And in front of the supervisor: in the scope of whoever says "up" it would end
# with a login or a CI job.
supervisor_prefix() {
	! systemd_host || scope_command "supervisor-$(machine_scope "$1")"
}

make_cgroups() {
	local group parent file controllers
	systemd_host && return 0
	controllers=$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null || true)
	for group in $(machine_cgroups "$1"); do
		parent=${group%/*}
		mkdir -p "$group"
		# v1: a new cpuset is empty, and nothing can be put into an empty one.
		for file in cpuset.cpus cpuset.mems; do
			[ ! -e "$parent/cgroup.clone_children" ] || [ ! -e "$parent/$file" ] || {
				cat "${parent%/*}/$file" >"$parent/$file"
				cat "$parent/$file" >"$group/$file"
			}
		done
		# v2: controllers must be handed down, as far as the host lets us.
		[ "$parent" != /sys/fs/cgroup/kplb-lab ] || for file in $controllers; do
			{ echo "+$file" >/sys/fs/cgroup/cgroup.subtree_control && echo "+$file" >"$parent/cgroup.subtree_control"; } 2>/dev/null || true
		done
	done
}

has_cgroups() {
	local group
	for group in $(machine_cgroups "$1"); do
		[ ! -d "$group" ] || return 0
	done
	return 1
}

# Every process in a machine's groups, however deep: all of them are the lab's.
cgroup_processes() {
	local group
	for group in $(machine_cgroups "$1"); do
		[ ! -d "$group" ] || find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null
	done | sort -un
}

remove_cgroups() {
	local group
	if systemd_host; then
		systemctl stop "$(machine_scope "$1")" "supervisor-$(machine_scope "$1")" 2>/dev/null || true
		return 0
	fi
	for group in $(machine_cgroups "$1"); do
		[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
		# The parent is every lab's; the last one takes it away.
		rmdir "${group%/*}" 2>/dev/null || true
	done
}
