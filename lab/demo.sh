#!/usr/bin/env bash
# `make demo`: three real nodes, one apply, /healthz through the VIP.
set -eu
cd "$(dirname "$0")/.."

lab/lab down --name demo
lab/lab up --name demo
state=$(lab/lab state --name demo)

# What a person would type on the operator's machine.
run() {
	echo "\$ $*"
	lab/lab exec --name demo operator env KPLB_SSH_CONFIG="$state/ssh_config" PATH="$PWD/bin:$PATH" "$@"
	echo
}

run kplb apply --inventory examples/lab.yaml --yes
run curl --silent --cacert "$state/ca.crt" https://10.1.233.1:6443/healthz
lab/lab ps

cat <<END

The lab stays up. To look around:
  lab/lab ssh --name demo 1                              log in to node 1
  lab/lab exec --name demo 1 systemctl stop haproxy      break the holder, then: lab/lab ps
  lab/lab cut --name demo 2                              pull a cable; "mend" plugs it in
  lab/lab exec --name demo operator bash                 a shell where kplb runs; there:
      export KPLB_SSH_CONFIG=$state/ssh_config KPLB_INVENTORY=examples/lab.yaml
      bin/kplb verify
      bin/kplb diff
  make demo-down                                         remove it
END
