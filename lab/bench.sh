#!/usr/bin/env bash
# `make bench`: an apply with nothing to do on three nodes, beside three
# parallel ssh of the bytes that it asks for. Wall time in milliseconds.
set -eu
cd "$(dirname "$0")/.."
RUNS=${RUNS:-30}
name=bench
trap 'lab/lab down --name $name >/dev/null 2>&1' EXIT
lab/lab down --name $name
lab/lab up --name $name
state=$(lab/lab state --name $name)
operator() { lab/lab exec --name $name operator env KPLB_SSH_CONFIG="$state/ssh_config" "$@"; }
operator bin/kplb apply --inventory examples/lab.yaml --yes >/dev/null

# Runs inside the operator's namespace, so that entering it is not measured.
cat >"$state/bench" <<'END'
set -eu
runs=$1 config=$2
times() {
	for _ in $(seq "$runs"); do
		start=$(date +%s%N)
		"$@" >/dev/null 2>&1
		echo $((($(date +%s%N) - start) / 1000000))
	done | sort -n | awk -v n="$runs" '{t[NR] = $1} END {printf "%6d %6d %6d\n", t[int((n + 1) / 2)], t[int(n * 0.95 + 0.5)], t[n]}'
}
ssh_all() {
	for n in 1 2 3; do
		ssh -F "$config" kubernetes-node-$n sudo cat /etc/haproxy/haproxy.cfg /etc/keepalived/keepalived.conf \
			/etc/keepalived/kplb-check /etc/sysctl.d/90-kplb.conf /etc/systemd/system/haproxy.service.d/50-kplb.conf \
			/etc/systemd/system/keepalived.service.d/50-kplb.conf /etc/kubernetes/manifests/kube-apiserver.yaml \
			/etc/kubernetes/patches/kube-apiserver8kplb+json.yaml /etc/kubernetes/pki/ca.crt &
	done
	wait
}
printf '%-44s %6s %6s %6s\n' "milliseconds, $runs runs" p50 p95 max
printf '%-44s ' "kplb apply, nothing to do, proof included"
times bin/kplb apply --inventory examples/lab.yaml --yes
printf '%-44s ' "three parallel ssh of the same files"
times ssh_all
END
operator bash "$state/bench" "$RUNS" "$state/ssh_config"
