#!/bin/sh
# Asks what the guide's script asks (kubernetes/kubeadm,
# docs/ha-considerations.md at 0afcc432942e), written anew: the balancer on this
# node, and the VIP if this node holds it. Any answer will do.
answers() { curl --silent --insecure --max-time 2 --output /dev/null "https://$1:8443/"; }

answers localhost || exit 1
! ip address | grep -q 10.1.233.1 || answers 10.1.233.1
