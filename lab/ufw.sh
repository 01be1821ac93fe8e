# shellcheck shell=bash
# "--ufw": the firewall of somebody who reads Kubernetes' list of ports before
# kubeadm, and has not heard of VRRP.

KUBEADM_PORTS="6443 2379:2380 10250 10257 10259"

firewall_ready() {
	local node going=
	say "setting up ufw on every node"
	for node in $NODES; do
		firewall_on "$node" &
		going="$going $!"
	done
	for node in $going; do
		wait "$node" || die "ufw cannot be set up; what it says is above"
	done
}

# The package enables the unit; the root image has disabled it.
firewall_on() {
	# shellcheck disable=SC2016,SC2086 # for the shell on the node; a list
	inside "$1" sh -euc '
		subnet=$1
		shift
		{
			systemctl enable --now ufw
			ufw default deny incoming
			ufw allow ssh
			for port; do ufw allow proto tcp from "$subnet" to any port "$port"; done
			ufw --force enable
		} >/var/log/ufw-setup.log 2>&1 || { cat /var/log/ufw-setup.log && exit 1; }
		ufw status | grep -q "^Status: active"' sh "$SUBNET" $KUBEADM_PORTS >&3
}
